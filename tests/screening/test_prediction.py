"""Structures and confidences in the layouts that programs write."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from screening.atom_columns import structure_suffix
from screening.confidences import read_confidences
from screening.errors import InvalidInput
from screening.prediction import read_prediction


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
    assert prediction.cb_plddt is not None
    assert prediction.cb_plddt.tolist() == [80.0, 60.0, 90.0]
    assert prediction.atoms.names == ("CA", "CA", "CB", "CA", "CB")
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
        (atom("CA", "XYZ", "A", 1, 0.0), "XYZ 1 of chain A is no standard residue"),
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
        ("loop_\n", "without a loop of _atom_site"),
        ("data_x\n_cell.length_a 1\n", "without a loop of _atom_site"),
        ("loop_\n_atom_site.group_PDB", "without _atom_site"),
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
        (np.zeros((2, 2)), r"PAE of 2 residues for a structure of 3 \(chains A 1 \+ B 2\)"),
        (np.zeros((3, 2)), "shape"),
        (np.zeros(3), "shape"),
        (np.full((3, 3), np.nan), "PAE of residues 1 and 1 is nan: 9 of 9 numbers are negative or not finite"),
        (np.diag([0.0, 0.0, -1.0]), "PAE of residues 3 and 3 is -1.0: 1 of 9 numbers"),
    ],
)
def test_wrong_pae(tmp_path: Path, pae: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_prediction(write(tmp_path, TWO_CHAINS), pae)


def pairs(length: int, pae: np.ndarray) -> dict[str, object]:
    """The PAE as AlphaFold's notebook and the first release of its database have it."""
    aligned, scored = np.indices((length, length)) + 1
    entries = {"residue1": aligned, "residue2": scored, "distance": pae}
    return {"max_predicted_aligned_error": 31.75, **{name: array.ravel().tolist() for name, array in entries.items()}}


@pytest.mark.parametrize(
    "change", [{"residue1": [1, 1, 2]}, {"residue1": [2, 2, 1, 1]}, {"residue2": None}, {"distance": [1, 2, 3, 4, 5]}]
)
def test_wrong_pairs_of_residues(tmp_path: Path, change: dict[str, object]) -> None:
    scores = write(tmp_path, json.dumps([pairs(2, np.ones((2, 2))) | change]), "s.json")
    with pytest.raises(InvalidInput, match="residue1 and residue2 do not name all pairs"):
        read_confidences(scores)


