"""What every section of ``screen.toml`` has in common."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from catalog.record import Json

__all__ = ["Section", "merged"]


def merged(base: Mapping[str, Json], override: Mapping[str, Json]) -> dict[str, Json]:
    """Return `base` with the values of `override` in their places, section by section."""
    result = dict(base)
    for name, value in override.items():
        old = result.get(name)
        result[name] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


class Section(BaseModel):
    """A section of ``screen.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    def determining(self) -> dict[str, Json]:
        """Return the part that determines numbers, as it enters the content key of a task.

        Returns
        -------
        dict
            Plain JSON values, without paths, machine choices and the settings of what is not chosen.
        """
        return self.model_dump(mode="json")
