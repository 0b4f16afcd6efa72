import base64
import gzip
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from catalog.catalog import Catalog
from catalog.record import Artifact
from catalog.report import write_report
from catalog.report.arrays import read_arrays
from catalog.report.heatmap import CONTACTS, ERRORS, LEVELS, MOST_PIXELS, Side, heatmap
from catalog.report.timeline import timeline
from catalog.report.trace import read_trace, trace
from catalog.store import Store


def pixels(svg: str) -> np.ndarray:
    """Shades of the matrix inside a picture, 0 to 15."""
    (data,) = re.findall(r'href="data:image/png;base64,([^"]*)"', svg)
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))))


def colours(svg: str) -> list[int]:
    (data,) = re.findall(r'href="data:image/png;base64,([^"]*)"', svg)
    return Image.open(io.BytesIO(base64.b64decode(data))).getpalette() or []


def points_of(svg: str) -> list[np.ndarray]:
    (data,) = re.findall(r'data-chains="([^"]*)"', svg)
    return [np.array(piece) for chain in json.loads(data) for piece in chain]


def test_shades_are_the_values() -> None:
    values = np.array([[0.0, 30.0, 15.0], [2.0, 60.0, 4.0]])
    svg = heatmap(values, [Side("A", 5, 2)], [Side("B", 1, 1), Side("C", 8, 2)], ERRORS)
    assert pixels(svg).tolist() == [[0, 15, 8], [1, 15, 2]]  # steps of 2 angstrom; beyond 30 the last
    palette = colours(svg)
    assert (tuple(palette[:3]), tuple(palette[45:48])) == (ERRORS.least, ERRORS.most)
    texts = re.findall(r">([^<>]+)</text>", svg)
    assert {"5", "1", "8", "A", "B", "C", "predicted aligned error, Å, 0 to 30"} <= set(texts)


def test_largest_contact_takes_the_last_shade() -> None:
    svg = heatmap(np.array([[0.0, 0.002, 0.004]]), [Side("<A>", 1, 1)], [Side("B", 1, 3)], CONTACTS)
    assert pixels(svg).tolist() == [[0, 8, 15]]
    assert "0 to 0.004" in svg and "&lt;A&gt;" in svg and "<A>" not in svg
    assert pixels(heatmap(np.zeros((1, 3)), [Side("A", 1, 1)], [Side("B", 1, 3)], CONTACTS)).max() == 0


def test_large_matrices_are_averaged() -> None:
    side = 3 * MOST_PIXELS
    values = np.repeat(
        np.repeat(np.arange(LEVELS * 15.0).reshape(LEVELS, 15) % LEVELS, side // LEVELS, 0), side // 15, 1
    )
    svg = heatmap(values, [Side("A", 1, side)], [Side("B", 1, side)], CONTACTS)
    assert pixels(svg).shape == (MOST_PIXELS, MOST_PIXELS)
    assert (pixels(svg) == values[1::3, 1::3]).all()


def test_sides_belong_to_the_matrix() -> None:
    with pytest.raises(ValueError, match=re.escape("a matrix (3, 3) of residues (3, 2)")):
        heatmap(np.zeros((3, 3)), [Side("A", 1, 3)], [Side("B", 1, 2)], CONTACTS)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12))
def test_a_trace_is_the_complex_turned_and_scaled(seed: int, n: int, m: int) -> None:
    random = np.random.default_rng(seed)
    steps = random.normal(size=(n + m, 3))
    walk = np.cumsum(3.8 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0) * [3, 2, 1]
    drawn = np.concatenate(points_of(trace([walk[:n], walk[n:]])))
    given_, seen = (np.linalg.norm(x[:, None] - x[None], axis=2) for x in (walk, drawn))
    scale = seen.max() / given_.max() if n + m > 1 and given_.max() else 1.0
    np.testing.assert_allclose(seen, given_ * scale, atol=0.25)
    assert np.abs(drawn[:, :2]).max() <= 130
    # The screen's axes are right, down and away: they are right-handed as the file's are.
    if n + m > 3:
        hands = [np.linalg.det(x[1:4] - x[0]) for x in (walk, drawn)]
        if abs(hands[0]) * scale**3 > 300:
            assert np.sign(hands[0]) == np.sign(hands[1])


def test_a_gap_is_not_bridged() -> None:
    chain = np.array([[0.0, 0, 0], [3.8, 0, 0], [20.0, 0, 0], [23.8, 0, 0]])
    svg = trace([chain, chain + np.array([0.0, 5.0, 0.0])])
    assert [len(piece) for piece in points_of(svg)] == [2, 2, 2, 2]
    assert svg.count("M") == 4 and svg.count('class="chain1"') == 1