def test_pae_files(tmp_path: Path) -> None:
    structure = write(tmp_path, TWO_CHAINS)
    pae = np.arange(9.0).reshape(3, 3)
    contents = {
        "colabfold.json": {"pae": pae.tolist(), "plddt": [80, 70, 90], "iptm": 0.4, "ptm": 0.5},
        "database.json": [{"predicted_aligned_error": pae.tolist(), "max_predicted_aligned_error": 31.75}],
        "database_v1.json": [pairs(3, pae)],
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


def test_colabfold_extra_scores(tmp_path: Path) -> None:
    scores = {
        "pae": np.zeros((3, 3)).tolist(),
        "iptm": 0.4,
        "actifptm": 0.625,
        "pairwise_iptm": {"A-B": 0.4},
        "pairwise_actifptm": {"A-B": 0.75},
    }
    read = read_prediction(write(tmp_path, TWO_CHAINS), write(tmp_path, json.dumps(scores), "s.json"))
    assert (read.actifptm, read.pair_iptm, read.pair_actifptm) == (0.625, {("A", "B"): 0.4}, {("A", "B"): 0.75})
    wrong = write(tmp_path, json.dumps(scores | {"pairwise_iptm": {"A-C": 0.4}}), "w.json")
    with pytest.raises(InvalidInput, match=r"scores of chain 3 of a structure of 2 \(A, B\)"):
        read_prediction(write(tmp_path, TWO_CHAINS), wrong)


def mmcif(*atoms: str) -> str:
    """Rows of ``record name residue chain number b_factor`` in the column order of AlphaFold 3."""
    names = (
        "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id label_seq_id"
    )
    names += " pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv auth_seq_id auth_asym_id"
    names += " pdbx_PDB_model_num"
    rows = []
    for i, (record, name, residue, chain, number, b) in enumerate(row.split() for row in atoms):
        place = number if record == "ATOM" else "."
        rows += [f"{record} {i} X {name} . {residue} {chain} 1 {place} ? {i}.5 0 0 1.00 {b} {number} {chain} 1"]
    return "data_x\n#\nloop_\n" + "".join(f"_atom_site.{n}\n" for n in names.split()) + "\n".join(rows) + "\n#\n"


# A phosphorylated residue (3 atoms here), a leucine in another chain, a nucleotide, and a ligand of 2 atoms.
TOKENS = mmcif(
    *("ATOM CA GLY A 1 90", "HETATM N TPO A 2 80", "HETATM CA TPO A 2 81", "HETATM CB TPO A 2 82"),
    *(
        "ATOM CA LEU B 1 70",
        "ATOM CB LEU B 1 60",
        'ATOM "O5\'" DA C 1 50',
        "HETATM C1 ATP D 1 40",
        "HETATM O1 ATP D 1 40",
    ),
)


def alphafold3(folder: Path) -> tuple[Path, Path, Path]:
    """The three files of a sample as AlphaFold 3 writes them: 8 tokens, of which 3 are CA atoms of protein residues."""
    pae = np.arange(64.0).reshape(8, 8) / 4
    full = {
        "atom_chain_ids": list("AAAABBCDD"),
        "atom_plddts": [90.0] * 9,
        "contact_probs": np.zeros((8, 8)).tolist(),
        "pae": pae.tolist(),
        "token_chain_ids": list("AAAABCDD"),
        "token_res_ids": [1, 2, 2, 2, 1, 1, 1, 1],
    }
    pairs = [[0.9, 0.25, 0.1, None], [0.25, 0.8, 0.1, 0.1], [0.1, 0.1, 0.1, 0.1], [None, 0.1, 0.1, None]]
    summary = {"chain_pair_iptm": pairs, "fraction_disordered": 0.1, "has_clash": 0.0, "iptm": 0.3, "ptm": 0.4}
    return (
        write(folder, TOKENS, "job_model.cif"),
        write(folder, json.dumps(full), "job_confidences.json"),
        write(folder, json.dumps(summary | {"ranking_score": 0.5}), "job_summary_confidences.json"),
    )


def test_alphafold3_tokens_are_not_residues(tmp_path: Path) -> None:
    structure, full, summary = alphafold3(tmp_path)
    read = read_prediction(structure, full, confidence=summary)
    assert (read.chain_ids, read.sequences) == (("A", "B"), ("GT", "L"))
    assert read.pae is not None
    assert read.pae.tolist() == [[0.0, 0.5, 1.0], [4.0, 4.5, 5.0], [8.0, 8.5, 9.0]]
    assert (read.iptm, read.ptm) == (0.3, 0.4)
    assert read.pair_iptm["A", "B"] == 0.25
    assert ("A", "D") not in read.pair_iptm
    assert read.plddt is not None
    assert read.plddt.tolist() == [90.0, 81.0, 70.0]
    content = json.loads(full.read_text())
    write(tmp_path, json.dumps(content | {"token_chain_ids": list("AABBBCDD")}), full.name)
    with pytest.raises(InvalidInput, match="not in the order of the structure's chains"):
        read_prediction(structure, full)
    write(tmp_path, json.dumps(content | {"pae": np.zeros((7, 7)).tolist()}), full.name)
    with pytest.raises(InvalidInput, match=r"PAE of 7 residues for a structure of 3 .*, 8 tokens with ligands"):
        read_prediction(structure, full)


def test_boltz_files(tmp_path: Path) -> None:
    structure = write(tmp_path, TOKENS, "job_model_0.cif")
    np.savez(tmp_path / "pae_job_model_0.npz", pae=np.arange(64, dtype=np.float32).reshape(8, 8) / 4)
    chains = {str(i): {str(j): 0.5 if i == j else 0.25 + i / 8 for j in range(4)} for i in range(4)}
    summary = {"confidence_score": 0.5, "ptm": 0.4, "iptm": 0.3, "complex_plddt": 0.8, "pair_chains_iptm": chains}
    confidence = write(tmp_path, json.dumps(summary | {"chains_ptm": {"0": 0.5}}), "confidence_job_model_0.json")
    read = read_prediction(structure, tmp_path / "pae_job_model_0.npz", confidence=confidence)
    assert read.pae is not None
    assert read.pae.tolist() == [[0.0, 0.5, 1.0], [4.0, 4.5, 5.0], [8.0, 8.5, 9.0]]
    assert (read.iptm, read.pair_iptm["A", "B"], read.pair_iptm["B", "A"]) == (0.3, 0.25, 0.375)


def test_overlapping_regions_are_counted_by_order(tmp_path: Path) -> None:
    # Regions 1-3 and 2-4 of a protein as one chain: 6 residues with 4 distinct numbers, 3 beside 2 in the file.
    numbers = [1, 2, 3, 2, 3, 4]
    text = "".join(atom("CA", "GLY", "A", n, float(n)) for n in numbers) + atom("CA", "GLY", "B", 1, 0.0) * 2
    read = read_prediction(write(tmp_path, text), np.zeros((8, 8)))
    assert read.residue_number.tolist() == [*numbers, 1, 1]
    assert read.sequences == ("G" * 6, "GG")
    with pytest.raises(InvalidInput, match=r"PAE of 6 residues for a structure of 8 \(chains A 6 \+ B 2\)"):
        read_prediction(write(tmp_path, text), np.zeros((6, 6)))


def test_alternative_locations_are_no_further_residues(tmp_path: Path) -> None:
    def line(name: str, x: float, alternative: str) -> str:
        text = atom(name, "LEU", "A", 1, x)
        return text[:16] + alternative + text[17:]

    text = line("CA", 1.0, "A") + line("CA", 2.0, "B") + line("CB", 3.0, "A") + line("CB", 4.0, "B")
    read = read_prediction(write(tmp_path, text))
    assert (read.ca_angstrom[:, 0].tolist(), read.cb_angstrom[:, 0].tolist()) == ([1.0], [3.0])


def test_missing_residues_are_named_with_numbers(shared: Path, tmp_path: Path) -> None:
    folder = shared / "parity/interfaces"
    text = gzip.decompress(next(folder.glob("*.cif.gz")).read_bytes()).decode()
    kept = [
        line for line in text.splitlines() if not (line.startswith("ATOM") and line.split()[5:9:3] == ["SER", "38"])
    ]
    assert len(kept) < len(text.splitlines())
    path = write(tmp_path, "\n".join(kept) + "\n", "x.cif")
    with pytest.raises(InvalidInput, match=r"PAE of 199 residues for a structure of 198 \(chains B 109 \+ C 89\)"):
        read_prediction(path, folder / "pae_model_1_multimer_v3_pred_0.json.gz")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_truncated_npz(tmp_path: Path, share: float) -> None:
    np.savez_compressed(tmp_path / "whole.npz", pae=np.random.default_rng(0).uniform(0, 30, (50, 50)))
    data = (tmp_path / "whole.npz").read_bytes()
    size = int(share * len(data))
    (tmp_path / "cut.npz").write_bytes(data[:size])
    with pytest.raises(InvalidInput, match=rf"cut\.npz: broken npz of {size} bytes"):
        read_confidences(tmp_path / "cut.npz")


def test_damaged_npz(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", pae=np.random.default_rng(0).uniform(0, 30, (50, 50)))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(InvalidInput, match="broken npz"):
        read_confidences(tmp_path / "x.npz")


def test_plddt_that_is_not_a_number(tmp_path: Path) -> None:
    scores = write(tmp_path, '{"pae": [[1,1,1],[1,1,1],[1,1,1]], "plddt": [80, NaN, NaN]}', "s.json")
    with pytest.raises(InvalidInput, match="pLDDT of residue 2 is nan: 2 of 3 are not finite"):
        read_prediction(write(tmp_path, TWO_CHAINS), scores)


def test_no_pickle_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", pae=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InvalidInput, match="broken npz"):
        read_confidences(tmp_path / "evil.npz")
    (tmp_path / "raw.npz").write_bytes(b"\x80\x04N.")
    with pytest.raises(InvalidInput, match="broken npz"):
        read_confidences(tmp_path / "raw.npz")
    with pytest.raises(InvalidInput, match=r"result_model_1\.pkl: a pickle"):
        read_confidences(tmp_path / "result_model_1.pkl")


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
