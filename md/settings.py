"""The protocol of one molecular-dynamics run: one frozen screen of settings.

The defaults follow the GET paper where it speaks (Fu et al. 2025, Methods, "Molecular dynamics": 300 K, cubic box,
2 fs, 100 ps of NVT and 100 ps of NPT under position restraints, 100 ns of production) and OpenMM's own practice where
it does not. docs/dynamics.md lists every difference from the paper and from its scripts.
"""

import hashlib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from md.forcefields import DEFAULT, FORCE_FIELDS, WATER_MODELS, ForceFieldEntry, user_force_field

__all__ = ["PRESETS", "USER", "MdSettings", "Preset"]

Preset = Literal["published", "as_coded", "fast", "smoke"]
PRESETS: tuple[Preset, ...] = ("published", "as_coded", "fast", "smoke")
USER = "user"
"""Name of the force field that comes from the user's files."""

HYDROGEN_MASS_AMU = 3.0  # repartitioned hydrogen mass: Hopkins et al. 2015, doi 10.1021/ct5010406
MAX_STEP_FS = 2.0  # with bonds to hydrogen constrained; ibid., table 1
MAX_STEP_HEAVY_HYDROGEN_FS = 4.0  # with hydrogens of 3 amu; ibid.
SMALLEST_STEP_FS = 0.1

_YOUNGER = ("protonation", "ph")
"""Settings that trajectories are older than: at their defaults they change no number, and so no key."""


