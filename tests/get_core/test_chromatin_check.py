"""The data validator: each finding on an atlas made to have it, and none on a sound one."""

from dataclasses import replace

import numpy as np
import pytest

from get_core.atlas import Atlas, Promoters
from get_core.chromatin.check import Finding, check_atlas, check_measured, verdict
from get_core.chromatin.prepare import accessibility
from get_core.motifs import clusters

N = 3600
PER = N // 2
RNG = np.random.default_rng(0)
TOTAL = 3_000_000
COUNTS = np.maximum(RNG.poisson(20, (2, N)) * (RNG.random((2, N)) < 0.7), 0)
COUNTS[:, 0] = 1
ROWS = np.arange(0, N, 2)


def sound() -> Atlas:
    level = accessibility(COUNTS, np.full(2, TOTAL))
    labels = np.zeros((2, N, 2), np.float32)
    labels[:, ROWS, 0] = level[:, ROWS] * 50
    scores = RNG.exponential(size=(N, 282)).astype(np.float32)
    genes = tuple(f"G{row}" for row in ROWS)
    return Atlas(
        chrom=np.repeat(["chr1", "chr2"], PER),
        start=np.tile(np.arange(PER) * 1000, 2),
        end=np.tile(np.arange(PER) * 1000 + 500, 2),
        motifs=clusters(),
        scores=scores,
        cell_types=("a", "b"),
        accessibility=level,
        expression_labels=labels,
        genes=genes,
        gene_expression=np.ones((2, len(genes)), np.float32),
        expression_unit="TPM",
        accessibility_kind="measured",
        simulated=True,
        promoters=Promoters(genes, ROWS.astype(np.int64), np.zeros(len(ROWS), np.int64)),
    )


SOUND = sound()
LENGTHS = {"chr1": PER * 1000, "chr2": PER * 1000}


def changed(name: str, index: object, value: object) -> Atlas:
    array = np.array(getattr(SOUND, name))
    array[index] = value
    return replace(SOUND, **{name: array})


def by_code(atlas: Atlas, **options) -> dict[str, Finding]:
    return {finding.code: finding for finding in reversed(check_atlas(atlas, **options))}


def test_a_sound_atlas_has_notes_alone() -> None:
    findings = by_code(SOUND, lengths=LENGTHS)
    assert {finding.severity for finding in findings.values()} == {"note"}, findings
    assert verdict(tuple(findings.values())).startswith("good: ")
    assert findings["promoters"].numbers["promoters"] == int((SOUND.accessibility[0, ROWS] > 0).sum())
    assert findings["correlation"].numbers["r"] == pytest.approx(1)
    assert findings["open"].numbers["share"] == pytest.approx((COUNTS[0] > 0).mean())


def test_depth_is_told_from_the_smallest_accessibility() -> None:
    assert by_code(SOUND)["depth"].numbers["counts"] == pytest.approx(TOTAL, rel=1e-3)
    shallow = replace(SOUND, accessibility=accessibility(COUNTS, np.full(2, 40_000)))
    finding = by_code(shallow)["shallow"]
    assert finding.severity == "warning" and finding.numbers["counts"] == pytest.approx(40_000, rel=1e-3)
    # Values of another making tell nothing, and nothing is made up.
    other = SOUND.accessibility + (SOUND.accessibility > 0) * RNG.random((2, N))
    assert not {"depth", "shallow"} & set(by_code(replace(SOUND, accessibility=other.astype(np.float32))))
    given = {finding.code: finding for finding in check_measured(SOUND, depth={"a": 7, "b": 2e6})}
    assert given["shallow"].numbers["counts"] == 7 and given["depth"].numbers["counts"] == 2e6


