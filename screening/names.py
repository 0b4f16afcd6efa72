"""Names that people type: what to say where there is none of that name."""

from collections.abc import Iterable
from difflib import get_close_matches

from screening.errors import InvalidInput

__all__ = ["no_such"]

MOST_NEAR = 3
MOST_LISTED = 12


def no_such(message: str, name: str, known: Iterable[str]) -> InvalidInput:
    """Return the error of a name that is not there; its cure has the names that may have been meant.

    Parameters
    ----------
    message : str
        What has no such name.
    name : str
        As it was typed.
    known : iterable of str
        The names that are there.

    Returns
    -------
    InvalidInput
        Its cure has the nearest names, case aside, then those that hold what was typed. Where there are none it lists
        the names, the first of them where they are many.
    """
    names = list(dict.fromkeys(known))
    folded: dict[str, str] = {}
    for each in names:
        folded.setdefault(each.casefold(), each)
    typed = name.casefold()
    near = [folded[each] for each in get_close_matches(typed, folded, n=MOST_NEAR)]
    near += [each for fold, each in folded.items() if typed and typed in fold and each not in near]
    if near:
        return InvalidInput(message, cure=f"did you mean {' or '.join(near[:MOST_NEAR])}?")
    if not names:
        return InvalidInput(message, cure="it has none")
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return InvalidInput(message, cure=f"it has {', '.join(names[:MOST_LISTED])}{more}")
