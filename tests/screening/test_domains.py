import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.folding.calvados import Chain, elastic_pairs
from screening.folding.chain_simulation import simulate
from screening.folding.domains import find_domains, ranges_of
from screening.folding.protocol import ResidueMdSettings

BARNASE = "interfaces/barnase_barstar_unrelaxed_rank_001_alphafold2_multimer_v3_model_3_seed_000.pdb.gz"
SHORT = ResidueMdSettings(production_ns=1.0, equilibration_ns=0.2, replicas=1, frame_interval_ps=20.0, box_nm=14.0)


def chain(path: Path, name: str, start: int = 1, end: int | None = None) -> tuple[np.ndarray, str]:
    """C-alphas, nm, and sequence of a stretch of a predicted structure."""
    from Bio.PDB.MMCIFParser import MMCIFParser
    from Bio.PDB.PDBParser import PDBParser
    from Bio.SeqUtils import seq1

    parser = MMCIFParser(QUIET=True) if ".cif" in path.suffixes else PDBParser(QUIET=True)
    with gzip.open(path, "rt") as handle:
        structure = parser.get_structure("model", handle)
    assert structure is not None
    residues = [residue for residue in structure[0][name] if start <= residue.id[1] <= (end or 10**6)]
    positions = np.array([residue["CA"].get_coord() for residue in residues], float) / 10
    return positions, "".join(seq1(residue.get_resname()) for residue in residues)


def globule(edge: int) -> np.ndarray:
    """A chain that fills a cube of side `edge` lattice points to and fro."""
    rows = []
    for z in range(edge):
        for y in range(edge)[:: 1 if z % 2 == 0 else -1]:
            odd = (z * edge + (y if z % 2 == 0 else edge - 1 - y)) % 2
            rows += [(x, y, z) for x in range(edge)[:: -1 if odd else 1]]
    return 0.38 * np.array(rows, float)


def line(length: int) -> np.ndarray:
    return np.column_stack([0.38 * np.arange(length), np.zeros(length), np.zeros(length)])


def helix(length: int) -> np.ndarray:
    turn = np.radians(100 * np.arange(length))
    return np.column_stack([0.23 * np.cos(turn), 0.23 * np.sin(turn), 0.15 * np.arange(length)])


def joined(*pieces: np.ndarray) -> np.ndarray:
    """Pieces one after the other along x, each starting a bond after the last bead of the one before."""
    placed = [pieces[0]]
    for piece in pieces[1:]:
        shift = np.array([max(part[:, 0].max() for part in placed) + 0.38 - piece[:, 0].min(), 0, 0])
        placed.append(piece + shift)
    return np.concatenate(placed)


def found(positions: np.ndarray, sequence: str | None = None) -> list[str]:
    return [ranges_of(domain) for domain in find_domains(positions, sequence or "A" * len(positions))]


def test_a_compact_body_is_one_domain_and_an_extended_chain_is_none():
    assert found(globule(3)) == ["1-27"]
    assert found(globule(5)) == ["1-125"]
    assert found(line(60)) == []
    assert found(line(3)) == []


@pytest.mark.parametrize("linker", [6, 12, 40])
def test_two_bodies_on_a_linker_are_two_domains_and_the_linker_is_in_neither(linker: int):
    # The first two beads off a face are within 0.9 nm of it.
    domains = found(joined(globule(4), line(linker), globule(3)))
    assert domains == ["1-66", f"{63 + linker}-{64 + linker + 27}"]


def test_a_body_inserted_into_another_leaves_it_whole():
    # The first body is left at its 32nd residue, in the middle, for the second, and entered again there.
    body, inserted = globule(4), globule(3) + np.array([0, 0, 6.0])
    assert found(np.concatenate([body[:32], inserted, body[32:]])) == ["1-32,60-91", "33-59"]


def test_a_helix_is_stiff_however_long():
    assert found(helix(80)) == ["1-80"]


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_domains_do_not_depend_on_the_frame(seed: int):
    generator = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    positions = joined(globule(3), line(8), globule(3))
    assert found(positions @ turn.T + generator.normal(size=3) * 10) == ["1-29", "34-62"]


@given(st.integers(4, 90), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_no_residue_is_in_two_domains(length: int, seed: int):
    generator = np.random.default_rng(seed)
    steps = generator.normal(size=(length, 3))
    positions = np.cumsum(0.38 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)
    sequence = "".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), length))
    residues = np.concatenate([np.zeros(0, int), *find_domains(positions, sequence)])
    assert len(set(residues.tolist())) == len(residues)
    assert set(residues.tolist()) <= set(range(length))


