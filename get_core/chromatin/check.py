"""The data validator: what is wrong or odd in an atlas, in numbers, and what mends it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from get_core.atlas import Atlas, Promoters
from get_core.chromatin.peaks import rename_hint

__all__ = ["Finding", "Measured", "check_atlas", "check_measured", "verdict"]

Severity = Literal["error", "warning", "note"]
ORDER = ("error", "warning", "note")

# Our own limits of what is worth a look; none of them changes a number.
WINDOW = 200
"""Regions GET sees at once (Methods)."""
FEW_PROMOTERS = 1000
SHALLOW = 1_000_000
RARELY_OPEN, MOSTLY_OPEN = 0.01, 0.98
UNCORRELATED = 0.1
WIDE_BP = 5000
LARGEST_LABEL = 20.0
"""log10(TPM + 1) of one gene is at most 6; more than three such genes on one strand of a region are not log values."""


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes
    ----------
    code : str
        Which check, such as ``motif-empty``.
    severity : str
        ``error`` (cannot be used so), ``warning`` (results suffer) or ``note``.
    message : str
        What, where, how many.
    numbers : mapping of str to float
        The same in numbers.
    cure : str
        What mends it.
    """

    code: str
    severity: Severity
    message: str
    numbers: Mapping[str, float]
    cure: str = ""


class Measured(Protocol):
    """What an atlas and its prepared inputs have in common; shapes as in `get_core.atlas.Atlas`."""

    @property
    def chrom(self) -> NDArray[np.str_]: ...  # noqa: D102
    @property
    def start(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def end(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def cell_types(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def accessibility(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def expression_labels(self) -> NDArray[np.float32] | None: ...  # noqa: D102
    @property
    def genes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def promoters(self) -> Promoters | None: ...  # noqa: D102


def check_atlas(
    atlas: Atlas,
    *,
    lengths: Mapping[str, int] | None = None,
    depth: Mapping[str, float] | None = None,
    window: int = WINDOW,
) -> tuple[Finding, ...]:
    """Examine an atlas.

    Parameters
    ----------
    atlas : Atlas
        Valid already: sorted, in range, of fitting shapes.
    lengths : mapping of str to int, optional
        Bases of each chromosome; coordinates are checked against them.
    depth : mapping of str to float, optional
        As for `check_measured`.
    window : int
        Regions the network will see at once.

    Returns
    -------
    tuple of Finding
        Errors first.
    """
    return _sorted([*check_measured(atlas, lengths=lengths, depth=depth, window=window), *_motifs(atlas)])


def check_measured(
    data: Measured,
    *,
    lengths: Mapping[str, int] | None = None,
    depth: Mapping[str, float] | None = None,
    window: int = WINDOW,
) -> tuple[Finding, ...]:
    """Examine regions, accessibility and expression, whether or not motifs have been scanned.

    Parameters
    ----------
    data : Measured
        An atlas or prepared inputs.
    lengths, window
        As for `check_atlas`.
    depth : mapping of str to float, optional
        Counts of each cell type. Otherwise told from the smallest accessibility, which is that of a single count,
        where all other values then are whole numbers of counts.

    Returns
    -------
    tuple of Finding
        Errors first.
    """
    checks: Sequence[Callable[[], list[Finding]]] = (
        lambda: _on_chromosomes(data, lengths),
        lambda: _windows(data, window),
        lambda: _widths(data),
        lambda: _accessibility(data),
        lambda: _depth(data, depth),
        lambda: _labels(data),
        lambda: _agreement(data),
    )
    return _sorted([finding for check in checks for finding in check()])


def verdict(findings: Sequence[Finding]) -> str:
    """Sum the findings up in one line."""
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in ORDER}
    numbers = ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items() if n) or "nothing found"
    if counts["error"]:
        return f"not usable: {numbers}"
    return f"usable, with less than it could give: {numbers}" if counts["warning"] else f"good: {numbers}"


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: ORDER.index(finding.severity)))


def _on_chromosomes(data: Measured, lengths: Mapping[str, int] | None) -> list[Finding]:
    if lengths is None:
        return []
    findings = []
    names = list(dict.fromkeys(data.chrom.tolist()))
    absent = [name for name in names if name not in lengths]
    if absent:
        count = int(np.isin(data.chrom, absent).sum())
        cure = rename_hint(absent[0], lengths) or "use the genome that the peaks were called on"
        text = f"{count} regions lie on {', '.join(absent[:5])}, which the genome lacks"
        findings.append(Finding("chromosome-absent", "error", text, {"regions": count}, cure))
    size = np.array([lengths.get(name, np.iinfo(np.int64).max) for name in names])
    code = {name: row for row, name in enumerate(names)}
    off = np.flatnonzero(data.end > size[[code[name] for name in data.chrom.tolist()]])
    if off.size:
        text = f"{off.size} regions reach past the end of their chromosome, the first is {_region(data, off[0])}"
        cure = "use the genome that the peaks were called on"
        findings.append(Finding("off-chromosome", "error", text, {"regions": off.size}, cure))
    return findings