BROKEN = {
    "chromosome-absent": ("error", SOUND, {"lengths": {"1": 10**9, "chr2": 10**9}}, "one file says chr1, the other 1"),
    "off-chromosome": ("error", SOUND, {"lengths": {"chr1": 10**9, "chr2": PER * 1000 - 600}}, "genome"),
    "few-regions": ("warning", changed("chrom", slice(N - 150, None), "chr3"), {}, "window"),
    "wide-regions": ("warning", changed("end", 3, 10_000), {}, "widths"),
    "overlapping-regions": ("note", changed("end", 3, 4_100), {}, "merge"),
    "rarely-open": ("warning", changed("accessibility", (0, slice(20, None)), 0), {}, "depth"),
    "mostly-open": ("warning", changed("accessibility", 0, SOUND.accessibility.max()), {}, "open-count"),
    "accessibility-range": ("warning", changed("accessibility", (0, 5), 9), {}, "counts"),
    "motif-empty": ("warning", changed("scores", (slice(None), 3), 0), {}, "motif file"),
    "motif-constant": ("warning", changed("scores", (slice(None), 3), 2), {}, "motif file"),
    "motif-list": ("note", replace(SOUND, motifs=(*clusters()[1:], clusters()[0])), {}, "order"),
    "no-labels": ("warning", replace(SOUND, expression_labels=None), {}, "--annotation"),
    "label-range": ("error", changed("expression_labels", (0, 0, 0), 5000), {}, "--rna-unit"),
    "no-expressed-promoter": ("error", changed("expression_labels", 1, 0), {}, "assembly"),
    "few-promoters": (
        "warning",
        replace(SOUND, promoters=Promoters(("G0",), np.array([0]), np.array([0]))),
        {},
        "annotation",
    ),
    "uncorrelated": (
        "warning",
        changed("expression_labels", (slice(None), ROWS, 0), SOUND.accessibility[:, ROWS] * 0 + RNG.random(len(ROWS))),
        {},
        "same cells",
    ),
    "gene-without-region": ("note", replace(SOUND, genes=("other", *SOUND.genes[1:])), {}, "--extend"),
    "closed-genes": ("note", SOUND, {}, "peaks at their starts"),
}


@pytest.mark.parametrize("code", BROKEN)
def test_each_finding(code: str) -> None:
    severity, atlas, options, cure = BROKEN[code]
    found = by_code(atlas, **options)
    assert found[code].severity == severity
    assert cure and cure in found[code].cure
    assert all(isinstance(float(value), float) for value in found[code].numbers.values())
    if code not in ("closed-genes",):
        assert code not in by_code(SOUND, lengths=LENGTHS)


def test_numbers_of_findings() -> None:
    assert by_code(BROKEN["few-regions"][1])["few-regions"].numbers == {"chromosomes": 1, "regions": 150, "window": 200}
    assert "chr3 (150)" in by_code(BROKEN["few-regions"][1])["few-regions"].message
    assert by_code(SOUND, window=PER + 1)["few-regions"].severity == "error"
    assert by_code(SOUND, lengths={"chr1": 10**9, "chr2": PER * 1000 - 600})["off-chromosome"].numbers["regions"] == 1
    assert clusters()[3] in by_code(BROKEN["motif-empty"][1])["motif-empty"].message
    everything = by_code(changed("scores", slice(None), 0))
    assert everything["motif-empty"].severity == "error"
    other = by_code(replace(SOUND, motifs=tuple(f"m{i}" for i in range(282))))["motif-list"]
    assert other.numbers == {"others": 282, "lacking": 282}


def test_errors_come_first_and_decide_the_verdict() -> None:
    findings = check_atlas(SOUND, lengths={"chr1": 1, "chr2": 1}, window=PER + 1)
    order = [finding.severity for finding in findings]
    assert order == sorted(order, key=("error", "warning", "note").index) and order[0] == "error"
    assert verdict(findings).startswith("not usable: 2 errors")
    assert verdict([Finding("x", "warning", "", {})]).startswith("usable, with less than it could give: 1 warning")
    assert verdict([]) == "good: nothing found"