class MdSettings(BaseModel):
    """How to simulate one prepared structure.

    Parameters
    ----------
    force_field : str
        A key of `md.forcefields.FORCE_FIELDS`, whose entry says what its trajectories are evidence for, or ``user``.
    force_field_files : tuple of Path
        OpenMM XML files, for ``user`` only. Their content is part of what a run is, their place is not.
    water_model : str or None
        Water box of OpenMM to start from, for ``user`` only; None for implicit solvent.
    temperature_kelvin, friction_per_ps : float
        Langevin thermostat (LangevinMiddle); OpenMM has no V-rescale, so dynamics are slower than in the paper.
    pressure_bar : float
        For explicit solvent only.
    timestep_fs : float
        At most 2, or 4 with `heavy_hydrogens` (3 amu hydrogens, mass taken from their heavy atom).
    minimise_tolerance : float
        Root-mean-square force at which a round of minimisation stops, kJ/mol/nm.
    minimise_max_force : float
        Largest force on any atom with which minimisation is done, kJ/mol/nm.
    minimise_iterations : int
        Upper bound on all iterations together; 0 for the paper's 50,000.
    restraint : float
        Position restraint of heavy atoms during equilibration, kJ/mol/nm².
    equilibration_ps : float
        Half at constant volume, half at constant pressure; heavy atoms held throughout.
    production_ps, frame_interval_ps, checkpoint_interval_ps : float
        Lengths. Each must be a whole number of steps; production a whole number of checkpoints, and those of frames.
    quality_gate : str
        What to do where minimised or equilibrated numbers are not sound: ``fail`` the run, or ``report`` them.
    box_shape : str
        Explicit solvent: a dodecahedron keeps images as far apart as a cube with 0.71 of its water.
    padding_nm, ionic_strength_molar : float
        Explicit solvent: box size beyond the solute, image to image, and added salt. GROMACS' ``-d 1.0`` is 2.0 here;
        with less, the solute would see its own image within the cutoff. With 0, ions neutralise and no more.
    caps : bool
        ACE and NME where a segment was cut out of its protein; without, such ends are charged.
    zinc_fingers : str
        A C2H2 motif gets its zinc where four ligands stand round one point. Where they do not, or in implicit solvent:
        ``hold`` its C-alpha atoms to one another, ``refuse`` it, or ``ignore`` the motif altogether.
    disulfides : bool
        Bond sulphurs closer than 2.5 Å. Off, since cysteines of nuclear proteins are reduced; either way reported.
    protonation : str
        Histidines: ``standard`` (both hydrogens up to pH 6.5, above it neutral by hydrogen bonds) or ``propka`` (both
        where PROPKA's pKa in this structure is above the pH; other groups are reported only). Those that bind zinc keep
        what that needs.
    ph : float
        Between 4.4 and 8.5, where only histidines change: other residues have their usual states.
    variants : dict of str to str
        Protonation of residues, e.g. ``{"A:12" = "HIP"}``, as `Modeller.addHydrogens` names it; wins over all else.
    max_clashes : int
        Pairs of heavy atoms of different residues closer than 1.5 Å that minimisation is trusted with.
    max_atoms : int
        Refuse a larger system, with its size, before it costs anything.
    seed, replicas : int
        Replica r of a run draws all its random numbers from (seed, r).
    platform : str
        ``auto`` takes CUDA, then HIP, then CPU.
    threads : int
        CPU platform only.
    deterministic : bool
        Bitwise repeatable on the same machine. On the CPU platform this needs one thread.
    retries : int
        How often a segment that blew up is repeated from its last sealed state, each time with half the step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    force_field: str = DEFAULT
    force_field_files: tuple[Path, ...] = ()
    water_model: str | None = None
    temperature_kelvin: float = Field(default=300.0, ge=200.0, le=500.0)
    friction_per_ps: float = Field(default=1.0, gt=0.0, le=100.0)
    pressure_bar: float = Field(default=1.0, gt=0.0, le=1000.0)
    timestep_fs: float = Field(default=2.0, ge=SMALLEST_STEP_FS)
    heavy_hydrogens: bool = False
    minimise_tolerance: float = Field(default=10.0, gt=0.0)
    minimise_max_force: float = Field(default=1000.0, gt=0.0)
    minimise_iterations: int = Field(default=0, ge=0)
    restraint: float = Field(default=1000.0, ge=0.0)
    equilibration_ps: float = Field(default=200.0, ge=0.0)
    production_ps: float = Field(default=100_000.0, gt=0.0)
    frame_interval_ps: float = Field(default=100.0, gt=0.0)
    checkpoint_interval_ps: float = Field(default=1000.0, gt=0.0)
    quality_gate: Literal["fail", "report"] = "fail"
    box_shape: Literal["cube", "dodecahedron", "octahedron"] = "cube"
    padding_nm: float = Field(default=2.0, ge=2.0, le=10.0)
    ionic_strength_molar: float = Field(default=0.15, ge=0.0, le=2.0)
    caps: bool = True
    zinc_fingers: Literal["hold", "refuse", "ignore"] = "hold"
    disulfides: bool = False
    protonation: Literal["standard", "propka"] = "standard"
    ph: float = Field(default=7.0, gt=4.4, lt=8.5)
    variants: dict[str, str] = Field(default_factory=dict)
    max_clashes: int = Field(default=20, ge=0)
    max_atoms: int = Field(default=500_000, ge=1)
    seed: int = Field(default=1, ge=0, lt=2**31)
    replicas: int = Field(default=1, ge=1, le=1000)
    platform: Literal["auto", "CPU", "CUDA", "HIP", "OpenCL", "Reference"] = "auto"
    threads: int = Field(default=1, ge=1, le=1024)
    deterministic: bool = True
    retries: int = Field(default=2, ge=0, le=5)

    @classmethod
    def preset(cls, name: Preset) -> Self:
        """Return a protocol by name.

        Parameters
        ----------
        name : str
            ``published``, ``as_coded``, ``fast`` or ``smoke``.

        Returns
        -------
        MdSettings
        """
        return {"published": cls, "as_coded": cls.as_coded, "fast": cls.fast, "smoke": cls.smoke}[name]()

    @classmethod
    def as_coded(cls) -> Self:
        """Follow the authors' scripts where they differ from the text: 10 ns, no salt, no caps, no zinc."""
        return cls(
            production_ps=10_000.0,
            ionic_strength_molar=0.0,
            caps=False,
            zinc_fingers="ignore",
            quality_gate="report",
        )

    @classmethod
    def fast(cls) -> Self:
        """Follow the paper at about a third of the cost: dodecahedron, heavy hydrogens, 4 fs."""
        return cls(box_shape="dodecahedron", timestep_fs=4.0, heavy_hydrogens=True)

    @classmethod
    def smoke(cls) -> Self:
        """Seconds on one core for tens of residues, and evidence that the pipeline works, not of anything else."""
        return cls(
            force_field="ff14sb-obc2",
            timestep_fs=4.0,
            heavy_hydrogens=True,
            minimise_iterations=200,
            equilibration_ps=2.0,
            production_ps=10.0,
            frame_interval_ps=0.2,
            checkpoint_interval_ps=5.0,
            quality_gate="report",
            platform="CPU",
        )

    @field_validator("force_field")
    @classmethod
    def _known_force_field(cls, key: str) -> str:
        if key not in FORCE_FIELDS and key != USER:
            raise ValueError(f"force_field {key!r} is not one of {', '.join([*sorted(FORCE_FIELDS), USER])}")
        return key

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        limit = MAX_STEP_HEAVY_HYDROGEN_FS if self.heavy_hydrogens else MAX_STEP_FS
        if self.timestep_fs > limit:
            hint = "" if self.heavy_hydrogens else " (4 with heavy_hydrogens = true)"
            raise ValueError(f"timestep_fs {self.timestep_fs:g} exceeds {limit:g}{hint}")
        if self.deterministic and self.threads > 1:
            raise ValueError(
                f"deterministic runs need threads = 1, not {self.threads}: with more, the CPU platform sums forces "
                "in a different order each time; set deterministic = false"
            )
        if (self.force_field == USER) != bool(self.force_field_files):
            raise ValueError('force_field = "user" and force_field_files go together')
        if self.water_model is not None and (self.force_field != USER or self.water_model not in WATER_MODELS):
            raise ValueError(f'water_model goes with force_field = "user" and is one of {", ".join(WATER_MODELS)}')
        for name in ("equilibration_ps", "frame_interval_ps"):
            _whole(name, getattr(self, name) * 1000.0, "timestep_fs", self.timestep_fs)
        _whole("checkpoint_interval_ps", self.checkpoint_interval_ps, "frame_interval_ps", self.frame_interval_ps)
        _whole("production_ps", self.production_ps, "checkpoint_interval_ps", self.checkpoint_interval_ps)
        return self

    def force_field_entry(self) -> ForceFieldEntry:
        """Return the force field.

        Returns
        -------
        ForceFieldEntry

        Raises
        ------
        InvalidStructure
            ``force_field``: one of the user's files cannot be used.
        """
        if self.force_field == USER:
            return user_force_field(self.force_field_files, self.water_model)
        return FORCE_FIELDS[self.force_field]

    def determining(self) -> dict[str, object]:
        """Return what decides every number of one replica: no machine, and of files their content.

        Returns
        -------
        dict
            Plain JSON values.

        Raises
        ------
        OSError
            A file of the user's force field cannot be read.
        """
        kept = self.model_dump(mode="json", exclude={"platform", "threads", "replicas", "force_field_files"})
        for name in _YOUNGER:
            if kept[name] == type(self).model_fields[name].default:
                del kept[name]
        sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.force_field_files]
        return {**kept, "force_field_files": sums}

    @property
    def n_segments(self) -> int:
        """Number of sealed production segments."""
        return round(self.production_ps / self.checkpoint_interval_ps)

    @property
    def frames_per_segment(self) -> int:
        """Frames written in each production segment."""
        return round(self.checkpoint_interval_ps / self.frame_interval_ps)

    @property
    def n_frames(self) -> int:
        """Frames of a finished trajectory."""
        return self.n_segments * self.frames_per_segment

    def derived_seed(self, replica: int, purpose: str) -> int:
        """Seed of one use of random numbers, independent of all others.

        Parameters
        ----------
        replica : int
            1-based.
        purpose : str
            What the numbers are for, e.g. ``"segment 3, attempt 0"``.

        Returns
        -------
        int
            In 1 .. 2³¹ - 1: OpenMM takes 0 for "a fresh seed each time".
        """
        digest = hashlib.sha256(f"{self.seed}/{replica}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % (2**31 - 1) + 1


def _whole(name: str, length: float, unit_name: str, unit: float) -> None:
    ratio = length / unit
    if abs(ratio - round(ratio)) > 1e-6 * max(1.0, ratio) or (length > 0.0 and round(ratio) == 0):
        hint = f": shorten {unit_name}" if ratio < 1.0 else ""
        raise ValueError(f"{name} is {ratio:g} times {unit_name} ({unit:g}): it must be a whole multiple{hint}")
