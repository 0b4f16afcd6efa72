"""Content keys: what a task is, is what determines its numbers."""

import hashlib
import json
from collections.abc import Mapping

from catalog.record import Json

__all__ = ["canonical_json", "content_key"]


def canonical_json(value: Json | Mapping[str, Json]) -> str:
    """Write a value as the one JSON text that stands for it.

    Parameters
    ----------
    value : Json
        Strings, finite numbers, booleans, None, lists and string-keyed mappings.

    Returns
    -------
    str
        Sorted keys, no spaces, UTF-8 letters as they are.

    Raises
    ------
    ValueError
        A number is not finite.
    TypeError
        A value is none of these.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_key(
    stage: str,
    version: int,
    inputs: Mapping[str, Json],
    upstream: Mapping[str, str],
    settings: Mapping[str, Json],
) -> str:
    """Name a task by what determines its result.

    Parameters
    ----------
    stage : str
        Name of the stage.
    version : int
        Version of the stage's function.
    inputs : mapping
        Values and file hashes; no paths, times or run names.
    upstream : mapping of str to str
        Role to key of the tasks read.
    settings : mapping
        Settings of the stage, normalised through their model, so that ``1`` and ``1.0`` are the same.

    Returns
    -------
    str
        SHA-256, hexadecimal.
    """
    text = canonical_json([stage, version, dict(inputs), dict(upstream), dict(settings)])
    return hashlib.sha256(text.encode()).hexdigest()
