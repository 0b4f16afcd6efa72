"""Contacts, hydrogen bonds, surfaces and secondary structure against MDAnalysis, brute force and closed forms."""

import warnings
from pathlib import Path

import MDAnalysis
import mdtraj
import numpy as np
import pytest
from MDAnalysis.analysis.dssp import DSSP
from MDAnalysis.analysis.hydrogenbonds import HydrogenBondAnalysis
from MDAnalysis.lib.distances import calc_angles, capped_distance, distance_array

from md.analysis.hydrogen_bonds import CRITERIA, hydrogen_bonds
from md.analysis.interface import (
    buried_surface_nm2,
    contacts,
    interface_pairs,
    intrachain_pairs,
    native_contacts,
    q,
)
from md.analysis.secondary_structure import secondary_structure
from md.analysis.solute import Chain, Solute, read

NO_CAPS = "not resname ACE NME"


@pytest.fixture(scope="module")
def solute(simulated: tuple[Path, Path]) -> Solute:
    return read(*simulated)


@pytest.fixture(scope="module")
def universe(simulated: tuple[Path, Path]) -> MDAnalysis.Universe:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MDAnalysis.Universe(str(simulated[0]), str(simulated[1]), guess_bonds=False)


def test_contacts_equal_mdanalysis(solute: Solute, universe: MDAnalysis.Universe):
    found = contacts(solute, *solute.chains)
    residues = [universe.select_atoms(f"segid {name} and {NO_CAPS}").residues for name in "AB"]
    assert found.occupancy.shape == (10, 8)
    heavy = [[r.atoms.select_atoms("not element H") for r in group] for group in residues]
    expected = np.zeros((len(solute), 10, 8), bool)
    for frame, _ in enumerate(universe.trajectory):
        for i, a in enumerate(heavy[0]):
            for j, b in enumerate(heavy[1]):
                expected[frame, i, j] = distance_array(a.positions, b.positions).min() < 4.5
    np.testing.assert_array_equal(found.occupancy, expected.mean(axis=0))
    np.testing.assert_array_equal(found.counts, expected.sum(axis=(1, 2)))
    assert 3 < found.counts.mean() < 60 and (found.occupancy > 0.0).any() and (found.occupancy < 1.0).any()


def test_baker_hubbard_equals_mdanalysis_distances_and_angles(solute: Solute, universe: MDAnalysis.Universe):
    found = hydrogen_bonds(solute, *solute.chains)
    donors = [(h.index, d.index) for d, h in bonded_hydrogens(solute)]
    hydrogen, donor = np.array(donors).T
    polar = universe.select_atoms(f"(element N or element O) and {NO_CAPS}")
    side = universe.atoms.segids
    counts, seen = [], {}
    for _ in universe.trajectory:
        x = universe.atoms.positions
        pairs = capped_distance(x[hydrogen], x[polar.indices], 2.5, return_distances=False)
        d, h, a = donor[pairs[:, 0]], hydrogen[pairs[:, 0]], polar.indices[pairs[:, 1]]
        angles = np.degrees(calc_angles(x[d], x[h], x[a]))
        held = (angles > 120.0) & (side[d] != side[a])
        counts.append(held.sum())
        for pair in set(zip(d[held].tolist(), a[held].tolist(), strict=True)):
            seen[pair] = seen.get(pair, 0) + 1
    np.testing.assert_array_equal(found.counts, counts)
    assert dict(zip(map(tuple, found.pairs.tolist()), found.occupancy, strict=True)) == pytest.approx(
        {pair: times / len(solute) for pair, times in seen.items()}
    )
    assert found.counts.mean() > 0.5
    assert (np.diff(found.occupancy) <= 0.0).all()


def test_donor_acceptor_equals_hydrogen_bond_analysis(solute: Solute, universe: MDAnalysis.Universe):
    pairs = bonded_hydrogens(solute)
    totals = np.zeros(len(solute))
    for giver, taker in (("A", "B"), ("B", "A")):
        own = [(d.index, h.index) for d, h in pairs if d.residue.chain.chain_id == giver]
        theirs = HydrogenBondAnalysis(
            universe,
            hydrogens_sel="index " + " ".join(str(h) for _, h in own),
            donors_sel="index " + " ".join(sorted({str(d) for d, _ in own})),
            acceptors_sel=f"segid {taker} and (element N or element O) and {NO_CAPS}",
            d_h_cutoff=1.3,
            d_a_cutoff=3.5,
            d_h_a_angle_cutoff=120.0,
        )
        totals += theirs.run().count_by_time()
    np.testing.assert_array_equal(hydrogen_bonds(solute, *solute.chains, "donor_acceptor").counts, totals)


def test_wernet_nilsson_equals_mdtraj(solute: Solute):
    whole = mdtraj.Trajectory(solute.xyz_nm, solute.topology)
    side = {int(i): chain.name for chain in solute.chains for i in chain.atoms}
    expected = [
        sum(side.get(d, "cap") != side.get(a, "cap") and d in side and a in side for d, _, a in bonds)
        for bonds in mdtraj.wernet_nilsson(whole, periodic=False)
    ]
    np.testing.assert_array_equal(hydrogen_bonds(solute, *solute.chains, "wernet_nilsson").counts, expected)


def test_criteria_differ_and_are_named(solute: Solute):
    means = {name: hydrogen_bonds(solute, *solute.chains, name).counts.mean() for name in CRITERIA}
    assert means["wernet_nilsson"] < means["donor_acceptor"]
    assert means["baker_hubbard"] < means["donor_acceptor"]
    assert all("nm" in text for text in CRITERIA.values())


