"""C-alpha positions of a segment out of its monomer's structure file."""

import gzip

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidInput
from screening.folding.backend import FoldSegment

__all__ = ["read_ca_nm"]


def read_ca_nm(segment: FoldSegment) -> NDArray[np.float64]:
    """Read the C-alpha positions of a segment from its monomer coordinates.

    Parameters
    ----------
    segment : FoldSegment
        With `coordinates`: PDB or mmCIF, plain or gzipped; the first chain of the first model is used.

    Returns
    -------
    ndarray, shape (L, 3), float64
        nm.

    Raises
    ------
    InvalidInput
        Not a structure file, or a residue of the segment is missing or another amino acid there.
    """
    from Bio.PDB.MMCIFParser import MMCIFParser
    from Bio.PDB.PDBParser import PDBParser
    from Bio.SeqUtils import seq1

    path = segment.coordinates
    if path is None:
        raise InvalidInput(f"{segment.name} has no coordinates")
    parser = MMCIFParser(QUIET=True) if ".cif" in path.suffixes else PDBParser(QUIET=True)
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as handle:
            model = parser.get_structure("monomer", handle)
            chain = next(iter(() if model is None else model.get_chains()))
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, StopIteration, KeyError, ValueError) as error:
        raise InvalidInput(f"{path} is not a readable PDB or mmCIF file: {error}") from error
    residues = {residue.id[1]: residue for residue in chain if residue.id[0] == " "}
    positions = []
    for number, expected in enumerate(segment.sequence, start=segment.start):
        residue = residues.get(number)
        if residue is None or "CA" not in residue:
            raise InvalidInput(f"{path} has no C-alpha of residue {number}, which {segment.name} needs")
        if (found := seq1(residue.get_resname())) != expected:
            raise InvalidInput(
                f"residue {number} in {path} is {found}, in {segment.name} {expected}",
                cure="give coordinates of the same isoform, numbered as the full-length protein",
            )
        positions.append(residue["CA"].get_coord())
    return np.array(positions, float) / 10