def atom(serial: int, chain: str, residue: int, x: float, name: str = " CA ", element: str = "C") -> str:
    place = f"{x:8.3f}{0:8.3f}{0:8.3f}"
    return f"ATOM  {serial:5d} {name} ALA {chain}{residue:4d}    {place}  1.00 90.00          {element:>2}"


@pytest.fixture
def pdb() -> bytes:
    lines = [atom(i + 1, "AB"[i // 3], 10 + i % 3, 3.8 * i) for i in range(5)]
    lines += [atom(6, "B", 40, 90.0, "CA  ", "CA"), atom(7, "C", 1, 5.0, " N  ", "N"), "END"]
    return "\n".join(lines).encode()


def test_reads_c_alpha_atoms_of_each_chain(pdb: bytes, tmp_path: Path) -> None:
    from Bio.PDB.mmcifio import MMCIFIO
    from Bio.PDB.PDBParser import PDBParser

    path, packed, cif = tmp_path / "x.pdb", tmp_path / "x.pdb.gz", tmp_path / "x.cif"
    path.write_bytes(pdb)
    packed.write_bytes(gzip.compress(pdb))
    file = MMCIFIO()
    file.set_structure(PDBParser(QUIET=True).get_structure("", str(path)))
    file.save(str(cif))
    for each in (path, packed, cif):
        first, second = read_trace(each)
        assert first[:, 0].tolist() == pytest.approx([0.0, 3.8, 7.6])  # the calcium ion and the lone N are no residues
        assert second[:, 0].tolist() == pytest.approx([11.4, 15.2])


@pytest.mark.parametrize(
    "content", [b"", b"ATOM x1", b"<!doctype html>", b"\xff\xfe\x00", gzip.compress(b"x" * 999, mtime=0)[:20]]
)
@pytest.mark.parametrize("name", ["x.pdb", "x.cif", "x.cif.gz", "x.pdb.gz"])
def test_no_structure_is_said(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((ValueError, OSError)):
        read_trace(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text"])
def test_no_arrays_are_said(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError):
        read_arrays(path, ["a"])


def test_runs_share_axes_and_gaps_stay_open() -> None:
    time = np.array([0.0, 1000.0, 2000.0, 3000.0, 4000.0])
    runs = [
        ("replica 1", time, np.array([0.0, 1.0, np.nan, 1.0, 2.0])),
        ("replica <2>", time[:2], np.array([4.0, 2.0])),
    ]
    svg = timeline(runs, "RMSD, nm")
    paths = re.findall(r'<path class="run run(\d)" d="([^"]*)"><title>([^<]*)</title>', svg)
    assert [(shade, title) for shade, _, title in paths] == [("0", "replica 1"), ("1", "replica &lt;2&gt;")]
    first, second = (
        [[tuple(map(float, p.split())) for p in piece.split("L")] for piece in d[1:].split("M")] for _, d, _ in paths
    )
    assert [len(piece) for piece in first] == [2, 2]
    assert first[0][0][0] == second[0][0][0] and first[0][1][0] == second[0][1][0]
    lowest, highest = first[0][0][1], second[0][0][1]
    assert first[1][1][1] == second[0][1][1] == pytest.approx((lowest + highest) / 2)
    assert {"0", "4", "4 ns", "RMSD, nm"} <= set(re.findall(r">([^<>]+)</text>", svg))


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def test_report_draws_complexes_and_trajectories(
    catalog: Catalog, store: Store, tmp_path: Path, record, key, pdb
) -> None:
    def put(name: str, content: bytes, role: str) -> Artifact:
        (tmp_path / name).write_bytes(content)
        return store.put(tmp_path / name, role, "application/octet-stream")

    pae = np.zeros((5, 5), np.uint16)
    pae[0, 4] = 30_000
    contacts = np.zeros((3, 2))
    contacts[2, 0] = 0.5
    series = {
        "time_ps": np.arange(3.0),
        "rmsd": np.array([0.0, 0.1, 0.3]),
        "secondary_structure": np.array([["C"]] * 3),
    }
    tables = {
        "segments": [
            {"segment_id": "sa", "uniprot_ac": "Pa", "kind": "low_plddt", "seq_start": 10, "seq_end": 12},
            {"segment_id": "sb", "uniprot_ac": "Pb", "kind": "low_plddt", "seq_start": 20, "seq_end": 21},
        ],
        "segment_pairs": [{"segment_pair_id": "ab", "pair_id": "p", "segment_a": "sa", "segment_b": "sb"}],
    }

    def folded(name: str, ipsae: float, **files: bytes):
        made = tuple(
            put(f"{name}-{role}.{'pdb' if role == 'structure' else 'npz'}", body, role) for role, body in files.items()
        )
        row = {"segment_pair_id": "ab", "backend": name}
        score = {"task_key": f"score {name}", "structure_key": key(name), "ipsae_ab": ipsae}
        return record(name, "structure", tables={"structures": [row], "scores": [score]}, artifacts=made)

    records = [
        record("named", "segments", tables=tables),
        folded("with PAE", 0.9, structure=pdb, pae=npz(pae_milliangstrom=pae)),
        folded("simulated", 0.8, structure=pdb, contacts=npz(contact_probability=contacts)),
        folded("only atoms", 0.7, structure=pdb),
        folded("damaged", 0.6, structure=b"nothing"),
        folded("wrong", 0.5, structure=pdb, contacts=npz(contact_probability=contacts.T)),
        record(
            "run", "md", tables={"md_runs": [{"structure_key": key("with PAE"), "system": "complex", "replica": 1}]}
        ),
        record(
            "analysis",
            "md_analysis",
            tables={"md_metrics": [{"md_key": key("run"), "metric": "rmsd", "unit": "nm"}]},
            artifacts=(put("series.npz", npz(**series), "series"),),
        ),
    ]
    catalog.ingest(records, store_root=store.root)
    page = tmp_path / "report.html"
    write_report(catalog, page, store_root=store.root, title="x")
    html = page.read_text()
    (drawn,) = re.findall(r'<section id="interfaces">.*?</section>', html, re.DOTALL)
    tiles = [tile for tile in drawn.split("<h3>") if "Pa 10-12 · Pb 20-21" in tile]
    assert [re.findall(r"<small>([^,<]*)", tile)[0] for tile in tiles] == [
        "with PAE", "simulated", "only atoms", "damaged", "wrong"
    ]  # fmt: skip
    assert pixels(tiles[0]).tolist() == [[0, 0, 0, 0, 15]] + [[0] * 5] * 4
    assert pixels(tiles[1]).tolist() == [[0, 0], [0, 0], [15, 0]]
    distance = np.abs(3.8 * np.arange(3)[:, None] - 3.8 * np.arange(3, 5))
    assert pixels(tiles[2]).tolist() == np.rint(distance / 30 * 15).tolist()
    assert "not drawn" in tiles[3] and "no C-alpha atom" in tiles[3] and "<svg" not in tiles[3]
    assert "a matrix (2, 3) of residues (3, 2)" in tiles[4]
    assert all(len(points_of(tile)) == 2 for tile in tiles[:3])
    (moving,) = re.findall(r'<section id="dynamics">.*?</section>', html, re.DOTALL)
    assert "RMSD from the start, nm" in moving and moving.count('class="run run0"') == 1
    assert "residue pairs in contact" not in moving


def test_chains_of_a_swapped_file_keep_their_names(
    catalog: Catalog, store: Store, tmp_path: Path, record, key, pdb
) -> None:
    from dataclasses import replace

    (tmp_path / "x.pdb").write_bytes(pdb)
    made = record(
        "swapped",
        "structure",
        tables={
            "segments": [
                {"segment_id": "sa", "uniprot_ac": "Pa", "kind": "low_plddt", "seq_start": 1, "seq_end": 2},
                {"segment_id": "sb", "uniprot_ac": "Pb", "kind": "low_plddt", "seq_start": 5, "seq_end": 7},
            ],
            "segment_pairs": [{"segment_pair_id": "ab", "pair_id": "p", "segment_a": "sa", "segment_b": "sb"}],
            "structures": [{"segment_pair_id": "ab", "backend": "imported"}],
            "scores": [{"task_key": "s", "structure_key": key("swapped"), "ipsae_ab": 1.0}],
        },
        artifacts=(store.put(tmp_path / "x.pdb", "structure", "chemical/x-pdb"),),
    )
    catalog.ingest([replace(made, inputs={"swapped": True})], store_root=store.root)
    page = tmp_path / "report.html"
    write_report(catalog, page, store_root=store.root, title="x")
    (tile,) = re.findall(r"<h3>Pb 5-7 · Pa 1-2.*?</svg></div>", page.read_text(), re.DOTALL)
    assert pixels(tile).shape == (3, 2)