def bonded_hydrogens(solute: Solute) -> list[tuple]:
    own = {int(index) for chain in solute.chains for index in chain.atoms}
    found = []
    for one, two in solute.topology.bonds:
        heavy, hydrogen = (one, two) if two.element.symbol == "H" else (two, one)
        if hydrogen.element.symbol == "H" and heavy.element.symbol in "NO" and heavy.index in own:
            found.append((heavy, hydrogen))
    return found


def test_native_contacts_by_hand(solute: Solute, universe: MDAnalysis.Universe):
    a, b = solute.chains
    pairs = interface_pairs(solute.start_nm, a, b)
    apart = np.linalg.norm(solute.start_nm[a.heavy][:, None] - solute.start_nm[b.heavy][None], axis=2)
    np.testing.assert_array_equal(
        np.unique(pairs, axis=0),
        np.unique(
            np.column_stack([a.heavy[np.nonzero(apart < 0.45)[0]], b.heavy[np.nonzero(apart < 0.45)[1]]]), axis=0
        ),
    )
    native = solute.start_nm[pairs[:, 0]] - solute.start_nm[pairs[:, 1]]
    expected = []
    for _ in universe.trajectory:
        r = np.linalg.norm(np.diff(universe.atoms.positions[pairs], axis=1)[:, 0], axis=1) / 10.0
        expected.append(np.mean(1.0 / (1.0 + np.exp(50.0 * (r - 1.8 * np.linalg.norm(native, axis=1))))))
    np.testing.assert_allclose(native_contacts(solute, pairs), expected, atol=1e-4)


def test_q_in_closed_form():
    native = np.array([0.3, 0.4])
    assert q(native, native) == pytest.approx(1.0, abs=1e-5)
    assert q(1.8 * native, native) == pytest.approx(0.5)
    assert q(np.array([1.8 * 0.3 + 0.02, 9.0]), native) == pytest.approx(0.5 / (1.0 + np.e))


def test_native_contacts_within_a_chain_are_apart_in_sequence(solute: Solute):
    chain = solute.chains[0]
    pairs = intrachain_pairs(solute.start_nm, chain)
    place = dict(zip(chain.heavy.tolist(), chain.residue_of_heavy.tolist(), strict=True))
    gaps = {place[j] - place[i] for i, j in pairs.tolist()}
    assert gaps and min(gaps) == 4
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def two_atoms(apart_nm: float) -> tuple[Solute, Chain, Chain]:
    topology = mdtraj.Topology()
    for name in "AB":
        residue = topology.add_residue("ALA", topology.add_chain(name))
        topology.add_atom("CA", mdtraj.element.carbon, residue)
    xyz = np.array([[[0.0, 0.0, 0.0], [apart_nm, 0.0, 0.0]]], np.float32)
    one = np.zeros(1, np.int64)
    chains = tuple(Chain(n, (1,), one + i, one + i, one + i, one, one + i) for i, n in enumerate("AB"))
    return Solute(topology, chains, np.full(2, 12.0), xyz[0].astype(float), xyz, None, np.ones(1)), *chains


@pytest.mark.parametrize("apart_nm", [0.3, 0.45, 0.6, 0.7])
def test_buried_surface_of_two_spheres(apart_nm: float):
    # Equal spheres of radius R (atom and probe) a distance d apart hide a cap of 2 pi R (R - d/2) each.
    solute, a, b = two_atoms(apart_nm)
    radius = 0.17 + 0.14  # Bondi's carbon, water
    expected = 2.0 * 2.0 * np.pi * radius * max(0.0, radius - apart_nm / 2.0)
    surface, stride = buried_surface_nm2(solute, a, b, 10)
    assert stride == 1
    assert surface[0] == pytest.approx(expected, abs=0.01)


def test_buried_surface_is_strided(solute: Solute):
    surface, stride = buried_surface_nm2(solute, *solute.chains, 6)
    assert (len(surface), stride) == (6, 7)
    assert 1.0 < surface.mean() < 15.0


def test_buried_surface_is_that_of_whole_chains(solute: Solute):
    whole = mdtraj.Trajectory(solute.xyz_nm[::20], solute.topology)

    def area(atoms: np.ndarray) -> np.ndarray:
        return mdtraj.shrake_rupley(whole.atom_slice(atoms)).sum(axis=1)

    a, b = (chain.atoms for chain in solute.chains)
    expected = area(a) + area(b) - area(np.concatenate([a, b]))
    surface, _ = buried_surface_nm2(solute, *solute.chains, 2)
    np.testing.assert_allclose(surface, expected, atol=1e-4)


def test_secondary_structure_agrees_with_mdanalysis(solute: Solute, simulated: tuple[Path, Path]):
    ours = secondary_structure(solute)
    assert ours.codes.shape == (40, 18)
    assert not (ours.helix & ours.strand).any()
    for chain, part in zip(solute.chains, (slice(0, 10), slice(10, 18)), strict=True):
        universe = MDAnalysis.Universe(str(simulated[0]), str(simulated[1]))
        group = universe.select_atoms(f"segid {chain.name} and {NO_CAPS}")
        # MDAnalysis' DSSP (PyDSSP) sees one chain at a time.
        theirs = DSSP(group).run().results.dssp
        agreement = np.mean((theirs == "H") == ours.helix[:, part])
        assert agreement >= 0.95, (chain.name, agreement)
    assert ours.helix.mean() > 0.2