def _windows(data: Measured, window: int) -> list[Finding]:
    names, sizes = np.unique(data.chrom, return_counts=True)
    short = sizes < window
    if not short.any():
        return []
    numbers = {"chromosomes": int(short.sum()), "regions": int(sizes[short].sum()), "window": window}
    shown = ", ".join(f"{name} ({size})" for name, size in list(zip(names[short], sizes[short], strict=True))[:5])
    text = f"fewer regions than a window of {window} on {shown}: they get no window"
    severity: Severity = "error" if short.all() else "warning"
    return [Finding("few-regions", severity, text, numbers, "add regions, or use a smaller pretrain.window")]


def _widths(data: Measured) -> list[Finding]:
    findings = []
    width = data.end - data.start
    wide = int((width > WIDE_BP).sum())
    if wide:
        text = (
            f"{wide} regions are wider than {WIDE_BP} bp, the widest has {width.max()}: they collect more motif matches"
        )
        findings.append(Finding("wide-regions", "warning", text, {"regions": wide}, "call or cut peaks to even widths"))
    same = data.chrom[1:] == data.chrom[:-1]
    overlap = int((same & (data.start[1:] < data.end[:-1])).sum())
    if overlap:
        text = f"{overlap} regions overlap the one before: their matches and counts count twice"
        findings.append(Finding("overlapping-regions", "note", text, {"regions": overlap}, "merge overlapping peaks"))
    return findings


def _accessibility(data: Measured) -> list[Finding]:
    findings = []
    for name, level in zip(data.cell_types, data.accessibility, strict=True):
        share = float((level > 0).mean())
        text = f"{name}: {share:.1%} of {len(level)} regions are open"
        if share < RARELY_OPEN:
            cure = "check its depth and the barcodes"
            findings.append(Finding("rarely-open", "warning", text, {"share": share}, cure))
        elif share > MOSTLY_OPEN and len(data.cell_types) > 1:
            cure = "raise --open-count: GET reads the regions of a cell type, not all"
            findings.append(Finding("mostly-open", "warning", text, {"share": share}, cure))
        else:
            findings.append(Finding("open", "note", text, {"share": share}))
        positive = level[level > 0]
        if positive.max() > 5.01:
            text = f"{name}: accessibility reaches {positive.max():.3g}, above log10(10⁵ + 1)"
            cure = "give counts, and let the atlas be built from them"
            findings.append(Finding("accessibility-range", "warning", text, {"largest": float(positive.max())}, cure))
    return findings


def _depth(data: Measured, depth: Mapping[str, float] | None) -> list[Finding]:
    findings = []
    for name, level in zip(data.cell_types, data.accessibility, strict=True):
        total = depth[name] if depth is not None else _told_depth(level)
        if total is None:
            continue
        text = f"{name}: {'' if depth is not None else 'about '}{total:,.0f} counts in peaks"
        if total < SHALLOW:
            cure = "pool libraries or cell types; shallow accessibility is mostly noise"
            findings.append(Finding("shallow", "warning", f"{text}, fewer than {SHALLOW:,}", {"counts": total}, cure))
        else:
            findings.append(Finding("depth", "note", text, {"counts": total}))
    return findings


def _told_depth(level: NDArray[np.float32]) -> float | None:
    """Return t of s = log10(c / t · 10⁵ + 1) where the values can be told to be of that form, else None."""
    share = 10 ** level[level > 0].astype(np.float64) - 1
    counts = share / share.min()
    small = counts[counts < 50]
    if len(small) < 20 or len(np.unique(np.rint(small))) < 3 or np.abs(small - np.rint(small)).max() > 0.02:
        return None
    return float(1e5 / share.min())


