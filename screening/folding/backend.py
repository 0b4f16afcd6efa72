"""What every structure backend takes and gives: two segments in, one structure with its provenance out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from screening.errors import InvalidInput
from screening.proteins import check_accession, check_sequence
from screening.segments import HIGH, SegmentKind

__all__ = ["FoldRequest", "FoldResult", "FoldSegment", "FoldingBackend", "Observable", "Progress"]

Progress = Callable[[int, int], None]
"""Called with (done, total) in units of the backend's own choice."""


@dataclass(frozen=True)
class FoldSegment:
    """One chain of a request: a stretch of a protein.

    Attributes
    ----------
    accession : str
        Accession of the protein.
    start, end : int
        Residue range in the full-length protein, 1-based inclusive.
    kind : str
        ``"high_plddt"``, ``"low_plddt"``, or ``"full_length"`` for a whole protein.
    sequence : str
        One-letter sequence of the segment, ``end - start + 1`` standard residues.
    protein_length : int
        Residues of the full-length protein: tells a real terminus from a cut.
    coordinates : Path or None
        PDB or mmCIF file of the monomer, numbered as the full-length protein; None where there is none.
    """

    accession: str
    start: int
    end: int
    kind: SegmentKind
    sequence: str
    protein_length: int
    coordinates: Path | None = None

    def __post_init__(self) -> None:
        check_accession(self.accession)
        check_sequence(self.sequence, self.name)
        if not 1 <= self.start <= self.end <= self.protein_length:
            raise InvalidInput(f"{self.name} is not a residue range of a protein of {self.protein_length} residues")
        if len(self.sequence) != self.length:
            raise InvalidInput(f"{self.name} has {self.length} residues, its sequence {len(self.sequence)}")

    @property
    def name(self) -> str:
        """Accession and range, ``ACCESSION:START-END``."""
        return f"{self.accession}:{self.start}-{self.end}"

    @property
    def length(self) -> int:
        """Number of residues."""
        return self.end - self.start + 1

    @property
    def is_folded(self) -> bool:
        """Whether its pLDDT was high."""
        return self.kind == HIGH

    @property
    def has_n_terminus(self) -> bool:
        """Whether it starts at the protein's own N-terminus."""
        return self.start == 1

    @property
    def has_c_terminus(self) -> bool:
        """Whether it ends at the protein's own C-terminus."""
        return self.end == self.protein_length


@dataclass(frozen=True)
class FoldRequest:
    """Two segments to be put together.

    Attributes
    ----------
    a, b : FoldSegment
        They become the chains A and B.
    seed : int
        Seed of everything random, at least 0.
    msa : str or None
        Paired and unpaired alignment in ColabFold's a3m format; only for backends that need one.
    """

    a: FoldSegment
    b: FoldSegment
    seed: int = 0
    msa: str | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InvalidInput(f"seed {self.seed} of {self.a.name} + {self.b.name} is negative")


@dataclass(frozen=True)
class Observable:
    """One number that a backend measured.

    Attributes
    ----------
    name, unit : str
        What it is; ``"1"`` is the unit of a pure number.
    value : float or None
        None where it cannot be known; `note` then says why.
    ci_low, ci_high : float or None
        95 % confidence interval, None where there is none.
    note : str
        Definition or reason.
    """

    name: str
    unit: str
    value: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class FoldResult:
    """A structure of the complex and what its backend says about it.

    Attributes
    ----------
    structure : Path
        PDB or mmCIF file of two chains.
    backend, backend_version, model_name : str
        Who made it.
    has_plddt : bool
        Whether the B-factors are pLDDT.
    chains : tuple of (str, str)
        Names of the two chains, in the order of the file.
    plddt : float or None
        Mean pLDDT, 0-100.
    ptm, iptm : float or None
        Predicted TM-scores, 0-1.
    num_recycles : int or None
        Recycles the network used.
    pae : Path or None
        File of the predicted aligned error (row = aligned, column = scored).
    contacts : Path or None
        npz file (no pickle) with the contact probabilities of a simulation.
    observables : tuple of Observable
        Anything else the backend measured.
    converged : bool
        Whether the result may be taken as the backend's final answer.
    reason : str
        Why it is not converged; empty where it is.
    weights : str
        SHA-256 of the network's parameters; ``"none"`` where the backend has none, ``"random"`` for untrained ones.
    max_pae : float or None
        Largest predicted aligned error, angstrom.
    seed : int or None
        Seed of the run that was kept, where a backend makes several.
    accelerator : str or None
        GPU that did the work.
    """

    structure: Path
    backend: str
    backend_version: str
    model_name: str
    has_plddt: bool
    chains: tuple[str, str] = ("A", "B")
    plddt: float | None = None
    ptm: float | None = None
    iptm: float | None = None
    num_recycles: int | None = None
    pae: Path | None = None
    contacts: Path | None = None
    observables: tuple[Observable, ...] = ()
    converged: bool = True
    reason: str = ""
    weights: str = "unknown"
    max_pae: float | None = None
    seed: int | None = None
    accelerator: str | None = None

    def observable(self, name: str) -> Observable:
        """Return the observable of that name.

        Raises
        ------
        KeyError
            There is none.
        """
        for observable in self.observables:
            if observable.name == name:
                return observable
        raise KeyError(name)


class FoldingBackend(Protocol):
    """Anything that folds a segment pair.

    Attributes
    ----------
    name, version : str
        Recorded with every structure; a change of `version` means a change of results.
    needs_msa : bool
        Whether `FoldRequest.msa` must be set.
    """

    @property
    def name(self) -> str:
        """Short name, recorded with every structure."""
        ...

    @property
    def version(self) -> str:
        """Version of the method."""
        ...

    @property
    def needs_msa(self) -> bool:
        """Whether `FoldRequest.msa` must be set."""
        ...

    def supports(self, request: FoldRequest) -> str | None:
        """Return why this backend cannot serve the request, None where it can."""
        ...

    def fold(self, request: FoldRequest, workdir: Path, progress: Progress | None = None) -> FoldResult:
        """Fold the pair; files go under `workdir`."""
        ...
