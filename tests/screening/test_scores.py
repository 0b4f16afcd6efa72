"""Interface scores against recorded scorers, the definitions written as loops, and toys."""

import json
from dataclasses import asdict, fields
from math import log10
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening import interface
from screening.errors import InvalidInput, Unsupported
from screening.interface import contact_iptm, ipsae, iptm_of_chains, lis, pdockq, pdockq2, ppv
from screening.prediction import Prediction, read_prediction
from screening.scores import InterfaceScores, score_complex, score_pairs, score_prediction
from screening.structure_file import Atoms


def made(
    cb_a: np.ndarray, cb_b: np.ndarray, plddt: np.ndarray | None = None, pae: np.ndarray | None = None
) -> Prediction:
    cb = np.concatenate([cb_a, cb_b])
    return Prediction(
        source=Path("made.pdb"),
        chain_ids=("A", "B"),
        sequences=("A" * len(cb_a), "A" * len(cb_b)),
        cb_plddt=plddt,
        atoms=Atoms(("CB",) * len(cb), np.arange(len(cb)), cb, np.zeros(len(cb))),
        chain_index=np.repeat([0, 1], [len(cb_a), len(cb_b)]),
        residue_names=("ALA",) * len(cb),
        residue_number=np.arange(len(cb)),
        plddt=plddt,
        ca_angstrom=cb,
        cb_angstrom=cb,
        pae=pae,
    )


def by_definition(p: Prediction) -> dict[str, float | int]:
    """The published definitions as plain loops over residues."""
    assert p.plddt is not None
    assert p.pae is not None
    n_a = len(p.sequences[0])
    side = [range(n_a), range(n_a, len(p.plddt))]
    pairs = [(i, j) for i in side[0] for j in side[1] if np.linalg.norm(p.cb_angstrom[i] - p.cb_angstrom[j]) <= 8.0]
    interface = sorted({i for i, _ in pairs} | {j for _, j in pairs})
    mean = float(np.mean([p.plddt[i] for i in interface]))
    result: dict[str, float | int] = {
        "n_contacts": len(pairs),
        "n_interface_residues": len(interface),
        "interface_plddt": mean,
        "pdockq": 0.724 / (1 + np.exp(-0.052 * (mean * log10(len(pairs)) - 152.611))) + 0.018,
    }
    for name, rows, columns, contacts in (
        ("a", side[0], side[1], pairs),
        ("b", side[1], side[0], [(j, i) for i, j in pairs]),
    ):
        factor = sum(1 / (1 + (float(p.pae[i, j]) / 10) ** 2) for i, j in contacts) / len(contacts)
        result[f"pdockq2_{name}"] = (
            1.31034849 / (1 + np.exp(-0.0747157696 * (mean * factor - 84.7326239))) + 0.00501886443
        )
        direction = "ab" if name == "a" else "ba"
        for label, cutoff in (("ipsae", 15.0), ("ipsae10", 10.0)):
            best = 0.0
            for i in rows:
                valid = [float(p.pae[i, j]) for j in columns if p.pae[i, j] < cutoff]
                if valid:
                    d0 = max(1.0, 1.24 * (max(len(valid), 26) - 15) ** (1 / 3) - 1.8)
                    best = max(best, sum(1 / (1 + (e / d0) ** 2) for e in valid) / len(valid))
            result[f"{label}_{direction}"] = best
        local = [(12 - float(p.pae[i, j])) / 12 for i in rows for j in columns if p.pae[i, j] < 12]
        result[f"lis_{direction}"] = sum(local) / len(local) if local else 0.0
        result[f"lia_{direction}"] = len(local)
        touching = [(12 - float(p.pae[i, j])) / 12 for i, j in contacts if p.pae[i, j] < 12]
        result[f"clis_{direction}"] = sum(touching) / len(touching) if touching else 0.0
        result[f"clia_{direction}"] = len(touching)
        result[f"ilis_{direction}"] = (result[f"lis_{direction}"] * result[f"clis_{direction}"]) ** 0.5
        n = len(p.plddt)
        d0 = max(1.0, 1.24 * (max(n, 26) - 15) ** (1 / 3) - 1.8)
        means = [np.mean([1 / (1 + (float(p.pae[i, j]) / d0) ** 2) for j in columns]) for i in rows]
        result[f"iptm_d0chn_{direction}"] = float(max(means))
        of_row = {i: [1 / (1 + (float(p.pae[i, j]) / d0) ** 2) for k, j in contacts if k == i] for i in rows}
        result[f"reactifptm_{direction}"] = max(float(np.mean(terms)) for terms in of_row.values() if terms)
    both = [float(p.pae[i, j]) for i, j in pairs] + [float(p.pae[j, i]) for i, j in pairs]
    result["contact_ipae"] = float(np.mean(both))
    ca = [(i, j) for i in side[0] for j in side[1] if np.linalg.norm(p.ca_angstrom[i] - p.ca_angstrom[j]) <= 8.0]
    if ca:
        for name, own, flip in (("a", 0, False), ("b", 1, True)):
            own_plddt = np.mean([p.plddt[pair[own]] for pair in ca])
            factor = np.mean([1 / (1 + (float(p.pae[j, i] if flip else p.pae[i, j]) / 10) ** 2) for i, j in ca])
            result[f"pdockq2_zhu2023_{name}"] = float(
                1.31034849 / (1 + np.exp(-0.0747157696 * (own_plddt * factor - 84.7326239))) + 0.00501886443
            )
    confident = 0
    for i in side[0]:
        for j in side[1]:
            x, y = (p.atoms.xyz_angstrom[p.atoms.residue == k] for k in (i, j))
            nearest = np.linalg.norm(x[:, None] - y[None], axis=-1).min()
            sure = min(p.pae[i, j], p.pae[j, i]) <= 15 and min(p.plddt[i], p.plddt[j]) >= 50
            confident += bool(nearest <= 8.0 and sure)
    result["n_confident_contacts"] = confident
    return result


