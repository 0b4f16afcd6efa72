"""What a trajectory says: shape, mobility and interface, each a pure function with a named criterion.

docs/dynamics_analysis.md has the formulas. Lengths are nm, times ps; n frames, N atoms, R residues.
"""

from md.analysis.summary import HydrogenBond, MdAnalysis, analyse

__all__ = ["HydrogenBond", "MdAnalysis", "analyse"]
