"""Files of the networks' parameters: where they lie, what they are, and look-alikes with random values.

The parameters of AlphaFold-Multimer v2.3 are five files ``params_model_N_multimer_v3.npz`` of DeepMind (CC BY 4.0).
Look-alikes have the same arrays with random values: they run through the same code and mean nothing. Each carries an
array `MARKER` inside, so that a copy of the file cannot be taken for the real one, and beside them lies `NETWORK_FILE`
with the sizes of their network.
"""

import json
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalog.store import sha256_of_file, write_atomically
from screening.errors import InvalidInput
from screening.resources import WEIGHTS, folder_of
from screening.text_file import read_text

if TYPE_CHECKING:
    import haiku

    from screening.folding.colabfold.network import Sizes

__all__ = [
    "MARKER",
    "MODELS",
    "NETWORK_FILE",
    "RANDOM",
    "checksum",
    "default_folder",
    "file_name",
    "find_weights",
    "is_random",
    "load_parameters",
    "make_random_weights",
    "sizes_of",
]

MODELS = (1, 2, 3, 4, 5)

RANDOM = "random"
"""What ``structures.weights`` says of look-alikes, in place of a hash."""

MARKER = "random_look_alike//not_trained"
"""Array that only look-alikes have; named as AlphaFold names its own, ``scope//name``."""

NETWORK_FILE = "random_weights.json"


def default_folder() -> Path:
    """Return where weights are looked for unless the settings say so.

    Returns
    -------
    Path
        Where ``screening fetch-weights`` puts them: ``$SCREENING_WEIGHTS``, else ``screening/alphafold-multimer-v3``
        in the user's cache folder.
    """
    return folder_of(WEIGHTS)


def file_name(model: int) -> str:
    """Return DeepMind's name of the file of a network, 1-5."""
    return f"params_model_{model}_multimer_v3.npz"


def find_weights(folder: Path, models: Sequence[int]) -> dict[int, Path]:
    """Find the parameters of some networks.

    Parameters
    ----------
    folder : Path
        Folder with the files, or with ``params/`` that holds them, as ColabFold and AlphaFold lay them out.
    models : sequence of int
        Networks, 1-5.

    Returns
    -------
    dict of int to Path
        In the order of `models`.

    Raises
    ------
    InvalidInput
        A file is absent.
    """
    found, absent = {}, []
    for model in models:
        candidates = (folder / file_name(model), folder / "params" / file_name(model))
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            absent.append(file_name(model))
        else:
            found[model] = path
    if absent:
        raise InvalidInput(
            f"no {', '.join(absent)} in {folder} or {folder / 'params'}",
            cure="screening fetch-weights, or set structure.colabfold.weights to the folder that has them",
        )
    return found


def checksum(path: Path) -> str:
    """Hash a file of parameters, once in a process as long as its size and time do not change.

    Returns
    -------
    str
        SHA-256, hexadecimal.
    """
    status = path.stat()
    return _checksum(str(path), status.st_size, status.st_mtime_ns)


def is_random(path: Path) -> bool:
    """Return whether a file of parameters is one of our look-alikes.

    Raises
    ------
    InvalidInput
        The file is no npz, or a truncated one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise _broken(path, error) from None
    return f"{MARKER}.npy" in names or (path.parent / NETWORK_FILE).is_file()


def sizes_of(path: Path) -> dict[str, int]:
    """Return how the network of a file of parameters differs from AlphaFold's; real ones do not.

    Raises
    ------
    InvalidInput
        `NETWORK_FILE` beside it is broken.
    """
    beside = path.parent / NETWORK_FILE
    if not beside.is_file():
        return {}
    try:
        return {str(name): int(value) for name, value in json.loads(read_text(beside))["network"].items()}
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise InvalidInput(f"{beside}: holds no sizes of a network", cure="make the random weights again") from None


def load_parameters(path: Path) -> "haiku.Params":
    """Read parameters onto JAX's device, in the layout of the fused triangle multiplication.

    Raises
    ------
    InvalidInput
        The file is broken.
    """
    from alphafold.model.utils import flat_params_to_haiku

    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name != MARKER}
        return flat_params_to_haiku(arrays, fuse=True)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _broken(path, error) from None


def make_random_weights(
    folder: Path, sizes: "Sizes | None" = None, *, models: Sequence[int] = MODELS, seed: int = 0
) -> None:
    """Write look-alikes of the parameters, laid out as ColabFold reads them.

    Weights are normal with a variance of about 1/inputs, scales of layer norms 1, other vectors normal with deviation
    0.1.

    Parameters
    ----------
    folder : Path
        ``folder/params/params_model_N_multimer_v3.npz`` and `NETWORK_FILE` beside them are written.
    sizes : mapping, optional
        How the network differs from AlphaFold's: `screening.folding.colabfold.network.TINY` unless given, ``{}`` for
        the full size (93 million parameters, 356 MB each).
    models : sequence of int, optional
        Networks; each has values of its own.
    seed : int, optional
        Seed of the values.
    """
    from screening.folding.colabfold.network import TINY, parameter_shapes

    chosen = TINY if sizes is None else sizes
    shapes = parameter_shapes(chosen)
    params = folder / "params"
    params.mkdir(parents=True, exist_ok=True)
    for model in models:
        generator = np.random.default_rng([seed, model])
        arrays = {name: _random_values(name, shape, generator) for name, shape in shapes.items()}
        temporary = params / f".tmp-{file_name(model)}"
        with temporary.open("wb") as handle:
            np.savez(handle, allow_pickle=False, **{MARKER: np.zeros((), np.float32)}, **arrays)
        temporary.rename(params / file_name(model))
    # ColabFold looks for this before it looks for the parameters.
    (params / "download_complexes_multimer_v3_finished.txt").touch()
    about = "Random look-alikes of AlphaFold-Multimer's parameters. They predict nothing."
    note = json.dumps({"about": about, "network": dict(chosen)}, indent=1) + "\n"
    write_atomically(params / NETWORK_FILE, note.encode())


def _random_values(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    values = generator.standard_normal(shape, dtype=np.float32)
    if name.endswith("scale"):
        return np.ones(shape, np.float32)
    if name.endswith("outer_product_mean//output_b"):
        # AlphaFold divides it by the number of sequences, and by 0.001 where the alignment has none to spare.
        return np.zeros(shape, np.float32)
    if len(shape) > 1:
        return values / np.sqrt(np.float32(max(shape[-3:-1])))
    return np.float32(0.1) * values


def _broken(path: Path, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"{path}: broken file of parameters ({error})", cure="screening fetch-weights, or copy the file again"
    )


@cache
def _checksum(path: str, size: int, modified_ns: int) -> str:
    return sha256_of_file(Path(path))