def test_constants_are_the_published_ones() -> None:
    assert interface.CONTACT_ANGSTROM == 8.0
    assert (interface.PDOCKQ_L, interface.PDOCKQ_K, interface.PDOCKQ_X0, interface.PDOCKQ_B) == (
        0.724,
        0.052,
        152.611,
        0.018,
    )
    assert (interface.PDOCKQ2_L, interface.PDOCKQ2_K) == (1.31034849, 0.0747157696)
    assert (interface.PDOCKQ2_X0, interface.PDOCKQ2_B) == (84.7326239, 0.00501886443)
    assert interface.PDOCKQ2_PAE_ANGSTROM == 10.0
    assert (interface.IPSAE_CUTOFF_ANGSTROM, interface.IPSAE10_CUTOFF_ANGSTROM) == (15.0, 10.0)
    assert (interface.IPSAE_MINIMUM_RESIDUES, interface.TM_A, interface.TM_B, interface.TM_C) == (26, 1.24, 15.0, 1.8)
    assert interface.LIS_CUTOFF_ANGSTROM == 12.0
    assert (interface.CONFIDENT_ANGSTROM, interface.CONFIDENT_PAE_ANGSTROM, interface.CONFIDENT_PLDDT) == (8, 15, 50)
    assert len(interface.PPV) == len(interface.PPV_PDOCKQ) == 31
    assert (np.diff(interface.PPV_PDOCKQ) < 0).all()
    assert (np.diff(interface.PPV) < 0).all()


