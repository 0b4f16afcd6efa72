"""What the AlphaFold-Multimer backend adds to the step from segment pairs to complexes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Record
from screening.errors import InvalidInput, TooLarge
from screening.folding.backend import FoldRequest, FoldResult, FoldSegment
from screening.folding.colabfold.buckets import BucketPlan
from screening.folding.colabfold.cost import gpu_memory_gb
from screening.folding.colabfold.templates import template_files
from screening.folding.colabfold.weights import checksum, default_folder, find_weights
from screening.sections.complexes import StructureSettings
from screening.steps.alignments import msa_task
from screening.task import Task, Workspace

if TYPE_CHECKING:
    from screening.msa import Msa
    from screening.screen import Screen

__all__ = ["Preparation", "fold", "prepare", "require_weights", "weights_of"]

Side = Mapping[str, Json]


@dataclass(frozen=True)
class Preparation:
    """What the structures of one protein pair have in common.

    Attributes
    ----------
    alignments : mapping of str to Task
        The task that gives each protein its alignment, by accession.
    sources : mapping of str to Path
        Parameters of the networks, and templates.
    settings : StructureSettings
        With the planned buckets and absolute paths: neither enters a key.
    """

    alignments: Mapping[str, Task]
    sources: Mapping[str, Path]
    settings: StructureSettings

    def upstream(self, a: Side, b: Side) -> dict[str, str]:
        """Return the alignments that a pair of segments reads."""
        return {f"msa_{side}": self.alignments[str(part["accession"])].key for side, part in (("a", a), ("b", b))}

    def refusal(self, a: Side, b: Side) -> dict[str, Json]:
        """Return the memory limit where a pair is estimated to exceed it, else nothing.

        It is an input of the task, so a pair that one limit refuses is another task under a larger one; the keys of all
        others do not depend on it.
        """
        limit = self.settings.colabfold.memory_gb
        return {"memory_gb_at_most": limit} if gpu_memory_gb(_residues(a, b)) > limit else {}


def weights_of(screen: "Screen") -> dict[int, Path]:
    """Find the parameters that the settings ask for.

    Raises
    ------
    InvalidInput
        A file is absent.
    """
    settings = screen.settings.structure.colabfold
    folder = default_folder() if settings.weights is None else screen.folder / settings.weights.expanduser()
    return find_weights(folder.resolve(), settings.models)


def require_weights(screen: "Screen") -> None:
    """Refuse a screen whose backend lacks its parameters, before anything runs.

    Raises
    ------
    InvalidInput
        The backend is ``colabfold`` and a file of its parameters is absent.
    """
    if screen.settings.structure.backend == "colabfold":
        weights_of(screen)


def prepare(record: Record, screen: "Screen") -> Preparation:
    """Look up what the structures of a protein pair need.

    Parameters
    ----------
    record : Record
        Of the stage ``segment_pairs``.
    screen : Screen
        Its store has the records that this one was made from.

    Raises
    ------
    InvalidInput
        Parameters or templates are absent.
    """
    settings = screen.settings.structure
    network = settings.colabfold
    sources = {f"weights_{model}": path for model, path in weights_of(screen).items()}
    if network.templates is not None:
        templates = template_files((screen.folder / network.templates.expanduser()).resolve())
        sources |= {f"template_{name}": path for name, path in templates.items()}
    cut = [screen.store.get(key) for key in sorted(set(record.upstream.values()))]
    alignments = {
        str(part.outputs["accession"]): msa_task(part.outputs, screen) for part in cut if part is not None and part.ok
    }
    pairs = cast(list[Mapping[str, Side]], record.outputs["pairs"])
    lengths = [_residues(pair["a"], pair["b"]) for pair in pairs]
    buckets = network.buckets or _bucket_plan(screen).add(record.key, lengths)
    cache_folder = network.compile_cache and (screen.folder / network.compile_cache.expanduser()).resolve()
    planned = network.model_copy(update={"buckets": buckets or None, "compile_cache": cache_folder})
    return Preparation(alignments, sources, settings.model_copy(update={"colabfold": planned}))


def fold(workspace: Workspace, settings: StructureSettings, a: FoldSegment, b: FoldSegment) -> FoldResult:
    """Fold a segment pair.

    Raises
    ------
    TooLarge
        The pair is estimated to need more GPU memory than the settings allow.
    OSError
        A file of parameters is not the one that the task was made for.
    """
    from screening.folding.colabfold.backend import ColabFold

    inputs, sources = workspace.task.inputs, workspace.task.sources
    if "memory_gb_at_most" in inputs:
        residues = a.length + b.length
        raise TooLarge(
            f"{workspace.task.subject}: {residues} residues need about {gpu_memory_gb(residues):.1f} GB of GPU memory, "
            f"structure.colabfold.memory_gb is {inputs['memory_gb_at_most']:g}",
            cure="raise it on larger GPUs, or leave such pairs out by segment_pairs.maximum_length",
        )
    weights = {model: workspace.source(f"weights_{model}") for model in settings.colabfold.models}
    for model, path in weights.items():
        if checksum(path) != inputs[f"weights_{model}_sha256"]:
            raise OSError(f"{path} on this machine is not the file that the screen was planned with")
    backend = ColabFold(
        settings.colabfold,
        weights,
        templates=tuple(Path(path) for name, path in sorted(sources.items()) if name.startswith("template_")),
        cpus=workspace.cpus,
        gpus=workspace.gpus,
    )
    request = FoldRequest(a, b, settings.seed, _complex_alignment(workspace, a, b))
    return backend.fold(request, workspace.folder, workspace.progress)


def _complex_alignment(workspace: Workspace, a: FoldSegment, b: FoldSegment) -> str:
    """Slice and pair the alignments of the two proteins; those of the query alone give the query alone."""
    from screening.msa import complex_msa

    full_a, full_b = (_alignment(workspace.file(f"msa_{side}", "a3m")) for side in "ab")
    for part, full in ((a, full_a), (b, full_b)):
        if full.query[part.start - 1 : part.end] != part.sequence:
            raise InvalidInput(f"{part.name}: the alignment's query has another sequence there", cure="search it again")
    return complex_msa(full_a, full_b, (a.start, a.end), (b.start, b.end))


@lru_cache(maxsize=8)
def _alignment(path: Path) -> "Msa":
    """Read an alignment; a worker meets the same proteins again and again."""
    from screening.msa import parse_a3m
    from screening.text_file import read_text

    return parse_a3m(read_text(path), str(path))


_plans: dict[tuple[Path, str], BucketPlan] = {}


def _bucket_plan(screen: "Screen") -> BucketPlan:
    """Return the one plan of a screen: its segment pairs become known protein pair by protein pair."""
    network = screen.settings.structure.colabfold
    return _plans.setdefault((screen.output, repr(network)), BucketPlan(network.cost.compile_s, network.inference_s))


def _residues(a: Side, b: Side) -> int:
    return len(str(a["sequence"])) + len(str(b["sequence"]))
