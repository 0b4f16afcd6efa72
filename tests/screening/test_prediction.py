"""Structures and confidences in the layouts that programs write."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from screening.confidences import read_confidences
from screening.errors import InvalidInput
from screening.prediction import read_prediction, structure_suffix


def atom(name: str, residue: str, chain: str, number: int, x: float, b: float = 80.0, record: str = "ATOM") -> str:
    return f"{record:<6}{1:>5}  {name:<3} {residue} {chain}{number:>4}    {x:8.3f}{0:8.3f}{0:8.3f}  1.00{b:6.2f}\n"


TWO_CHAINS = (
    atom("CA", "GLY", "A", 5, 0.0)
    + atom("CA", "LEU", "B", 1, 6.0, 70.0)
    + atom("CB", "LEU", "B", 1, 5.0, 60.0)
    + atom("CA", "MSE", "B", 3, 9.0, 90.0, "HETATM")
    + atom("CB", "MSE", "B", 3, 9.5, 90.0, "HETATM")
    + atom("O", "HOH", "B", 9, 1.0, 10.0, "HETATM")
)


def write(folder: Path, text: str, name: str = "x.pdb") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_pdb_by_hand(tmp_path: Path) -> None:
    text = "MODEL     1\n" + TWO_CHAINS + "ENDMDL\nMODEL     2\n" + atom("CA", "GLY", "A", 6, 0.0) + "ENDMDL\n"
    prediction = read_prediction(write(tmp_path, text), np.arange(9.0).reshape(3, 3))
    assert prediction.chain_ids == ("A", "B")
    assert prediction.sequences == ("G", "LM")
    assert prediction.residue_number.tolist() == [5, 1, 3]
    assert prediction.chain_index.tolist() == [0, 1, 1]
    assert prediction.ca_angstrom[:, 0].tolist() == [0.0, 6.0, 9.0]
    assert prediction.cb_angstrom[:, 0].tolist() == [0.0, 5.0, 9.5]
    assert prediction.plddt is not None
    assert prediction.plddt.tolist() == [80.0, 70.0, 90.0]
    assert prediction.pae is not None
    assert prediction.pae.dtype == np.float32
    assert prediction.pae[1, 2] == 5.0
    assert prediction.chain(1) == slice(1, 3)
    assert (prediction.iptm, prediction.ptm) == (None, None)


def test_scales_are_said_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path, atom("CA", "GLY", "A", 1, 0.0, 0.5) + atom("CA", "GLY", "A", 2, 0.0, 1.0))
    with pytest.raises(InvalidInput, match="all are 1 or less"):
        read_prediction(path)
    fractions = read_prediction(path, plddt_maximum=1.0).plddt
    assert fractions is not None
    assert fractions.tolist() == [50.0, 100.0]
    assert read_prediction(path, has_plddt=False).plddt is None
    with pytest.raises(InvalidInput, match="no pLDDT of 0 to 1"):
        read_prediction(write(tmp_path, TWO_CHAINS), plddt_maximum=1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no protein atoms"),
        (atom("CA", "SEP", "A", 1, 0.0), "SEP 1 of chain A is no standard residue"),
        (atom("CB", "LEU", "A", 1, 0.0), "has no CA atom"),
        (atom("CA", "LEU", "A", 1, 0.0), "has no CB atom"),
        (atom("CA", "GLY", "A", 1, float("nan")), ":1: a coordinate or B factor is not finite"),
        (atom("CA", "GLY", "A", 1, 0.0).replace("80.00", "  abc"), ":1: a coordinate or B factor is no number"),
        (atom("CA", "GLY", "A", 1, 0.0, 120.0), "120 to 120 is no pLDDT"),
        (atom("CA", "GLY", "A", 1, 0.0).replace("A   1 ", "A   1B"), "'1B' is no integer"),
        (
            atom("CA", "GLY", "A", 1, 0.0) + atom("CA", "GLY", "B", 1, 0.0) + atom("CA", "GLY", "A", 2, 0.0),
            "not consecutive",
        ),
    ],
)
def test_broken_structures(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        read_prediction(write(tmp_path, text))
    assert "x.pdb" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loop_\n", "broken mmCIF"),
        ("data_x\n_cell.length_a 1\n", "without _atom_site.group_PDB"),
        ("data_x\nloop_\n_atom_site.group_PDB\n_atom_site.label_atom_id\nATOM CA\n", "without _atom_site"),
    ],
)
def test_broken_mmcif(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_prediction(write(tmp_path, text, "x.cif"))


def test_truncated_mmcif(shared: Path, tmp_path: Path) -> None:
    source = next((shared / "parity/interfaces").glob("*.cif.gz"))
    lines = gzip.decompress(source.read_bytes()).decode().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if line.startswith("ATOM"))
    path = write(tmp_path, "".join(lines[:last]) + lines[last][:30], "x.cif")
    with pytest.raises(InvalidInput, match="incomplete"):
        read_prediction(path)


def test_suffixes(tmp_path: Path) -> None:
    assert structure_suffix(Path("P1_Boltz-2_v2-1-1.cif.gz")) == ".cif.gz"
    assert structure_suffix(Path("a.b.pdb")) == ".pdb"
    assert structure_suffix(Path("a.json.gz")) is None
    assert structure_suffix(Path("a")) is None
    with pytest.raises(InvalidInput, match="not a structure file"):
        read_prediction(write(tmp_path, TWO_CHAINS, "x.txt"))
    with pytest.raises(InvalidInput, match="no such file"):
        read_prediction(tmp_path / "absent.pdb")


@pytest.mark.parametrize(
    ("pae", "message"),
    [
        (np.zeros((2, 2)), "PAE of 2 residues for a structure of 3"),
        (np.zeros((3, 2)), "shape"),
        (np.zeros(3), "shape"),
        (np.full((3, 3), np.nan), "negative or not finite"),
        (np.full((3, 3), -1.0), "negative or not finite"),
    ],
)
def test_wrong_pae(tmp_path: Path, pae: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_prediction(write(tmp_path, TWO_CHAINS), pae)


def test_pae_files(tmp_path: Path) -> None:
    structure = write(tmp_path, TWO_CHAINS)
    pae = np.arange(9.0).reshape(3, 3)
    contents = {
        "colabfold.json": {"pae": pae.tolist(), "plddt": [80, 70, 90], "iptm": 0.4, "ptm": 0.5},
        "database.json": [{"predicted_aligned_error": pae.tolist(), "max_predicted_aligned_error": 31.75}],
    }
    for name, content in contents.items():
        write(tmp_path, json.dumps(content), name)
    np.savez(tmp_path / "boltz.npz", pae=pae)
    for name in (*contents, "boltz.npz"):
        read = read_prediction(structure, tmp_path / name)
        np.testing.assert_array_equal(read.pae, pae)  # pyright: ignore[reportArgumentType]
        assert (read.iptm, read.ptm) == ((0.4, 0.5) if name == "colabfold.json" else (None, None))
    summary = write(tmp_path, '{"iptm": 0.25, "ptm": 0.75}', "summary.json")
    read = read_prediction(structure, tmp_path / "boltz.npz", confidence=summary)
    assert (read.iptm, read.ptm) == (0.25, 0.75)
    with pytest.raises(InvalidInput, match="holds no PAE"):
        read_prediction(structure, summary)


def test_no_pickle_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", pae=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InvalidInput, match="broken npz"):
        read_confidences(tmp_path / "evil.npz")
    (tmp_path / "raw.npz").write_bytes(b"\x80\x04N.")
    with pytest.raises(InvalidInput, match="broken npz"):
        read_confidences(tmp_path / "raw.npz")


@pytest.mark.parametrize("text", ['{"iptm": NaN}', '{"iptm": 1.2}', '{"iptm": "x"}', "[1, 2]", "3"])
def test_wrong_summaries(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match=r"s\.json"):
        read_confidences(write(tmp_path, text, "s.json"))


def test_native_alphafold_layout(shared: Path) -> None:
    folder = shared / "parity/interfaces"
    prediction = read_prediction(
        folder / "unrelaxed_model_1_multimer_v3_pred_0.cif.gz",
        folder / "pae_model_1_multimer_v3_pred_0.json.gz",
        confidence=folder / "iptm_ptm.json",
    )
    assert prediction.chain_ids == ("B", "C")
    assert [len(sequence) for sequence in prediction.sequences] == [110, 89]
    assert prediction.iptm == pytest.approx(0.9369155168533325)
    assert prediction.ptm == pytest.approx(0.9454223950428532)
    confidence = json.loads((folder / "confidence_model_1_multimer_v3_pred_0.json").read_text())
    np.testing.assert_allclose(prediction.plddt, confidence["confidenceScore"], atol=1e-9)  # pyright: ignore


def test_boltz_rows_may_run_over_two_lines(shared: Path) -> None:
    folder = shared / "data/boltz2_tf_complexes"
    rows = [line.split("\t") for line in (folder / "index.tsv").read_text().splitlines()[1:]]
    for file, _, _, _, *numbers in rows:
        prediction = read_prediction(folder / f"{file}.gz")
        assert prediction.plddt is not None
        assert [len(sequence) for sequence in prediction.sequences] == [int(n) for n in numbers[:2]]
        means = [prediction.plddt[prediction.chain(k)].mean() for k in (0, 1)]
        np.testing.assert_allclose(means, [float(n) for n in numbers[2:]], atol=0.0051)
    assert len(rows) == 8