def _labels(data: Measured) -> list[Finding]:
    labels, promoters = data.expression_labels, data.promoters
    if labels is None:
        cure = "give --annotation and --rna"
        return [Finding("no-labels", "warning", "no expression of regions: nothing to finetune on", {}, cure)]
    findings = []
    highest = float(labels.max(initial=0))
    if highest > LARGEST_LABEL:
        text = f"expression of regions reaches {highest:.4g}: not log10(TPM + 1)"
        findings.append(Finding("label-range", "error", text, {"largest": highest}, "state the right --rna-unit"))
    for name, of_type, level in zip(data.cell_types, labels, data.accessibility, strict=True):
        count = int((of_type > 0).any(axis=1).sum())
        if not count:
            text = f"{name}: no open region has an expressed gene"
            cure = "check that genes, peaks and expression are of one assembly and spell genes alike"
            findings.append(Finding("no-expressed-promoter", "error", text, {"promoters": 0}, cure))
        if promoters is None:
            continue
        is_open = level[promoters.region] > 0
        opened = len(set(promoters.region[is_open].tolist()))
        text = f"{name}: {opened} open regions hold a transcription start, {count} of an expressed gene"
        few = opened < FEW_PROMOTERS
        cure = f"finetuning wants {FEW_PROMOTERS} or more: check --annotation and the peaks" if few else ""
        numbers = {"promoters": opened, "expressed": count}
        findings.append(
            Finding("few-promoters" if few else "promoters", "warning" if few else "note", text, numbers, cure)
        )
        with_open = {gene for gene, yes in zip(promoters.gene, is_open.tolist(), strict=True) if yes}
        closed = len(set(promoters.gene) - with_open)
        if closed:
            text = f"{name}: {closed} genes have no open transcription start, and so no attribution there"
            cure = "none where they are off in this cell type; else call peaks at their starts, or pool cells"
            findings.append(Finding("closed-genes", "note", text, {"genes": closed}, cure))
    if promoters is not None and data.genes:
        lacking = len(set(data.genes) - set(promoters.gene))
        if lacking:
            text = f"{lacking} of {len(data.genes)} genes with expression have no transcription start in a region"
            cure = "add peaks at their starts, or --extend 300; genes must be spelled as in --annotation"
            findings.append(Finding("gene-without-region", "note", text, {"genes": lacking}, cure))
    return findings


def _agreement(data: Measured) -> list[Finding]:
    """Correlate accessibility of promoters with what they express."""
    if data.expression_labels is None or data.promoters is None or not len(data.promoters.region):
        return []
    findings = []
    rows = np.unique(data.promoters.region)
    for name, labels, level in zip(data.cell_types, data.expression_labels, data.accessibility, strict=True):
        opened = rows[level[rows] > 0]
        x, y = level[opened].astype(np.float64), labels[opened].max(axis=1).astype(np.float64)
        if len(opened) < 3 or x.std() == 0 or y.std() == 0:
            continue
        r = float(np.corrcoef(x, y)[0, 1])
        text = f"{name}: accessibility and expression of {len(opened)} open promoters correlate with r = {r:.2f}"
        numbers = {"r": r, "promoters": len(opened)}
        if r < UNCORRELATED:
            cure = "check that ATAC and RNA are of the same cells, and peaks, genome and annotation of one assembly"
            findings.append(Finding("uncorrelated", "warning", text, numbers, cure))
        else:
            findings.append(Finding("correlation", "note", text, numbers))
    return findings


def _motifs(atlas: Atlas) -> list[Finding]:
    from get_core.motifs import clusters

    findings = []
    low, high = atlas.scores.min(axis=0), atlas.scores.max(axis=0)
    kinds = (
        ("motif-empty", high == 0, "match nowhere"),
        ("motif-constant", (low == high) & (high > 0), "score alike everywhere"),
    )
    for code, mask, what in kinds:
        found = [atlas.motifs[row] for row in np.flatnonzero(mask).tolist()]
        if found:
            all_of_them = len(found) == len(atlas.motifs)
            text = f"{len(found)} of {len(atlas.motifs)} motifs {what}: {', '.join(found[:8])}"
            cure = "check the motif file and the genome; causal networks leave such motifs out"
            numbers = {"motifs": len(found)}
            findings.append(Finding(code, "error" if all_of_them else "warning", text, numbers, cure))
    ours, known = set(atlas.motifs), set(clusters())
    if atlas.motifs != clusters():
        extra, lacking = len(ours - known), len(known - ours)
        text = f"the motifs are not GET's 282 clusters: {extra} others, {lacking} of them lacking"
        if not extra and not lacking:
            text = "the motifs are GET's 282 clusters in another order"
        cure = "published checkpoints need them in their order: build with the Vierstra v1 motifs"
        findings.append(Finding("motif-list", "note", text, {"others": extra, "lacking": lacking}, cure))
    return findings


def _region(data: Measured, row: int) -> str:
    return f"{data.chrom[row]}:{data.start[row]}-{data.end[row]}"