def test_colabfold_layout_equals_the_recorded_scorers(shared: Path) -> None:
    folder = shared / "parity/interfaces"
    (expected,) = json.loads((folder / "expected.json").read_text()).values()
    found = score_complex(next(folder.glob("*_unrelaxed_*.pdb.gz")), next(folder.glob("*_scores_*.json.gz")))
    assert found == score_complex(*(str(next(folder.glob(name))) for name in ("*_unrelaxed_*.pdb.gz", "*_scores_*")))
    plain = expected["plain"]["A-B"]
    assert found.n_contacts == plain["n_contacts_cb8"] == 45
    assert found.n_interface_residues == plain["n_interface_residues"] == 37
    assert found.interface_plddt == pytest.approx(plain["interface_plddt"], abs=1e-9)
    assert found.mean_plddt_a == pytest.approx(plain["chain_mean_plddt"]["A"], abs=1e-9)
    assert found.mean_plddt_b == pytest.approx(plain["chain_mean_plddt"]["B"], abs=1e-9)
    assert found.min_ipae == pytest.approx(plain["min_interchain_pae"], abs=1e-6)
    assert found.mean_ipae == pytest.approx(plain["mean_interchain_pae"], abs=1e-6)
    assert found.pdockq == pytest.approx(expected["alphapulldown_pdockq_n"], abs=1e-6)
    for cutoff, ab, ba in ((15, found.ipsae_ab, found.ipsae_ba), (10, found.ipsae10_ab, found.ipsae10_ba)):
        rows = [row for row in expected[f"ipsae_v4_{cutoff}_{cutoff}"] if row["type"] == "asym"]
        assert [ab, ba] == pytest.approx([row["ipSAE"] for row in rows], abs=1e-5)
        engine = expected[f"colabfold163_interface_scores_pae{cutoff}"]["ipsae"]
        assert [ab, ba] == pytest.approx([engine["A-B"], engine["B-A"]], abs=1e-5)
    native = expected["native"]
    assert [found.ipsae_ab, found.ipsae_ba] == pytest.approx(list(native["ipsae"].values()), abs=1e-3)
    assert [found.pdockq2_a, found.pdockq2_b] == pytest.approx(list(native["pdockq2"].values()), abs=1e-3)
    local = expected["afm_lis"]
    assert [found.lis_ab, found.lis_ba] == pytest.approx([local["A-B"]["LIS"], local["B-A"]["LIS"]], abs=1e-6)
    for direction, name in (("ab", "A-B"), ("ba", "B-A")):
        for score in ("lis", "clis", "ilis"):
            value = local[name][score.replace("lis", "LIS")]
            assert getattr(found, f"{score}_{direction}") == pytest.approx(value, abs=1e-6), score
        assert getattr(found, f"lia_{direction}") == local[name]["LIA"]
        assert getattr(found, f"clia_{direction}") == local[name]["cLIA"]
    d0chn = [row["ipTM_d0chn"] for row in expected["ipsae_v4_15_15"] if row["type"] == "asym"]
    assert [found.iptm_d0chn_ab, found.iptm_d0chn_ba] == pytest.approx(d0chn, abs=1e-6)
    zhu = expected["zhu2023_pdockq2_per_chain"]
    assert [found.pdockq2_zhu2023_a, found.pdockq2_zhu2023_b] == pytest.approx([zhu["A"], zhu["B"]], abs=1e-8)
    approximation = expected["reactifptm"]["pairwise"]
    assert found.reactifptm_ab == pytest.approx(approximation["A-B"], abs=5.1e-4)
    assert found.reactifptm_ba == pytest.approx(approximation["B-A"], abs=5.1e-4)
    assert found.contact_ipae == pytest.approx(plain["mean_contact_pae_sym"], abs=1e-7)
    assert found.actifptm is None
    assert (found.iptm, found.ptm) == (native["iptm"], native["ptm"])
    assert found.ppv == pytest.approx(expected["folddock_ppv"])


def test_pdockq2_differs_from_other_scorers_only_by_their_rounded_constants(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared / "parity/interfaces"
    (expected,) = json.loads((folder / "expected.json").read_text()).values()
    for name, rounded in (("L", 1.31), ("K", 0.075), ("X0", 84.733), ("B", 0.005)):
        monkeypatch.setattr(interface, f"PDOCKQ2_{name}", rounded)
    found = score_complex(next(folder.glob("*_unrelaxed_*.pdb.gz")), next(folder.glob("*_scores_*.json.gz")))
    recorded = list(expected["native"]["pdockq2"].values())
    assert [found.pdockq2_a, found.pdockq2_b] == pytest.approx(recorded, abs=5.1e-5)


def test_native_alphafold_layout_equals_the_definitions(shared: Path) -> None:
    folder = shared / "parity/interfaces"
    prediction = read_prediction(
        folder / "unrelaxed_model_1_multimer_v3_pred_0.cif.gz",
        folder / "pae_model_1_multimer_v3_pred_0.json.gz",
        confidence=folder / "iptm_ptm.json",
    )
    found = score_prediction(prediction)
    for name, value in by_definition(prediction).items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-9), name
    assert found.iptm == pytest.approx(0.9369155168533325)


@given(st.integers(0, 2**32 - 1))
def test_random_complexes_equal_the_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_a, n_b = rng.integers(2, 40, size=2)
    cb_a, cb_b = rng.normal(size=(n_a, 3)) * 8, rng.normal(size=(n_b, 3)) * 8
    pae = rng.uniform(0.2, 31.75, size=(n_a + n_b, n_a + n_b)).astype(np.float32)
    prediction = made(cb_a, cb_b, rng.uniform(20, 99, size=n_a + n_b), pae)
    found = score_prediction(prediction)
    if found.n_contacts:
        for name, value in by_definition(prediction).items():
            assert getattr(found, name) == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("name", ["tight", "apart"])
