"""The C-alpha trace of a complex: read from its file, drawn so that it can be turned."""

import gzip
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.report.arrays import Floats

__all__ = ["read_trace", "trace"]

# C-alpha atoms of neighbouring residues are 3.8 angstrom apart, 2.9 across a cis peptide bond; farther, one is missing.
BOND_ANGSTROM = 4.6
SIZE, MARGIN = 260, 8


def read_trace(path: Path) -> list[Floats]:
    """Read where the residues of each chain are.

    Parameters
    ----------
    path : Path
        PDB or mmCIF, gzipped or not. The first model counts.

    Returns
    -------
    list of ndarray, shape (n, 3)
        C-alpha atoms of each chain that has any, at least one, angstrom, in the order of the file.

    Raises
    ------
    ValueError
        Not such a file, or one without C-alpha atoms.
    OSError
        It cannot be read.
    """
    from Bio.PDB.MMCIFParser import FastMMCIFParser
    from Bio.PDB.PDBExceptions import PDBException
    from Bio.PDB.PDBParser import PDBParser

    parser = FastMMCIFParser(QUIET=True) if ".cif" in path.name else PDBParser(QUIET=True)
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as handle:
            structure = parser.get_structure("", handle)
    except (PDBException, KeyError, IndexError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: no structure: {error}") from error
    model = next(iter(structure or ()), ())
    chains = (
        [residue["CA"].coord for residue in chain if "CA" in residue and residue["CA"].element == "C"]
        for chain in model
    )
    found = [np.array(chain, np.float64) for chain in chains if chain]
    if not found:
        raise ValueError(f"{path}: no C-alpha atom")
    return found


def trace(chains: Sequence[Floats]) -> str:
    """Draw the traces of chains; the page's script turns them as the pointer is dragged.

    Parameters
    ----------
    chains : sequence of ndarray, shape (n, 3)
        C-alpha atoms, angstrom; at least one atom.

    Returns
    -------
    str
        SVG: the first chain in the class ``chain0``, the second in ``chain1`` and so on. It is seen along the axis in
        which the complex is thinnest, and keeps its hand.
    """
    points = np.concatenate(chains)
    centred = points - points.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2] if len(points) > 2 else np.eye(3)
    if np.linalg.det(axes) < 0:
        axes[2] *= -1
    turned = centred @ axes.T
    reach = float(np.linalg.norm(turned, axis=1).max()) or 1.0
    # Coordinates of the screen: right, down, away from the eye. Turning two axes at once keeps the hand.
    turned *= np.array([1.0, -1.0, -1.0]) * (SIZE / 2 - MARGIN) / reach
    split = np.split(turned, np.cumsum([len(chain) for chain in chains])[:-1])
    pieces = [list(np.split(new, _breaks(old))) for old, new in zip(chains, split, strict=True)]
    paths = "".join(
        f'<path class="chain{index}" d="{"".join(map(_path, of_chain))}"/>' for index, of_chain in enumerate(pieces)
    )
    coordinates = json.dumps([[piece.round(1).tolist() for piece in chain] for chain in pieces], separators=(",", ":"))
    box = f'viewBox="{-SIZE / 2:g} {-SIZE / 2:g} {SIZE} {SIZE}" style="max-width:{SIZE}px"'
    return f'<svg class="trace" {box} role="img" aria-label="C-alpha trace" data-chains="{coordinates}">{paths}</svg>'


def _breaks(chain: Floats) -> NDArray[np.intp]:
    """Return the indices of residues that no bond joins to the one before."""
    return np.flatnonzero(np.linalg.norm(np.diff(chain, axis=0), axis=1) > BOND_ANGSTROM) + 1


def _path(piece: Floats) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in piece)
