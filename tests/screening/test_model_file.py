"""Stored predictions: what is read back, how large it is, and what other programs read in it."""

import gzip
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from screening.errors import InvalidInput, InvalidOutput
from screening.interface import ipsae, lis
from screening.model_file import ModelChain, write_model, write_pae
from screening.prediction import Prediction, read_prediction
from screening.scores import score_complex, score_prediction
from screening.structure_file import Atoms

METRICS = {"ipTM": 0.92, "pTM": 0.93, "ipSAE": None}


@pytest.fixture
def barnase(shared: Path) -> Prediction:
    folder = shared / "parity/interfaces"
    return read_prediction(next(folder.glob("*_unrelaxed_*.pdb.gz")), next(folder.glob("*_scores_*.json.gz")))


def chains(start_a: int = 48, start_b: int = 2) -> list[ModelChain]:
    return [ModelChain("P00648", start_a, "A"), ModelChain("P11540", start_b, "B")]


def stored(prediction: Prediction, folder: Path) -> tuple[Path, Path]:
    write_model(folder / "x.cif.gz", prediction, chains(), title="a pair", software="toy 1", metrics=METRICS)
    assert prediction.pae is not None
    write_pae(folder / "pae_x.npz", prediction.pae)
    return folder / "x.cif.gz", folder / "pae_x.npz"


def synthetic(length_a: int, length_b: int) -> Prediction:
    """Two chains of tryptophan, the largest residue, with a PAE of full precision."""
    rng = np.random.default_rng(0)
    n = length_a + length_b
    names = ["N", "CA", "C", "O", "CB", "CG", "CD1", "CD2", "NE1", "CE2", "CE3", "CZ2", "CZ3", "CH2"]
    xyz = rng.normal(scale=30.0, size=(n * len(names), 3))
    plddt = rng.uniform(20, 99, n)
    return Prediction(
        source=Path("made.pdb"),
        chain_ids=("A", "B"),
        sequences=("W" * length_a, "W" * length_b),
        chain_index=np.repeat([0, 1], [length_a, length_b]),
        residue_names=("TRP",) * n,
        residue_number=np.concatenate([np.arange(length_a), np.arange(length_b)]) + 1,
        plddt=plddt,
        cb_plddt=plddt,
        ca_angstrom=xyz[1 :: len(names)],
        cb_angstrom=xyz[4 :: len(names)],
        atoms=Atoms(tuple(names * n), np.repeat(np.arange(n), len(names)), xyz, np.repeat(plddt, len(names))),
        pae=rng.uniform(0.2, 31.75, (n, n)).astype(np.float32),
    )


def test_what_is_read_back(barnase: Prediction, tmp_path: Path) -> None:
    model, pae = stored(barnase, tmp_path)
    back = read_prediction(model, pae)
    assert (back.chain_ids, back.sequences, back.atoms.names) == (("A", "B"), barnase.sequences, barnase.atoms.names)
    np.testing.assert_array_equal(back.atoms.xyz_angstrom, barnase.atoms.xyz_angstrom)
    np.testing.assert_array_equal(back.plddt, barnase.plddt)  # pyright: ignore[reportArgumentType]
    np.testing.assert_array_equal(back.pae, barnase.pae)  # pyright: ignore[reportArgumentType]
    assert back.residue_number[[0, 109, 110, 198]].tolist() == [48, 157, 2, 90]
    before, after = (asdict(score_prediction(p)) for p in (barnase, back))
    differing = {name for name in before if before[name] != after[name]}
    assert differing == {"iptm", "ptm"}  # they are kept in the record, not read from the model
    assert score_complex(model, pae).ipsae_ab == before["ipsae_ab"]


def test_the_same_prediction_is_the_same_bytes(barnase: Prediction, tmp_path: Path) -> None:
    first = [path.read_bytes() for path in stored(barnase, tmp_path / "1")]
    assert first == [path.read_bytes() for path in stored(barnase, tmp_path / "2")]


def test_precision_of_the_pae(tmp_path: Path) -> None:
    pae = np.random.default_rng(1).uniform(0.2, 31.75, (400, 400)).astype(np.float32)
    pae[:200, 200:] /= 4  # one direction well below the cutoffs
    write_pae(tmp_path / "pae.npz", pae)
    with np.load(tmp_path / "pae.npz", allow_pickle=False) as archive:
        assert {name: archive[name].dtype for name in archive.files} == {"pae_milliangstrom": np.uint16}
    (tmp_path / "x.pdb").write_text("")
    from screening.confidences import read_confidences

    back = read_confidences(tmp_path / "pae.npz").pae
    assert back is not None
    assert np.abs(back - pae).max() <= 0.0005 + 2e-6  # and the rounding of float32
    for rows, columns in ((slice(0, 200), slice(200, 400)), (slice(200, 400), slice(0, 200))):
        one, other = pae[rows, columns].astype(float), back[rows, columns].astype(float)
        for cutoff in (10.0, 15.0):
            assert ipsae(other, cutoff) == pytest.approx(ipsae(one, cutoff), abs=1e-4)
        assert lis(other[other < 12]) == pytest.approx(lis(one[one < 12]), abs=1e-4)


