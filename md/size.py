"""What a simulation will cost, before anything is built."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from md.calibration import Calibration
from md.cost import find, seconds
from md.errors import DiskFull, InvalidStructure, NotCalibrated
from md.forcefields.registry import CUTOFF_NM
from md.machine import Machine, this_machine
from md.settings import MdSettings

__all__ = ["Size", "box_vectors_nm", "estimate", "refuse_full_disk", "refuse_size"]

# Box vectors over the distance between images, in OpenMM's reduced form.
SHAPES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "cube": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "dodecahedron": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.5, 0.5, 0.5**0.5)),
    "octahedron": ((1.0, 0.0, 0.0), (1 / 3, 8**0.5 / 3, 0.0), (-1 / 3, 2**0.5 / 3, 6**0.5 / 3)),
}
_MOLECULES_PER_NM3 = 33.4  # water at 300 K and 1 bar
_WATERS_PER_SOLUTE_ATOM = 0.33  # that it takes the room of: protein has about 0.01 nm³ an atom
_SITES = {"tip3p": 3, "spce": 3, "tip4pew": 4, "tip5p": 5, "swm4ndp": 5}
_HYDROGENS_PER_HEAVY_ATOM = 1.0  # proteins have one to two hydrogens for two heavy atoms, with caps about as many

# One core, OpenMM 8.6.1 (benchmarks/results/md.md): 68 to 78 ms a step of 10,667 particles in a99SB-disp water, and
# 10.8 ms for 591 with OBC2 and no cutoff. Another machine took half of either.
_EXPLICIT_US = 7.0
_IMPLICIT_US_PER_PAIR = 0.031
_MEMORY_MIB, _MEMORY_KIB_PER_ATOM = 60.0, 5.0  # 110 MiB for 11,184 atoms, measured; PME grids included
_XTC_BYTES, _STATE_BYTES = 4.0, 140.0  # per atom: of a frame of protein, and of a State in XML; measured
ROOM_TO_SHRINK = 1.1  # of a box over the smallest that OpenMM allows with the cutoff: it shrinks under pressure
SPARE = 1.2  # of the estimate must be free on the disk


@dataclass(frozen=True)
class Size:
    """What a simulation will be.

    Parameters
    ----------
    n_atoms, n_solute : int
        Simulated particles, and those of the protein.
    box_nm : float
        Distance between images; 0 without a box.
    memory_mib, disk_mib : float
        On the host, and in the run's folder.
    cpu_hours : float
        On one core of the CPU platform. A GPU's time is not known before it has been measured.
    measured : bool
        Whether the hours follow from a measurement of this machine; else from another one, by a factor of two or so.
    """

    n_atoms: int
    n_solute: int
    box_nm: float
    memory_mib: float
    disk_mib: float
    cpu_hours: float
    measured: bool

    def __str__(self) -> str:
        """All of it in one line."""
        box = f" in a box of {self.box_nm:.1f} nm" if self.box_nm else ""
        source = "as measured here" if self.measured else "by a rule of thumb"
        return (
            f"about {self.n_atoms:,} atoms{box}, {self.memory_mib:,.0f} MiB of memory, {self.disk_mib:,.0f} MiB of "
            f"disk, {self.cpu_hours:,.1f} hours on one CPU core {source}"
        )


def estimate(heavy_nm: NDArray[np.float64], settings: MdSettings, calibrations: Sequence[Calibration] = ()) -> Size:
    """Estimate a simulation from its structure.

    Parameters
    ----------
    heavy_nm : float64 (n_heavy, 3)
        Heavy atoms of the solute.
    settings : MdSettings
    calibrations : sequence of Calibration
        What was measured; one that fits goes before the rule of thumb.

    Returns
    -------
    Size
    """
    n_solute = round(len(heavy_nm) * (1.0 + _HYDROGENS_PER_HEAVY_ATOM))
    entry = settings.force_field_entry()
    if entry.water_model is None:
        n_atoms, box, rule_us = n_solute, 0.0, _IMPLICIT_US_PER_PAIR * n_solute
    else:
        vectors = box_vectors_nm(heavy_nm, settings)
        box = float(vectors[0, 0])
        water = float(np.linalg.det(vectors)) * _MOLECULES_PER_NM3 - _WATERS_PER_SOLUTE_ATOM * n_solute
        n_atoms, rule_us = n_solute + round(water) * _SITES[entry.water_model], _EXPLICIT_US
    one_core = settings.model_copy(update={"platform": "CPU", "threads": 1})
    rule = Calibration(Machine("", "CPU", "single", 1, ""), settings.force_field, n_atoms, 1e-6 * rule_us, 0, "")
    measured = None
    if calibrations:
        with suppress(NotCalibrated):
            measured = find(calibrations, this_machine(one_core), settings.force_field, n_atoms)
    trajectory = 2.0 * settings.n_frames * n_solute * _XTC_BYTES  # the segments' and the joined one
    states = (settings.n_segments + 2) * n_atoms * _STATE_BYTES
    return Size(
        n_atoms=n_atoms,
        n_solute=n_solute,
        box_nm=box,
        memory_mib=_MEMORY_MIB + n_atoms * _MEMORY_KIB_PER_ATOM / 1024.0,
        disk_mib=(trajectory + states) / 2**20,
        cpu_hours=seconds(measured or rule, n_atoms, one_core) / 3600.0,
        measured=measured is not None,
    )


def box_vectors_nm(solute_nm: NDArray[np.float64], settings: MdSettings) -> NDArray[np.float64]:
    """Return the box of a solute.

    Parameters
    ----------
    solute_nm : float64 (n, 3)
        Its atoms; the longest distance between two, plus ``padding_nm``, is that between images. GROMACS' ``-d 1.0``,
        which is by the side, is a padding of 2.0. For a solute of a few residues the cutoff sets the size.
    settings : MdSettings

    Returns
    -------
    float64 (3, 3)
        Vectors in rows, nm.
    """
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    shape = np.array(SHAPES[settings.box_shape])
    corners = solute_nm[ConvexHull(solute_nm, qhull_options="QJ").vertices]
    smallest = ROOM_TO_SHRINK * 2.0 * CUTOFF_NM / float(shape.diagonal().min())
    return max(float(pdist(corners).max()) + settings.padding_nm, smallest) * shape


def refuse_size(source: Path, size: Size, settings: MdSettings) -> None:
    """Refuse what is too large.

    Parameters
    ----------
    source : Path
        The structure, for the message.
    size : Size
    settings : MdSettings

    Raises
    ------
    InvalidStructure
        ``too_large``: more atoms than ``settings.max_atoms``.
    """
    if size.n_atoms > settings.max_atoms:
        raise InvalidStructure(
            f"{source}: {size}; max_atoms = {settings.max_atoms:,}",
            code="too_large",
            cure="trim long disordered tails (cuts are capped), take a dodecahedron or implicit solvent, or raise "
            "max_atoms",
        )


def refuse_full_disk(folder: Path, size: Size) -> None:
    """Refuse to begin what the disk cannot hold.

    Parameters
    ----------
    folder : Path
        Of the run; need not exist.
    size : Size

    Raises
    ------
    DiskFull
        Less than 1.2 times the estimate is free.
    """
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    free_mib = shutil.disk_usage(there).free / 2**20
    if free_mib < SPARE * size.disk_mib:
        raise DiskFull(
            f"{folder}: {free_mib:,.0f} MiB free, {SPARE * size.disk_mib:,.0f} needed ({size})",
            cure="make room, write frames less often, or lengthen checkpoint_interval_ps",
        )
