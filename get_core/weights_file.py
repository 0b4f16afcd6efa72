"""Tensors from a file of weights, without running anything that the file asks for.

Torch files go through torch's weights-only reader, and the classes that official files mention
(``argparse.Namespace``, omegaconf containers) are replaced by inert stand-ins.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_weights"]

# Classes in the non-weight part of official files: v1 keeps its command line, Lightning its Hydra settings.
STAND_INS = re.compile(
    r"argparse\.Namespace|omegaconf\..+|typing\.Any|collections\.defaultdict"
    r"|(?:builtins|__builtin__)\.(?:dict|list|tuple|int|float|str|bool)"
)


def read_weights(path: Path) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Read the tensors of a file and what its header says of them.

    Parameters
    ----------
    path : Path
        A safetensors file, or a torch file: a plain state dict, or one under the key ``model`` or ``state_dict``.

    Returns
    -------
    weights : dict of str to Tensor
        On the CPU, under the names of the file.
    metadata : dict of str to str
        Texts in the header of a safetensors file; empty for torch files.

    Raises
    ------
    InvalidInput
        Not a file of weights, a damaged one, or code in it.
    """
    return _read_safetensors(path) if _is_safetensors(path) else (_read_torch(path), {})


class _Inert:
    """Stand-in for a class named in a checkpoint: swallows what the original would have been built from."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _is_safetensors(path: Path) -> bool:
    # A safetensors file starts with the length of its JSON header (8 bytes) and the header itself.
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _read_safetensors(path: Path) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            return weights, file.metadata() or {}
    except SafetensorError as error:
        raise InvalidInput(f"{path}: damaged safetensors file: {error}", cure="fetch or save it again") from error


def _read_torch(path: Path) -> dict[str, "Tensor"]:
    import torch

    try:
        names: list[str] = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:
        # Only zip files can be listed; the reader below judges every other kind.
        names = []
    foreign = sorted(name for name in names if not STAND_INS.fullmatch(name))
    if foreign:
        raise InvalidInput(
            f"{path}: the file asks for {', '.join(foreign)}, which no GET checkpoint needs; nothing was run",
            cure="get the file from its publisher again, or save only its state dict on the machine that made it",
        )
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([(_Inert, name) for name in names]):
            warnings.simplefilter("ignore")  # torch warns of old pickle protocols; what cannot be read is refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # The reader raises many types on damaged bytes; none of them may reach the user as a traceback.
        raise InvalidInput(
            f"{path}: not a torch file of plain weights: {_reason(error)}; nothing was run",
            cure="save the state dict alone (torch.save(model.state_dict(), path)) on the machine that made it",
        ) from None
    for wrapper in ("model", "state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise InvalidInput(f"{path}: holds a {type(content).__name__}, not a state dict")
    others = [str(name) for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if others or not content:
        raise InvalidInput(
            f"{path}: not a state dict; {len(others)} of {len(content)} without weights: {', '.join(others[:6])}"
        )
    return {str(name): value for name, value in content.items()}


def _reason(error: Exception) -> str:
    # The reader wraps its reason in advice to switch the safety off, which must not be passed on.
    origin = error.__context__ or error
    said = str(origin).split(". ")[0][:200]
    return f"{type(origin).__name__}: {said}" if said else "it ends too early"
