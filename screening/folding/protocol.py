"""Length and conditions of a residue-level simulation, and the box that follows from them."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from screening.folding.calvados import BOND_LENGTH_NM, CHARGE_CUTOFF_NM, Solution

__all__ = ["FRICTION_PER_PS", "ResidueMdSettings", "box_edge_nm", "expected_rg_nm"]

FRICTION_PER_PS = 0.01
"""Langevin friction of CALVADOS (PNAS 2021, doi 10.1073/pnas.2111696118, Methods)."""
MINIMUM_SHUFFLES = 3
"""Fewer runs give the null no standard deviation worth the name."""


class ResidueMdSettings(BaseModel):
    """How long and in which conditions; two segments of 60 residues take about two minutes on one core.

    Attributes
    ----------
    production_ns, equilibration_ns : float
        Length of each replica, and what is discarded before it.
    replicas : int
        Independent runs from different starts and seeds.
    temperature_kelvin, ionic_strength_molar, ph : float
        Conditions.
    timestep_fs : float
        CALVADOS uses 10; the stiffest vibration has a period of 0.5 ps, and 20 keeps the temperature.
    frame_interval_ps : float
        Time between the frames that are analysed.
    box_nm : float or None
        Edge of the periodic cube; None takes the size from the chains' expected radii of gyration.
    contact_cutoff_nm : float
        Residues with C-alphas closer than this touch.
    null_shuffles : int
        Runs of the same length with the residues of the disordered segments in random order, 0 or at least 3; each
        costs as much as the pair itself. They tell what the order of the residues adds to binding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    production_ns: float = Field(default=30.0, gt=0)
    equilibration_ns: float = Field(default=1.0, ge=0)
    replicas: int = Field(default=3, ge=1)
    temperature_kelvin: float = Field(default=300.0, ge=273.15, le=373.15)
    ionic_strength_molar: float = Field(default=0.15, ge=0.0, le=1.0)
    ph: float = Field(default=7.4, ge=0.0, le=14.0)
    timestep_fs: float = Field(default=20.0, gt=0.0, le=25.0)
    frame_interval_ps: float = Field(default=20.0, gt=0.0)
    box_nm: float | None = Field(default=None, ge=2 * CHARGE_CUTOFF_NM)
    contact_cutoff_nm: float = Field(default=0.8, gt=0.5, le=1.5)
    null_shuffles: int = Field(default=0, ge=0, le=100)

    @field_validator("null_shuffles")
    @classmethod
    def _enough_shuffles(cls, value: int) -> int:
        if 0 < value < MINIMUM_SHUFFLES:
            raise ValueError(f"{value} shuffles give no standard deviation; take 0 or at least {MINIMUM_SHUFFLES}")
        return value

    @property
    def solution(self) -> Solution:
        """The conditions as the force field takes them."""
        return Solution(self.temperature_kelvin, self.ionic_strength_molar, self.ph)

    @property
    def steps_per_frame(self) -> int:
        """Integration steps between frames, at least 1."""
        return max(1, round(self.frame_interval_ps * 1e3 / self.timestep_fs))

    @property
    def frames(self) -> int:
        """Frames per replica that are analysed, at least 1."""
        return max(1, round(self.production_ns * 1e3 / self.frame_interval_ps))

    @property
    def equilibration_frames(self) -> int:
        """Frames per replica that are discarded."""
        return round(self.equilibration_ns * 1e3 / self.frame_interval_ps)


def expected_rg_nm(residues: int) -> float:
    """Radius of gyration of a disordered chain in good solvent, an upper estimate that sizes the box.

    Parameters
    ----------
    residues : int
        Length of the chain.

    Returns
    -------
    float
        Hofmann et al., PNAS 109, 16155 (2012), doi 10.1073/pnas.1207719109: persistence length 0.4 nm, exponent 0.588.
    """
    exponent = 0.588
    scale = 2 * 0.4 * BOND_LENGTH_NM / ((2 * exponent + 1) * (2 * exponent + 2))
    return float(np.sqrt(scale) * residues**exponent)


def box_edge_nm(settings: ResidueMdSettings, lengths: Sequence[int]) -> float:
    """Edge of the cube: the chains as spheres side by side, and the longest cutoff to the next image.

    A sphere of radius R has Rg = sqrt(3/5) R.
    """
    if settings.box_nm is not None:
        return settings.box_nm
    diameters = sum(2 * np.sqrt(5 / 3) * expected_rg_nm(length) for length in lengths)
    return float(np.ceil(diameters + CHARGE_CUTOFF_NM))
