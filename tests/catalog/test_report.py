import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from catalog.report import write_report
from catalog.report.charts import curve, network, plddt_track, scatter, track
from catalog.report.markup import null, number, table
from catalog.store import Store

VOID = {"meta", "input", "br", "hr", "img", "link"}


class Page(HTMLParser):
    """Tags in balance, and every attribute and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def report(catalog: Catalog, store: Store, folder: Path, title: str = "Mini") -> str:
    path = folder / "report.html"
    write_report(catalog, path, store_root=store.root, title=title)
    assert path.stat().st_size < 3_000_000
    return path.read_text()


def test_says_what_the_catalog_holds(catalog: Catalog, store: Store, tmp_path: Path) -> None:
    html = report(catalog, store, tmp_path)
    page = Page(html)
    everything = " ".join(page.texts)
    for expected in (
        "SIMULATED",
        "Toy cell",
        "Proxy pLDDT",
        "Untrained weights",
        "residue_md",
        "270-523",
        "no_expressed_tf",
        "out of memory at 900 residues",
        "give a structure",
        "too short to know",
        "auprc",
    ):
        assert expected in everything
    titles = [attributes.get("title") for _, attributes in page.tags]
    assert "residue_md predicts no PAE; no pLDDT" in titles
    assert "ipSAE, the larger of both directions, PAE cutoff 15 angstrom, 0-1" in titles
    assert html.count("<polyline") == 2, "one pLDDT track with residues, one training curve; RORA has no residues"


def test_columns_known_of_no_hit_are_named_below(catalog: Catalog, store: Store, tmp_path: Path) -> None:
    (hits,) = re.findall(r'<section id="hits">.*?</section>', report(catalog, store, tmp_path), re.DOTALL)
    heads = re.findall(r"<button>([^<]*)</button>", hits)
    assert "ipsae" in heads and "bound fraction" in heads and "min ipae" not in heads
    assert "not known of any of these: bound fraction low, bound fraction high, min ipae" in hits
    assert "; residue md predicts no PAE</p>" in hits  # what is said of one hit alone stays with it


def test_reasons_of_a_selection_are_counted_without_their_ranks(
    catalog: Catalog, store: Store, tmp_path: Path, record, key
) -> None:
    rows = [
        {
            "structure_key": key(f"fold {rank}"),
            "selected": False,
            "reason": f"rank {rank} by ipsae is beyond the limit of 1",
        }
        for rank in (2, 13)
    ]
    catalog.ingest([record("selection", "select", tables={"selections": rows})], store_root=store.root)
    cells = [text for text in Page(report(catalog, store, tmp_path)).texts if "beyond the limit" in text]
    assert cells == ["rank by ipsae is beyond the limit of 1"]


def test_structures_are_linked_relative_to_the_page(catalog: Catalog, store: Store, tmp_path: Path) -> None:
    page = Page(report(catalog, store, tmp_path))
    links = [str(attributes["href"]) for tag, attributes in page.tags if tag == "a"]
    files = [link for link in links if not link.startswith("#")]
    assert len(files) == 2
    assert all((tmp_path / link).is_file() for link in files)


def test_needs_no_network(catalog: Catalog, store: Store, tmp_path: Path) -> None:
    page = Page(report(catalog, store, tmp_path))
    assert not {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "base", "form"}
    for tag, attributes in page.tags:
        assert "src" not in attributes
        assert not re.match(r"(?i)\s*([a-z]+:|//)", attributes.get("href") or "#"), tag
    policy = next(attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def test_names_stay_text(catalog: Catalog, store: Store, tmp_path: Path, record, key) -> None:
    evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"
    named = {"motif_id": evil, "cell_type_id": evil}
    tables = {
        "cell_types": [{"cell_type_id": evil, "name": evil, "simulated": True}],
        "proteins": [{"uniprot_ac": evil, "gene": evil, "length": 3}],
        "segments": [{"segment_id": evil, "uniprot_ac": evil, "kind": "low_plddt", "seq_start": 1, "seq_end": 3}],
        "residues": [{"uniprot_ac": evil, "position": 1, "plddt": 50.0, "source": evil}],
        "motif_attributions": [{**named, "mean_abs_score": 1.0}],
        "motif_choices": [{**named, "gene": evil, "unit": evil}],
        "causal_edges": [
            {"cell_type_id": evil, "cause_motif": evil, "effect_motif": "b", "effect": 1.0, "method": evil}
        ],
        "truth_edges": [{"cell_type_id": evil, "cause_motif": evil, "effect_motif": "b", "effect": 1.0}],
        "network_recovery": [{"cell_type_id": evil, "metric": evil, "value": 1.0}],
        "training_metrics": [{"cell_type_id": evil, "phase": "finetune", "epoch": 1, "metric": evil, "value": 1.0}],
        "dropped_pairs": [
            {"cell_type_id": evil, "cause_motif": evil, "effect_motif": "b", "reason": evil, "detail": evil}
        ],
        "dropped_segment_pairs": [{"segment_a": evil, "segment_b": evil, "reason": evil}],
        "structure_observables": [{"task_key": key("fold x1"), "name": evil, "unit": evil, "note": evil}],
        "selections": [{"structure_key": key("fold x1"), "selected": True, "reason": evil}],
        "md_metrics": [{"task_key": key("md x1"), "metric": evil, "unit": evil, "note": evil}],
    }
    catalog.ingest([record(evil, evil, tables=tables)], store_root=store.root)
    page = Page(report(catalog, store, tmp_path, title=evil))
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not [
        tag for tag, attributes in page.tags if tag == "img" or any(name.startswith("on") for name in attributes)
    ]


def test_empty_catalog(store: Store, tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "empty.duckdb")
    catalog.ingest([], store_root=store.root)
    html = report(catalog, store, tmp_path)
    assert html.count("Nothing yet.") == 14
    assert "SIMULATED" not in html
    Page(html)


def test_every_prefix_of_a_screen(store: Store, screen, tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "partial.duckdb")
    for done in range(0, len(screen), 4):
        catalog.ingest(screen[done : done + 4], store_root=store.root)
        Page(report(catalog, store, tmp_path))


def test_large_catalog_stays_small(store: Store, tmp_path: Path, record) -> None:
    n = 2000
    tables = {
        "proteins": [{"uniprot_ac": f"P{i}", "gene": f"G{i}", "length": 500} for i in range(n)],
        "segments": [
            {"segment_id": f"S{i}", "uniprot_ac": f"P{i}", "kind": "high_plddt", "seq_start": 1, "seq_end": 500}
            for i in range(n)
        ],
        "tf_pairs": [{"pair_id": "p", "uniprot_a": "P0", "uniprot_b": "P1"}],
        "segment_pairs": [
            {"segment_pair_id": f"x{i}", "pair_id": "p", "segment_a": f"S{i}", "segment_b": "S0"} for i in range(n)
        ],
        "structures": [{"task_key": f"t{i}", "segment_pair_id": f"x{i}", "note": "n" * 80} for i in range(n)],
        "scores": [{"task_key": f"s{i}", "structure_key": f"t{i}", "ipsae_ab": i / n} for i in range(n)],
        "causal_edges": [
            {"cell_type_id": "c", "cause_motif": f"m{i}", "effect_motif": f"m{j}", "effect": 0.1 * i - j}
            for i in range(60)
            for j in range(i)
        ],
    }
    catalog = Catalog(tmp_path / "large.duckdb")
    catalog.ingest([record("all", "x", tables=tables)], store_root=store.root)
    html = report(catalog, store, tmp_path)
    assert "500 of 2000 shown" in html
    assert html.index("G1999") < html.index("G1998")


def test_track_puts_residues_and_bands_where_they_belong() -> None:
    segment = {"seq_start": 1, "seq_end": 2, "kind": "high_plddt", "mean_plddt": 95.0}
    svg = plddt_track([100.0, 100.0, 0.0, 0.0], [segment], 4)
    points = [tuple(map(float, point.split(","))) for point in re.findall(r'points="([^"]*)"', svg)[0].split()]
    band = re.search(r'x="([\d.]+)" y="\d+" width="([\d.]+)"', svg)
    assert band
    start, width = float(band[1]), float(band[2])
    assert start <= points[0][0] < points[1][0] <= start + width < points[2][0]
    assert points[0][1] == points[1][1] < points[2][1]


def test_arrow_points_at_the_effect() -> None:
    svg = network([{"cause_motif": "a", "effect_motif": "b", "effect": -2.0}])
    (a_y, b_y) = (float(y) for y in re.findall(r'<circle [^>]*cy="([\d.]+)"', svg))
    tip_y = float(re.findall(r'<path class="tip minus" d="M[\d.]+ ([\d.]+)', svg)[0])
    assert abs(tip_y - b_y) < abs(tip_y - a_y)
    assert "a → b: -2" in svg


@pytest.mark.parametrize("points", [[(1, 0.5)], [(1, 0.5), (2, 0.5)], [(0, 3.0), (1, 1.0), (5, 2.0)]])
def test_curve_spans_its_points(points: list[tuple[int, float]]) -> None:
    drawn = [tuple(map(float, p.split(","))) for p in re.findall(r'points="([^"]*)"', curve(points))[0].split()]
    assert len(drawn) == len(points)
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)
    highest = min(range(len(points)), key=lambda index: drawn[index][1])
    assert points[highest][1] == max(value for _, value in points)


def test_numbers_and_missing_values() -> None:
    assert [number(value) for value in (0.12345, 12.345, 12345.6, 0.0)] == ["0.123", "12.3", "12346", "0"]
    assert "too &lt;short&gt;" in null("too <short>")
    html = table([{"a": 2.0, "why": "b"}, {"a": None, "why": None}], ["a"], reasons=("why",))
    assert html.count("not known") == 1
    assert 'data-value="2.0"' in html


def test_locus_has_a_scale_a_unit_and_a_mark_at_the_promoter() -> None:
    regions = [
        {"chrom": "chr1", "region_start": 1000, "region_end": 1400, "importance": 0.5, "is_promoter": False},
        {"chrom": "chr1", "region_start": 5000, "region_end": 5400, "importance": -2.0, "is_promoter": True},
        {"chrom": "chr1", "region_start": 8600, "region_end": 9000, "importance": 0.0, "is_promoter": False},
    ]
    svg = track(regions, "<GENE>")
    page = Page(svg)
    assert {"&lt;GENE&gt;" in svg, "log10(TPM + 1)" in svg} == {True}
    assert {"2", "0", "-2", "chr1:1,000", "chr1:9,000"} <= set(page.texts)
    bars = [attributes for tag, attributes in page.tags if tag == "rect"]
    assert [bar["fill"] for bar in bars] == ["#2f6fbf", "#c2503f", "#2f6fbf"]
    assert float(str(bars[1]["height"])) == pytest.approx(4 * float(str(bars[0]["height"])))
    (mark,) = (attributes["d"] for tag, attributes in page.tags if tag == "path")
    assert float(str(mark)[1:].split()[0]) == pytest.approx(56 + (5200 - 1000) / 8000 * (900 - 2 * 56), abs=0.1)


def test_labels_of_a_scatter_lie_inside() -> None:
    svg = scatter([(0.536, 3.74, True), (1.0, 1.0, False)])
    width = float(str(Page(svg).tags[0][1]["viewbox"]).split()[2])
    for tag, attributes in Page(svg).tags:
        if tag == "text":
            x, wide = float(str(attributes["x"])), 6.5 * len("0.536")
            left, right = {"start": (x, x + wide), "end": (x - wide, x)}[str(attributes["text-anchor"])]
            assert left >= 0 and right <= width


def test_cells_are_as_wide_as_their_text_asks() -> None:
    html = table([{"a": "x" * 10, "b": "x" * 40, "c": "x " * 50}], ["a", "b", "c"])
    assert [attributes.get("class") for tag, attributes in Page(html).tags if tag == "td"] == ["short", None, "long"]


def test_results_come_before_bookkeeping_and_proteins_drawn_are_counted(
    catalog: Catalog, store: Store, tmp_path: Path
) -> None:
    html = report(catalog, store, tmp_path)
    order = [
        attributes["href"] for tag, attributes in Page(html).tags if tag == "a" and str(attributes["href"])[0] == "#"
    ]
    assert order[0] == "#hits" and order.index("#evaluation") < order.index("#progress") < order.index("#runs")
    sections = [attributes["id"] for tag, attributes in Page(html).tags if tag == "section"]
    assert [f"#{name}" for name in sections] == order
    (proteins,) = re.findall(r'<section id="proteins">.*?</section>', html, re.DOTALL)
    assert "shown; `screening catalog sql`" not in proteins
