"""Which complexes deserve molecular dynamics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Choice", "choose"]


@dataclass(frozen=True)
class Choice:
    """What was decided about one complex.

    Attributes
    ----------
    structure : str
        Key of the structure.
    value : float or None
        Its metric; None where it has none.
    selected : bool
        Whether it is simulated.
    rank : int or None
        1 for the best; None without a value.
    reason : str
        Why.
    """

    structure: str
    value: float | None
    selected: bool
    rank: int | None
    reason: str


def choose(values: Mapping[str, float | None], *, metric: str, minimum: float, limit: int) -> Sequence[Choice]:
    """Take the best complexes by one metric.

    Parameters
    ----------
    values : mapping of str to float or None
        Structure key to metric, larger is better.
    metric : str
        Its name, for the reasons.
    minimum : float
        Smallest value taken.
    limit : int
        Largest number taken.

    Returns
    -------
    sequence of Choice
        One for each structure, the best first; ties in the order of the keys.
    """
    known = sorted(((value, key) for key, value in values.items() if value is not None), key=lambda x: (-x[0], x[1]))
    choices = []
    for rank, (value, key) in enumerate(known, start=1):
        if value < minimum:
            reason = f"{metric} {value:.4g} is below {minimum:.4g}"
        elif rank > limit:
            reason = f"rank {rank} by {metric} is beyond the limit of {limit}"
        else:
            reason = f"rank {rank} by {metric}"
        choices.append(Choice(key, value, value >= minimum and rank <= limit, rank, reason))
    unknown = sorted(key for key, value in values.items() if value is None)
    return [*choices, *(Choice(key, None, False, None, f"{metric} is NULL") for key in unknown)]
