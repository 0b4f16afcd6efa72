"""Settings of the AlphaFold-Multimer backend, and which of them determine numbers."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["ColabFoldSettings", "CostSettings", "ModelNumber"]

ModelNumber = Annotated[int, Field(ge=1, le=5)]


class CostSettings(BaseModel):
    """Seconds that the planning of buckets reckons with: those of an A100, to be replaced by measured ones.

    Attributes
    ----------
    compile_s : float
        One compilation, whatever the length: 1673 residues took 556 s the first time and 418-434 s after, 1009 residues
        324 s and 194-206 s (timings of stock AlphaFold-Multimer recorded with AlphaJudge's tests), so about 125 s.
    fixed_s, per_square_residue_s : float
        One network with three recycles (four passes) on L residues takes ``fixed_s + per_square_residue_s * L**2``:
        least squares through the A100 table of AlphaFold's README (100 residues 4.9 s ... 1000 residues 96 s).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    compile_s: float = Field(default=125.0, ge=0)
    fixed_s: float = Field(default=3.5, ge=0)
    per_square_residue_s: float = Field(default=9.4e-5, gt=0)

    def inference_s(self, residues: int) -> float:
        """Return the seconds of one network with three recycles on so many residues, padding included."""
        return self.fixed_s + self.per_square_residue_s * residues**2


class ColabFoldSettings(BaseModel):
    """How segment pairs are folded; defaults as in the GET paper (model 3, three recycles) and in ColabFold.

    Attributes
    ----------
    weights : Path or None
        Folder with ``params_model_N_multimer_v3.npz`` or with ``params/`` that holds them; None for the folder of
        `screening.folding.colabfold.weights.default_folder`. Their hashes enter the keys.
    models : tuple of int
        Networks to run, of the five; the best by 0.8 ipTM + 0.2 pTM is kept. ``[1, 2, 3, 4, 5]`` for homodimers and
        confirmations.
    seeds : int
        Seeds for each network, counted up from ``structure.seed``.
    recycles : int
        Recycles after the first pass, at most.
    early_stop_tolerance : float
        Recycling ends when C-alpha distances change by less than this, angstrom; AlphaFold-Multimer's default 0.5. 0
        for none.
    max_msa, max_extra_msa : int
        Rows of the alignment that the network sees as clusters and as extra sequences in each pass.
    bfloat16 : bool
        Half precision in the Evoformer, as AlphaFold has it; off for bit-by-bit comparisons.
    templates : Path or None
        Folder of PDB and mmCIF files that are searched for templates; needs the programs hhsearch and kalign.
    buckets : tuple of int or None
        Padded lengths to compile, ascending; None to plan them.
    cost : CostSettings
        What planning reckons with.
    memory_gb : float
        Pairs that are estimated to need more GPU memory are refused as ``too_large``.
    compile_mode : str
        ColabFold's: ``tuned`` fixes the tile of the matrix products, ``full`` lets XLA search, ``fast`` avoids Triton.
    compile_cache : Path or None
        Folder of compiled networks, shared between processes; None for one in the user's cache folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: Path | None = Field(default=None, exclude=True)
    models: tuple[ModelNumber, ...] = Field(default=(3,), min_length=1)
    seeds: int = Field(default=1, ge=1)
    recycles: int = Field(default=3, ge=0)
    early_stop_tolerance: float = Field(default=0.5, ge=0)
    max_msa: int = Field(default=508, ge=5)
    max_extra_msa: int = Field(default=2048, ge=1)
    bfloat16: bool = True
    templates: Path | None = Field(default=None, exclude=True)
    buckets: tuple[Annotated[int, Field(ge=16)], ...] | None = Field(default=None, exclude=True)
    cost: CostSettings = Field(default=CostSettings(), exclude=True)
    memory_gb: float = Field(default=80.0, gt=0, exclude=True)
    compile_mode: Literal["fast", "tuned", "full"] = Field(default="tuned", exclude=True)
    compile_cache: Path | None = Field(default=None, exclude=True)

    @field_validator("models")
    @classmethod
    def _each_once(cls, models: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(models)) != len(models):
            raise ValueError("a model is named twice")
        return tuple(sorted(models))

    @field_validator("buckets")
    @classmethod
    def _ascending(cls, buckets: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return None if not buckets else tuple(sorted(set(buckets)))

    @property
    def runs(self) -> int:
        """Runs of a network for each pair."""
        return len(self.models) * self.seeds

    def inference_s(self, residues: int) -> float:
        """Return the seconds of all runs on a pair padded to so many residues, by `cost`; linear in the passes."""
        return self.cost.inference_s(residues) * self.runs * (self.recycles + 1) / 4
