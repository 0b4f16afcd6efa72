"""Secondary structure of each residue over time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from md.analysis.solute import Solute

__all__ = ["SecondaryStructure", "secondary_structure"]

Floats = NDArray[np.float64]

HELIX, STRAND = ("H", "G", "I"), ("E", "B")
UNKNOWN = "NA"  # MDTraj's code for a residue without a full backbone


@dataclass(frozen=True, eq=False)
class SecondaryStructure:
    """DSSP codes.

    Parameters
    ----------
    codes : str (n, R)
        One of H, G, I, E, B, T, S, or a blank; caps are left out.
    """

    codes: NDArray[np.str_]

    @property
    def helix(self) -> NDArray[np.bool_]:
        """Whether a residue is in a helix (H, G or I), bool (n, R)."""
        return np.isin(self.codes, HELIX)

    @property
    def strand(self) -> NDArray[np.bool_]:
        """Whether a residue is in a strand or bridge (E or B), bool (n, R)."""
        return np.isin(self.codes, STRAND)


def secondary_structure(solute: Solute) -> SecondaryStructure:
    """Assign secondary structure in each frame.

    Parameters
    ----------
    solute : Solute
        n frames, R residues in all chains; bonds across chains make strands, as in DSSP.

    Returns
    -------
    SecondaryStructure
        By DSSP (Kabsch & Sander 1983, doi 10.1002/bip.360221211), as MDTraj has it.
    """
    import mdtraj

    found = mdtraj.compute_dssp(mdtraj.Trajectory(solute.xyz_nm, solute.topology), simplified=False)
    codes = np.asarray(found)[:, np.concatenate([chain.residues for chain in solute.chains])]
    return SecondaryStructure(np.where(codes == UNKNOWN, " ", codes).astype("U1"))
