"""From inputs to an atlas: the motif scores of the regions, chromosome by chromosome."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.atlas import Atlas
from get_core.chromatin.genome import Genome
from get_core.chromatin.inputs import AtlasInputs, BuildSettings
from get_core.chromatin.jobs import Map, Note, Progress
from get_core.chromatin.motif_sources import motif_origin, read_motifs
from get_core.chromatin.peaks import Peaks
from get_core.chromatin.prepare import Dropped, Prepared, prepare
from get_core.motifs import MotifLibrary, scan

__all__ = ["BuildReport", "ScanJob", "build_atlas", "scan_regions"]

REGIONS_PER_JOB = 8192
"""Regions of one chromosome scanned at a time: 9 MB of scores of 282 clusters; preparing the motifs takes 0.1 s."""

SCANNING = "scanning regions"

FEATURES = (
    "each motif divided by its maximum over the regions open in the cell type, clipped at 1; accessibility divided "
    "by its maximum in the cell type (scores are stored as scanned)"
)


@dataclass(frozen=True, eq=False)
class ScanJob:
    """Regions of one chromosome to scan.

    Attributes
    ----------
    genome, index : Path
        FASTA file and its index; read where the job runs.
    chrom : str
        Chromosome.
    start, end : int64 (k,)
        Regions.
    library : MotifLibrary
        Motifs.
    p_value : float
        Of a match.
    threads : int
        Threads of the scanner.
    """

    genome: Path
    index: Path
    chrom: str
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    library: MotifLibrary
    p_value: float
    threads: int = 1


@dataclass(frozen=True)
class BuildReport:
    """What became of the input.

    Attributes
    ----------
    notes : tuple of str
        What was done to it.
    dropped : tuple of Dropped
        What is not in the atlas, with the reason.
    depth : dict of str to float
        Counts of each cell type in all peaks.
    cells : dict of str to int
        Cells of each type, where known.
    """

    notes: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    depth: dict[str, float]
    cells: dict[str, int]

    def table(self) -> str:
        """Return what was left out as a table: kind, subject, reason."""
        rows = ["kind\tsubject\treason", *(f"{row.kind}\t{row.subject}\t{row.reason}" for row in self.dropped)]
        return "\n".join(rows) + "\n"


def build_atlas(
    inputs: AtlasInputs,
    settings: BuildSettings,
    *,
    progress: Progress | None = None,
    note: Note = lambda text: None,
    map: Map = map,
    threads: int = 1,
) -> tuple[Atlas, BuildReport]:
    """Make an atlas.

    Memory: regions x (4 x motifs + 50 x cell types + 800) bytes for the atlas, its counts and names (2.4 GB for a
    million regions, 282 clusters and 10 cell types), 0.1 GB for the program, and the annotation.
    Each worker holds what one job needs: of fragments see `get_core.chromatin.fragments.count_fragments`, of a scan the
    sequences of its regions.
    The result does not depend on `map` and `threads`.

    Parameters
    ----------
    inputs : AtlasInputs
        Files.
    settings : BuildSettings
        How they are read.
    progress : callable, optional
        Called with what is being done, how much of it is done, and how much there is.
    note : callable, optional
        Called with what is being done.
    map : callable, optional
        What runs the counts of fragments and the scans; the built-in `map` runs them here, one after the other.
    threads : int
        Threads of the scanner in each job.

    Returns
    -------
    Atlas
        Checked.
    BuildReport
        What was left out, and why.

    Raises
    ------
    InvalidInput
        With file and line where there is one; before any scanning.
    """
    note(f"reading motifs from {inputs.motifs}")
    library = read_motifs(inputs.motifs)
    prepared = prepare(inputs, settings, note=note, progress=progress, map=map)
    note(f"scanning {len(prepared.peaks)} regions for {len(library.names)} motifs")
    scores = np.empty((len(prepared.peaks), len(library.cluster_names)), np.float32)
    done = 0
    with Genome(inputs.genome.absolute()) as genome:
        for part in map(scan_regions, _jobs(prepared.peaks, genome, library, settings.p_value, threads)):
            scores[done : done + len(part)] = part
            done += len(part)
            if progress:
                progress(SCANNING, done, len(scores))
    if done != len(scores):
        raise RuntimeError(f"{done} of {len(scores)} regions were scanned")
    report = BuildReport(prepared.notes, prepared.dropped, dict(prepared.depth), dict(prepared.cells))
    return _atlas(prepared, library, scores, settings, motif_origin(inputs.motifs)), report


def scan_regions(job: ScanJob) -> NDArray[np.float32]:
    """Read the bases of some regions and score every motif cluster in them.

    Parameters
    ----------
    job : ScanJob
        Regions, genome and motifs.

    Returns
    -------
    (k, m) float32
        As `get_core.motifs.scan`.
    """
    with Genome(job.genome, index=job.index) as genome:
        sequences = {
            f"{job.chrom}:{start}-{end}": genome.sequence(job.chrom, start, end)
            for start, end in zip(job.start.tolist(), job.end.tolist(), strict=True)
        }
    return scan(sequences, job.library, p_value=job.p_value, threads=job.threads)


def _jobs(peaks: Peaks, genome: Genome, library: MotifLibrary, p_value: float, threads: int) -> list[ScanJob]:
    jobs = []
    for chrom, rows in peaks.runs().items():
        for begin in range(rows.start, rows.stop, REGIONS_PER_JOB):
            part = slice(begin, min(begin + REGIONS_PER_JOB, rows.stop))
            starts, ends = peaks.start[part], peaks.end[part]
            jobs.append(ScanJob(genome.path, genome.index, chrom, starts, ends, library, p_value, threads))
    return jobs


def _atlas(
    prepared: Prepared, library: MotifLibrary, scores: NDArray[np.float32], settings: BuildSettings, origin: str
) -> Atlas:
    scanned = (
        f"{len(library.names)} motifs of {origin} in {len(library.cluster_names)} clusters, "
        f"p < {settings.p_value:g}; of overlapping matches of a cluster the best stands; sum in nats"
    )
    return Atlas(
        chrom=prepared.chrom,
        start=prepared.start,
        end=prepared.end,
        motifs=library.cluster_names,
        scores=scores,
        cell_types=prepared.cell_types,
        accessibility=prepared.accessibility,
        expression_labels=prepared.expression_labels,
        genes=prepared.genes,
        gene_expression=prepared.gene_expression,
        expression_unit="TPM" if prepared.genes else "",
        accessibility_kind="measured",
        simulated=False,
        promoters=prepared.promoters,
        definitions={**prepared.definitions, "scores": scanned, "features": FEATURES},
    )