def test_pdockq_equals_the_authors(shared: Path, name: str) -> None:
    folder = shared / "parity/pdockq"
    expected = json.loads((folder / "expected.json").read_text())[name]
    found = score_complex(folder / f"{name}.pdb")
    assert found.pdockq == pytest.approx(expected["pdockq"], abs=1e-6)
    assert found.ppv == pytest.approx(expected["ppv"], abs=1e-9)
    assert found.n_contacts == expected["n_contacts_8A"]


def test_transcription_factor_complexes_equal_the_table(shared: Path) -> None:
    folder = shared / "data/afm_tf_complexes"
    header, *rows = [line.split("\t") for line in (folder / "metrics.tsv").read_text().splitlines()]
    for row in (dict(zip(header, values, strict=True)) for values in rows):
        found = score_complex(folder / row["set"] / f"{row['pdb']}.gz")
        assert found.n_contacts == int(row["n_contacts_cb8"])
        assert (found.n_interface_a, found.n_interface_b) == (int(row["n_if_res_a"]), int(row["n_if_res_b"]))
        assert found.interface_plddt == pytest.approx(float(row["interface_plddt"]), abs=6e-4)
        assert found.pdockq == pytest.approx(float(row["pdockq"]), abs=6e-6)
        assert found.mean_plddt_a == pytest.approx(float(row["mean_plddt_a"]), abs=6e-4)
        assert found.mean_plddt_b == pytest.approx(float(row["mean_plddt_b"]), abs=6e-4)
        assert found.ipsae_ab is found.min_ipae is found.pdockq2_a is found.iptm is None
    assert len(rows) == 9


def test_without_plddt_only_what_needs_none_is_scored() -> None:
    near = np.zeros((3, 3))
    found = score_prediction(made(near, near + 1.0, pae=np.full((6, 6), 5.0, dtype=np.float32)))
    assert (found.n_contacts, found.n_interface_residues) == (9, 6)
    missing = {field.name for field in fields(InterfaceScores) if getattr(found, field.name) is None}
    assert missing == {
        *("mean_plddt_a", "mean_plddt_b", "interface_plddt", "pdockq", "ppv", "pdockq2_a", "pdockq2_b"),
        *("pdockq2_zhu2023_a", "pdockq2_zhu2023_b", "n_confident_contacts"),
        *("iptm", "ptm", "actifptm", "charge_complementarity"),
    }
    assert found.lis_ab == pytest.approx(7 / 12)


def test_without_contacts_scores_are_zero_and_plddt_unknown() -> None:
    far = np.full((3, 3), 100.0)
    found = score_prediction(made(np.zeros((3, 3)), far, np.full(6, 90.0), np.full((6, 6), 31.0, dtype=np.float32)))
    assert (found.n_contacts, found.n_interface_residues, found.pdockq, found.ppv) == (0, 0, 0.0, 0.0)
    assert found.interface_plddt is None
    assert (found.pdockq2_a, found.ipsae_ab, found.lis_ab) == (0.0, 0.0, 0.0)
    assert found.min_ipae == found.mean_ipae == 31.0


def test_contact_includes_eight_angstrom() -> None:
    a = np.zeros((1, 3))
    counts = [
        score_prediction(made(a, np.array([[x, 0.0, 0.0]]), np.full(2, 90.0))).n_contacts for x in (7.999, 8.0, 8.001)
    ]
    assert counts == [1, 1, 0]


def test_toys() -> None:
    assert pdockq(90.0, 1) == pytest.approx(0.0183, abs=1e-4)
    # Term at 1 angstrom is exactly one half where d0 is at its floor of 1.
    assert ipsae(np.full((1, 5), 1.0)) == pytest.approx(0.5)
    assert ipsae(np.full((2, 5), 15.0)) == 0.0
    assert lis(np.array([0.0, 6.0])) == pytest.approx(0.75)
    assert lis(np.array([])) == 0.0
    assert iptm_of_chains(np.full((2, 5), 1.0)) == pytest.approx(0.5)
    # Only the pair in contact counts, so the one far from it changes nothing.
    assert contact_iptm(np.array([[1.0, 30.0]]), np.array([[True, False]])) == pytest.approx(0.5)
    assert contact_iptm(np.array([[1.0, 30.0]]), np.zeros((1, 2), dtype=bool)) == 0.0
    assert ppv(0.9) == 0.98128027
    assert ppv(0.67333079) == 0.98128027
    assert ppv(0.67) == 0.98128027
    assert ppv(0.65) == 0.96322524
    assert ppv(0.018) == 0.55890174
    perfect = pdockq2(100.0, np.zeros(3))
    assert perfect == pytest.approx(1.31034849 / (1 + np.exp(-0.0747157696 * (100 - 84.7326239))) + 0.00501886443)


