"""Write docs/settings.md from the models: ``python docs/make_settings.py``."""

from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from screening.settings import ScreenSettings

HEAD = """# Settings

Every setting of `screen.toml` with its default. `--set section.name=value` overrides any.
Unknown names are errors. Paths are relative to the file they stand in. *(machine)* marks what
does not determine results and so is no part of the content keys. Definitions and sources stand
in the docstrings of `screening/sections/` and of what they import.
"""


def lines(name: str, model: type[BaseModel], value: BaseModel) -> list[str]:
    rows, nested = [], []
    for field_name, field in model.model_fields.items():
        current = getattr(value, field_name)
        if isinstance(current, BaseModel):
            nested += lines(f"{name}.{field_name}".lstrip("."), type(current), current)
            continue
        machine = " *(machine)*" if field.exclude else ""
        default = "required" if field.default is PydanticUndefined and current is None else repr(current)
        rows.append(f"| `{field_name}`{machine} | `{default}` |")
    title = f"\n## `[{name}]`\n" if name else "\n## at the top\n"
    return [title, "| setting | default |", "|---|---|", *rows, *nested] if rows else nested


def page() -> str:
    return HEAD + "\n".join(lines("", ScreenSettings, ScreenSettings())) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("settings.md").write_text(page())
