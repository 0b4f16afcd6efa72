"""pLDDT profiles: predicted, read, looked up."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from screening.errors import InvalidInput
from screening.plddt import PlddtProfile, find_plddt, predict_plddt, read_plddt
from screening.proteins import Protein, read_fasta

PDB = (
    "ATOM      1  CA  MET A   1      11.000  12.000  13.000  1.00 91.50           C  \n"
    "ATOM      2  CB  MET A   1      12.000  12.000  13.000  1.00 91.50           C  \n"
    "ATOM      3  CA  GLY A   2      14.800  12.000  13.000  1.00 40.25           C  \n"
)


def recorded(shared: Path) -> dict[str, np.ndarray]:
    lines = gzip.decompress((shared / "data/plddt/metapredict_pplddt.tsv.gz").read_bytes()).decode().splitlines()
    rows = [line.split("\t") for line in lines[1:]]
    return {gene: np.array(values.split(","), dtype=float) for gene, _, _, values in rows}


def proteins(shared: Path, folder: Path, genes: set[str]) -> dict[str, Protein]:
    source = shared / "data/tf_sequences/human_tf_cofactor_sequences.fasta.gz"
    records = gzip.decompress(source.read_bytes()).decode().split(">")[1:]
    path = folder / "some.fasta"
    path.write_text("".join(f">{r}" for r in records if r.split("\n")[0].split("|")[1] in genes))
    return {protein.gene: protein for protein in read_fasta(path)}


def test_prediction_equals_the_recorded_one(shared: Path, tmp_path: Path) -> None:
    genes = {"PAX5", "RORA", "TFAP2A", "EP300"}
    expected = recorded(shared)
    for gene, protein in proteins(shared, tmp_path, genes).items():
        profile = predict_plddt(protein.sequence)
        # Recorded as integers; a value that lies on .5 may round either way.
        np.testing.assert_allclose(profile.values, expected[gene], atol=0.5 + 1e-6)
        assert profile.proxy
        assert profile.source.startswith("metapredict 3.")
        assert profile.source.endswith(" V2")
        assert profile.values.dtype == np.float64
        genes.remove(gene)
    assert not genes


def test_prediction_of_one_residue_and_refusal() -> None:
    assert predict_plddt("M").values.shape == (1,)
    with pytest.raises(InvalidInput, match="'U'"):
        predict_plddt("MU")


@pytest.mark.parametrize("name", ["m.pdb", "m.pdb.gz"])
def test_structure(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(PDB.encode()) if name.endswith("gz") else PDB.encode())
    profile = read_plddt(path, "MG")
    np.testing.assert_array_equal(profile.values, [91.5, 40.25])
    assert (profile.source, profile.proxy) == (name, False)
    with pytest.raises(InvalidInput, match="residue 2 is G, the protein's is A"):
        read_plddt(path, "MA")
    with pytest.raises(InvalidInput, match="2 residues for a protein of 3"):
        read_plddt(path, "MGA")


@pytest.mark.parametrize("content", [{"plddt": [91.5, 40.25]}, [{"confidenceScore": [91.5, 40.25]}]])
def test_json(tmp_path: Path, content: object) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(content))
    np.testing.assert_array_equal(read_plddt(path, "MG").values, [91.5, 40.25])
    with pytest.raises(InvalidInput, match="pLDDT of 2 residues for a protein of 3"):
        read_plddt(path, "MGA")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"plddt": [91.5, NaN]}', "finite"),
        ('{"plddt": [91.5, 101]}', "91.5 to 101 is no pLDDT"),
        ('{"plddt": [0.9, 0.4]}', "all are 1 or less"),
        ('{"plddt": []}', "one finite number per residue"),
        ('{"plddt": ["a", "b"]}', "not an array of numbers"),
        ('{"ptm": 0.5}', "holds no pLDDT"),
        ('{"plddt": [', "broken JSON"),
        ("{}", "holds no PAE, pLDDT"),
    ],
)
def test_broken_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message) as caught:
        read_plddt(path, "MG")
    assert "m.json" in str(caught.value)


def test_a_complex_is_not_a_monomer(shared: Path) -> None:
    folder = shared / "parity/interfaces"
    with pytest.raises(InvalidInput, match="2 chains"):
        read_plddt(next(folder.glob("*.pdb.gz")), "M" * 199)


def test_native_confidence_json_equals_the_structure(shared: Path) -> None:
    values = read_plddt(shared / "parity/interfaces/confidence_model_1_multimer_v3_pred_0.json", "M" * 199).values
    assert values[0] == 60.66
    assert values.shape == (199,)


@pytest.mark.parametrize("bad", [[], [50.0, np.nan], [50.0, 100.5], [-0.1]])
def test_profile_checks_itself(bad: list[float]) -> None:
    with pytest.raises(InvalidInput, match="here"):
        PlddtProfile(np.array(bad, dtype=float), "here", proxy=False)


def test_lookup_prefers_structures_and_the_newest(tmp_path: Path) -> None:
    assert find_plddt(tmp_path, "P1") is None
    for name, expected in (
        ("AF-P10-F1-model_v4.cif", None),
        ("AF-P1-F1-model_v4.cif.tmp", None),
        ("P1.json", "P1.json"),
        ("AF-P1-F1-confidence_v4.json", "AF-P1-F1-confidence_v4.json"),
        ("AF-P1-F1-model_v4.pdb.gz", "AF-P1-F1-model_v4.pdb.gz"),
        ("AF-P1-F1-model_v4.cif.gz", "AF-P1-F1-model_v4.cif.gz"),
        ("AF-P1-F1-model_v10.cif", "AF-P1-F1-model_v10.cif"),
    ):
        (tmp_path / name).touch()
        found = find_plddt(tmp_path, "P1")
        assert (found.name if found else None) == expected
    with pytest.raises(InvalidInput, match="accession"):
        find_plddt(tmp_path, "../P1")
    with pytest.raises(InvalidInput, match="no such folder"):
        find_plddt(tmp_path / "absent", "P1")