@pytest.mark.parametrize("chains", [1, 3])
def test_other_numbers_of_chains_are_unsupported(tmp_path: Path, chains: int) -> None:
    path = tmp_path / "x.pdb"
    line = "ATOM      1  CA  GLY {}   1       0.000   0.000   0.000  1.00 80.00\n"
    path.write_text("".join(line.format("ABC"[k]) for k in range(chains)))
    with pytest.raises(Unsupported, match=rf"x\.pdb: {chains} chain"):
        score_complex(path)


def test_every_pair_of_three_chains(shared: Path) -> None:
    folder = shared / "parity/interfaces"
    two = read_prediction(next(folder.glob("*_unrelaxed_*.pdb.gz")), next(folder.glob("*_scores_*.json.gz")))
    assert two.pae is not None
    assert two.plddt is not None
    assert two.cb_plddt is not None
    # A third chain, a copy of the second moved out of reach, before both.
    b = two.chain(1)
    order = np.concatenate([np.arange(b.start, b.stop), np.arange(len(two.plddt))])
    n_b = len(two.sequences[1])
    atoms_b = two.atoms.residue >= b.start
    three = Prediction(
        source=two.source,
        chain_ids=("X", "A", "B"),
        sequences=(two.sequences[1], *two.sequences),
        chain_index=np.concatenate([np.zeros(n_b, dtype=np.int64), two.chain_index + 1]),
        residue_names=tuple(np.array(two.residue_names)[order]),
        residue_number=two.residue_number[order],
        plddt=two.plddt[order],
        cb_plddt=two.cb_plddt[order],
        ca_angstrom=two.ca_angstrom[order] + np.where(np.arange(len(order)) < n_b, 1000.0, 0.0)[:, None],
        cb_angstrom=two.cb_angstrom[order] + np.where(np.arange(len(order)) < n_b, 1000.0, 0.0)[:, None],
        atoms=Atoms(
            names=(*np.array(two.atoms.names)[atoms_b].tolist(), *two.atoms.names),
            residue=np.concatenate([two.atoms.residue[atoms_b] - b.start, two.atoms.residue + n_b]),
            xyz_angstrom=np.concatenate([two.atoms.xyz_angstrom[atoms_b] + 1000.0, two.atoms.xyz_angstrom]),
            b_factor=np.concatenate([two.atoms.b_factor[atoms_b], two.atoms.b_factor]),
        ),
        pae=two.pae[np.ix_(order, order)],
        iptm=0.5,
        pair_iptm={("A", "B"): 0.75, ("B", "A"): 0.25},
    )
    pairs = {(a, b): scores for a, b, scores in score_pairs(three)}
    assert list(pairs) == [("X", "A"), ("X", "B"), ("A", "B")]
    whole = score_prediction(two)
    same = {field.name for field in fields(InterfaceScores)} - {"iptm", "ptm"}
    assert all(getattr(pairs["A", "B"], name) == getattr(whole, name) for name in same)
    assert (pairs["A", "B"].iptm, pairs["X", "A"].iptm) == (0.75, None)
    assert (pairs["X", "A"].n_contacts, pairs["X", "A"].pdockq) == (0, 0.0)
    with pytest.raises(InvalidInput, match="no two chains A and Q in X, A, B"):
        score_prediction(three, ("A", "Q"))
    swapped = score_prediction(three, ("B", "A"))
    for name, value in asdict(pairs["A", "B"].swapped()).items():
        assert getattr(swapped, name) == pytest.approx(value, abs=1e-12), name
    assert whole.swapped().swapped() == whole
    assert swapped.n_interface_a == whole.n_interface_b != whole.n_interface_a


def test_the_documentation_names_every_score() -> None:
    text = (Path(__file__).parents[2] / "docs/scores.md").read_text()
    for field in fields(InterfaceScores):
        assert f"`{field.name}`" in text, field.name