def test_400_residues_take_less_than_half_a_megabyte(tmp_path: Path) -> None:
    model, pae = stored(synthetic(200, 200), tmp_path)
    size = model.stat().st_size + pae.stat().st_size
    assert 100_000 < size <= 500_000


def test_other_programs_read_it(barnase: Prediction, tmp_path: Path) -> None:
    from Bio.PDB import MMCIFParser
    from Bio.PDB.MMCIF2Dict import MMCIF2Dict

    model, _ = stored(barnase, tmp_path)
    plain = tmp_path / "x.cif"
    plain.write_bytes(gzip.decompress(model.read_bytes()))
    residues = list(MMCIFParser(QUIET=True).get_structure("x", plain).get_residues())
    assert [residues[0].id[1], residues[-1].id[1], len(residues)] == [48, 90, 199]
    items = MMCIF2Dict(str(plain))
    assert items["_ma_qa_metric.name"] == ["pLDDT", "ipTM", "pTM"]
    assert items["_ma_qa_metric.mode"] == ["local", "global", "global"]
    assert items["_ma_qa_metric.type"] == ["pLDDT", "ipTM", "pTM"]
    of = dict(zip(items["_ma_qa_metric_global.metric_id"], items["_ma_qa_metric_global.metric_value"], strict=True))
    assert of == {"2": "0.92", "3": "0.93"}
    assert len(items["_ma_qa_metric_local.metric_value"]) == 199
    assert float(items["_ma_qa_metric_local.metric_value"][0]) == 62.75
    assert items["_ma_qa_metric_local.label_asym_id"][109:111] == ["A", "B"]
    assert items["_entity.pdbx_description"] == ["P00648", "P11540"]
    assert items["_struct.title"] == ["a pair"]


def test_openmm_reads_it(barnase: Prediction, tmp_path: Path) -> None:
    from openmm.app import PDBxFile

    model, _ = stored(barnase, tmp_path)
    plain = tmp_path / "x.cif"
    plain.write_bytes(gzip.decompress(model.read_bytes()))
    topology = PDBxFile(str(plain)).topology
    assert [chain.id for chain in topology.chains()] == ["A", "B"]
    assert topology.getNumAtoms() == len(barnase.atoms.names)


def test_a_homodimer_is_one_entity(tmp_path: Path) -> None:
    model, _ = stored(synthetic(5, 5), tmp_path)
    text = gzip.decompress(model.read_bytes()).decode()
    assert text.count("polypeptide(L)") == 1
    assert "\nA 1\nB 1\n" in text


def test_without_plddt_there_is_no_quality_category(tmp_path: Path) -> None:
    from dataclasses import replace

    bare = replace(synthetic(3, 3), plddt=None, cb_plddt=None)
    write_model(tmp_path / "x.cif.gz", bare, chains(), title="it's", software="toy", metrics={})
    text = gzip.decompress((tmp_path / "x.cif.gz").read_bytes()).decode()
    assert "ma_qa_metric" not in text
    assert read_prediction(tmp_path / "x.cif.gz", has_plddt=False).sequences == ("WWW", "WWW")


def test_bad_input_leaves_no_file(tmp_path: Path) -> None:
    prediction = synthetic(3, 3)
    with pytest.raises(InvalidInput, match="1 chains are described, 2 predicted"):
        write_model(tmp_path / "x.cif.gz", prediction, chains()[:1], title="t", software="s", metrics={})
    with pytest.raises(InvalidInput, match="begins at residue 0"):
        write_model(tmp_path / "x.cif.gz", prediction, chains(0), title="t", software="s", metrics={})
    prediction.atoms.xyz_angstrom[0, 0] = np.nan
    with pytest.raises(InvalidOutput, match="not finite"):
        write_model(tmp_path / "x.cif.gz", prediction, chains(), title="t", software="s", metrics={})
    with pytest.raises(InvalidOutput, match=r"66 angstrom is beyond the 65\.535"):
        write_pae(tmp_path / "x.npz", np.full((2, 2), 66.0))
    with pytest.raises(InvalidInput, match="shape"):
        write_pae(tmp_path / "x.npz", np.zeros((2, 3)))
    assert not list(tmp_path.iterdir())