# Domain boundaries of UniProt, which the parser never saw: KLF4 (O43474, fingers 430-454, 460-484, 490-512), GATA1
# (P15976, fingers 204-228 and 258-282), PAX8 (Q06710, paired domain 9-135 of two subdomains), LMO4 (P61968, LIM 23-83
# and 87-147), RELA (Q04206, two Ig-like folds in 19-306), OCT4's POU-specific domain (Q01860, 138-212), the ligand
# binding domain of RARA (P10276, 183-417) and the DNA binding domain of p53 (P04637, 102-292).
RECORDED = [
    ("afm_tf_complexes/high_quality/O43474_P10276.pdb.gz", "A", 426, 513, [442, 472, 501]),
    ("afm_tf_complexes/high_quality/Q01860_P15976.pdb.gz", "B", 202, 309, [216, 270]),
    ("afm_tf_complexes/high_quality/Q01860_Q06710.pdb.gz", "B", 9, 139, [40, 110]),
    ("afm_tf_complexes/dtot/Q01860_P61968.pdb.gz", "B", 19, 144, [53, 117]),
    ("boltz2_tf_complexes/Q04206_P03372_Boltz-2_v2-1-1.cif.gz", "A", 16, 292, [100, 240]),
    ("afm_tf_complexes/high_quality/Q01860_P15976.pdb.gz", "A", 136, 223, [175]),
    ("afm_tf_complexes/high_quality/O43474_P10276.pdb.gz", "B", 180, 417, [300]),
    ("afm_tf_complexes/high_quality/Q01860_P04637.pdb.gz", "B", 96, 294, [200]),
    # Fingers that the model packs against each other are told apart by their motif: SP1 (P08047).
    ("boltz2_tf_complexes/P08047_P03372_Boltz-2_v2-1-1.cif.gz", "A", 620, 712, [638, 668, 697]),
]


@pytest.mark.parametrize(("file", "name", "start", "end", "centres"), RECORDED, ids=[row[0][-30:] for row in RECORDED])
def test_domains_of_transcription_factors(shared: Path, file: str, name: str, start: int, end: int, centres: list[int]):
    positions, sequence = chain(shared / "data" / file, name, start, end)
    domains = find_domains(positions, sequence)
    assert [[start + i in centres for i in domain].count(True) for domain in domains] == [1] * len(centres)
    assert all(len(domain) >= 20 for domain in domains)


def test_zinc_fingers_are_cut_in_their_linkers(shared: Path):
    positions, sequence = chain(shared / "data" / RECORDED[0][0], "A", 426, 513)
    domains = find_domains(positions, sequence)
    for domain, (first, last) in zip(domains, [(430, 454), (460, 484), (490, 512)], strict=True):
        assert domain[0] + 426 <= first
        assert domain[-1] + 426 >= last


def test_the_network_of_a_compact_domain_is_that_of_all_its_residues(shared: Path):
    for name, residues in (("A", 110), ("B", 89)):
        positions, sequence = chain(shared / "parity" / BARNASE, name)
        assert len(positions) == residues
        domains = find_domains(positions, sequence)
        assert [ranges_of(domain) for domain in domains] == [f"1-{residues}"]
        assert elastic_pairs(positions, domains) == elastic_pairs(positions, [np.arange(residues)])


def test_ranges_are_numbered_as_the_protein():
    assert ranges_of(np.array([0, 1, 2, 5, 7, 8]), 100) == "100-102,105-105,107-108"


def rmsd_nm(moved: np.ndarray, fixed: np.ndarray) -> float:
    a, b = moved - moved.mean(axis=0), fixed - fixed.mean(axis=0)
    u, _, v = np.linalg.svd(a.T @ b)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v
    return float(np.sqrt(np.mean(np.sum((a @ turn - b) ** 2, axis=1))))


def test_fingers_keep_their_folds_and_lose_their_arrangement(shared: Path):
    fold, sequence = chain(shared / "data" / RECORDED[0][0], "A", 426, 513)
    domains = find_domains(fold, sequence)
    folded = Chain(sequence, False, False, elastic_pairs(fold, domains))
    frames = simulate((folded,), (fold,), SHORT, 1).positions_nm[0].astype(float)
    for domain in domains:
        assert np.mean([rmsd_nm(frame[domain], fold[domain]) for frame in frames]) < 0.2
    # One network over all three keeps the arrangement of the coordinates to 0.4-0.5 nm.
    assert np.mean([rmsd_nm(frame, fold) for frame in frames]) > 0.7
