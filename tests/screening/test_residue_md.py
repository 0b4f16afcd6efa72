import gzip
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from screening.errors import InvalidInput, Unsupported
from screening.folding import chain_simulation, residue_md
from screening.folding.backend import FoldRequest, FoldSegment
from screening.folding.binding import Trajectory, contact_statistics
from screening.folding.ca_trace import read_ca_nm
from screening.folding.calvados import Chain, Solution, build_system, elastic_pairs
from screening.folding.chain_simulation import simulate
from screening.folding.protocol import box_edge_nm
from screening.folding.residue_md import ResidueMd, ResidueMdSettings

SHORT = ResidueMdSettings(production_ns=0.1, equilibration_ns=0.02, replicas=1, frame_interval_ps=5.0)
SMALL_BOX = ResidueMdSettings(production_ns=0.6, equilibration_ns=0.2, replicas=1, frame_interval_ps=5.0, box_nm=8.0)


def segment(sequence: str, **changes: object) -> FoldSegment:
    values: dict = {
        "accession": "Q1",
        "start": 11,
        "end": 10 + len(sequence),
        "kind": "low_plddt",
        "sequence": sequence,
        "protein_length": 500,
    }
    return FoldSegment(**(values | changes))


def inner(sequence: str) -> Chain:
    return Chain(sequence, has_n_terminus=False, has_c_terminus=False)


def test_sticky_chains_bind_and_like_charges_do_not():
    # Aromatic residues are the stickiest of the scale, glutamates the least sticky and all of one charge.
    sticky, repelled = (inner("WWFYWWFYWWWWFYWWFYWW"), inner("E" * 10))
    bound, unbound = (
        contact_statistics(simulate((chain, chain), (None, None), SMALL_BOX, 1), 0.8) for chain in (sticky, repelled)
    )
    assert bound.fraction > 0.3
    assert unbound.fraction < 0.1
    assert bound.probability.sum() > 10 * unbound.probability.sum()


@pytest.mark.parametrize(
    ("sequence", "temperature", "ionic_strength", "ph", "published"),
    [
        # Radii of gyration simulated by the authors of CALVADOS 2 (benchmarks/calvados_rg.tsv): FCP1, Nup49, TRF2.
        ("ESSRESSNEDEGSSSEADEMAKALEAELNDLM", 298.0, 0.11, 6.5, 1.666),
        ("GCQTSRGLFGNNNTNNINNSSSGMNNASAGLFGSKPCA", 296.0, 0.15, 7.4, 1.566),
        ("GPPGSMAGGGGSSDGSGRAAGRRASRSSGRARRGRHEPGLGGPAERGAG", 277.0, 0.15, 7.0, 1.725),
    ],
)
def test_a_disordered_chain_has_the_published_size(
    sequence: str, temperature: float, ionic_strength: float, ph: float, published: float
):
    settings = ResidueMdSettings(
        production_ns=3.0,
        equilibration_ns=0.3,
        replicas=2,
        temperature_kelvin=temperature,
        ionic_strength_molar=ionic_strength,
        ph=ph,
        frame_interval_ps=10.0,
        box_nm=20.0,
    )
    chain = Chain(sequence)
    positions = simulate((chain,), (None,), settings, 2).positions_nm.astype(float)
    weights = (chain.masses_dalton() / chain.masses_dalton().sum())[:, None]
    centred = positions - (positions * weights).sum(axis=2, keepdims=True)
    assert np.sqrt((centred**2 * weights).sum(axis=(2, 3))).mean() == pytest.approx(published, rel=0.07)


def rg_and_energy(frames: np.ndarray, potential: list[float]) -> list[tuple[float, float]]:
    """Mean and standard error, from ten blocks, of the radius of gyration and of the potential energy."""
    rg = np.sqrt(frames.var(axis=1).sum(axis=1))
    blocks = [np.array(series).reshape(10, -1).mean(axis=1) for series in (rg, potential)]
    return [(float(b.mean()), float(b.std(ddof=1) / np.sqrt(10))) for b in blocks]


def test_the_ensemble_is_that_of_openmm():
    # Friction of 1/ps, a hundred times the protocol's, so that both forget their past in picoseconds.
    import openmm

    from screening.folding.bead_dynamics import advance, beads_of, energies

    chain, solution, frames = Chain("WKEGRDYSKEFG"), Solution(), 300
    beads = beads_of([chain], solution, 10.0)
    generator = np.random.default_rng(4)
    start = chain_simulation._start([chain], [None], 10.0, generator)
    system = build_system([chain], solution, 10.0)
    integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.01)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(start)
    openmm.LocalEnergyMinimizer.minimize(context, 10, 200)
    x = np.ascontiguousarray(context.getState(positions=True).getPositions(asNumpy=True)._value.T)
    integrator.step(2000)
    theirs, their_energies = [], []
    for _ in range(frames):
        integrator.step(100)
        state = context.getState(positions=True, energy=True)
        theirs.append(state.getPositions(asNumpy=True)._value)
        their_energies.append(state.getPotentialEnergy()._value)

    v = np.zeros_like(x)
    ours, our_energies, kinetic = [], [], []
    for frame in range(-20, 4 * frames):
        advance(beads, x, v, generator.standard_normal((50, *x.shape)), 0.02, 1.0, solution.thermal_energy)
        if frame >= 0:
            ours.append(x.T.copy())
            our_energies.append(sum(energies(beads, ours[-1])))
            kinetic.append(float(np.mean(beads.masses_dalton * v**2)) / solution.thermal_energy)
    pairs = zip(
        rg_and_energy(np.array(ours), our_energies), rg_and_energy(np.array(theirs), their_energies), strict=True
    )
    for (mean, error), (expected, its_error) in pairs:
        assert abs(mean - expected) < 4 * np.hypot(error, its_error)
        assert np.hypot(error, its_error) < 0.05 * abs(expected)
    assert np.mean(kinetic) == pytest.approx(1, abs=0.02)


def test_the_same_seed_gives_the_same_bits():
    chains = (inner("GSKRDEYFLQ"), inner("PEDKSGWAVT"))
    one, two, other = (simulate(chains, (None, None), SHORT, seed).positions_nm for seed in (5, 5, 6))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert one.shape == (1, 20, 20, 3)


@pytest.mark.parametrize("timestep", [20.0, 25.0])
def test_long_steps_keep_the_temperature(timestep: float):
    # A harmonic bond has the variance kT/k; sqrt(2.494/8033) = 0.0176 nm.
    settings = ResidueMdSettings(
        production_ns=4.0, equilibration_ns=0.3, replicas=1, frame_interval_ps=2.0, timestep_fs=timestep, box_nm=12.0
    )
    chain = inner("GSQNGSQNGS")
    trajectory = simulate((chain, chain), (None, None), settings, 3)
    bonds = np.linalg.norm(np.diff(trajectory.positions_nm[0, :, :10].astype(float), axis=1), axis=-1)
    assert bonds.std() == pytest.approx(np.sqrt(8.314462618e-3 * 300 / 8033), rel=0.03)
    # 60 velocities that are forgotten in 50 ps: the standard error of this run is 3 %.
    assert trajectory.temperature_kelvin == pytest.approx(300, rel=0.12)


def superposed_rmsd(moved: np.ndarray, fixed: np.ndarray) -> float:
    a, b = moved - moved.mean(axis=0), fixed - fixed.mean(axis=0)
    u, _, v = np.linalg.svd(a.T @ b)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v
    return float(np.sqrt(np.mean(np.sum((a @ turn - b) ** 2, axis=1))))


def test_a_folded_segment_keeps_its_fold_and_its_surface_binds(shared: Path):
    from Bio.PDB.PDBParser import PDBParser
    from Bio.SeqUtils import seq1

    source = next((shared / "parity" / "interfaces").glob("barnase_barstar_unrelaxed*.pdb.gz"))
    with gzip.open(source, "rt") as handle:
        residues = list(next(iter(PDBParser(QUIET=True).get_structure("barnase", handle)[0])))
    fold = np.array([residue["CA"].get_coord() for residue in residues], float) / 10
    chain = Chain(
        "".join(seq1(residue.get_resname()) for residue in residues),
        elastic=elastic_pairs(fold, [np.arange(len(fold))]),
    )
    settings = ResidueMdSettings(
        production_ns=1.0, equilibration_ns=0.3, replicas=1, frame_interval_ps=10.0, box_nm=8.0
    )
    trajectory = simulate((chain, inner("WFYWDWFYWDWFYWD")), (fold, None), settings, 1)
    frames = trajectory.positions_nm[0, :, : len(fold)].astype(float)
    assert np.mean([superposed_rmsd(frame, fold) for frame in frames]) < 0.2
    assert contact_statistics(trajectory, 0.8).fraction > 0.2


def test_supports_says_why_not(tmp_path: Path):
    backend, disordered = ResidueMd(ResidueMdSettings()), segment("GSGSGS")
    folded = segment("GSGSGS", kind="high_plddt")
    assert backend.supports(FoldRequest(disordered, disordered)) is None
    reason = backend.supports(FoldRequest(disordered, folded))
    assert reason == "high_plddt segment Q1:11-16 without coordinates of its fold"
    assert backend.supports(FoldRequest(segment("GSG"), disordered)) == "segment Q1:11-13 has fewer than 4 residues"
    with pytest.raises(Unsupported, match="without coordinates"):
        backend.fold(FoldRequest(disordered, folded), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_pair_becomes_a_structure_with_honest_numbers(tmp_path: Path):
    a = segment("MSGSKRWYLE", start=1, end=10)
    b = segment("EDFYPTGAVH", accession="Q2", start=91, end=100, protein_length=100)
    seen: list[tuple[int, int]] = []
    request = FoldRequest(a, b, seed=7)
    result = ResidueMd(SHORT).fold(request, tmp_path, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)
    assert (result.backend, result.has_plddt, result.plddt, result.iptm, result.pae) == (
        "residue_md", False, None, None, None,
    )  # fmt: skip
    assert not result.converged
    assert "fewer than" in result.reason
    assert result.observable("kd").value is None
    assert result.observable("kd").note == result.reason
    assert result.contacts is not None
    with np.load(result.contacts, allow_pickle=False) as arrays:
        assert arrays["contact_probability"].shape == (10, 10)
        assert arrays["bound"].mean() == result.observable("bound_fraction").value
    atoms = [line for line in result.structure.read_text().splitlines() if line.startswith("ATOM")]
    numbers = {(line[21], int(line[22:26])) for line in atoms}
    assert numbers == {("A", i) for i in range(1, 11)} | {("B", i) for i in range(91, 101)}
    assert {float(line[60:66]) for line in atoms} == {0.0}
    assert "NOT AN ALPHAFOLD MODEL" in result.structure.read_text().splitlines()[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contacts.npz", "model.pdb"]


def test_a_zinc_finger_array_is_simulated_as_fingers(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from Bio import SeqUtils

    monkeypatch.setattr(residue_md, "rebuild", lambda *_, **__: None)
    source = shared / "data" / "afm_tf_complexes" / "high_quality" / "O43474_P10276.pdb.gz"
    with gzip.open(source, "rt") as handle:
        lines = [line for line in handle if line[12:16] == " CA " and line[21] == "A"]
    klf4 = "".join(SeqUtils.seq1(line[17:20]) for line in lines)
    array = FoldSegment("O43474", 426, 513, "high_plddt", klf4[425:513], len(klf4), source)
    brief = SHORT.model_copy(update={"production_ns": 0.05})
    result = ResidueMd(brief).fold(FoldRequest(array, segment("WFYWDWFY"), seed=1), tmp_path)
    fingers, none = result.observable("domains_a"), result.observable("domains_b")
    assert (fingers.value, fingers.note) == (3.0, "each keeps its fold: 427-456; 457-486; 487-513")
    assert (none.value, none.note) == (0.0, "no fold is held")


def test_the_stage_hands_the_checkpoints_on():
    from screening.stages import stage_named

    assert stage_named("structure").resumable


def recording(made: list[tuple[Chain, ...]]):
    """A stand-in for `simulate` that records its chains and says bound in a share of frames that grows by run."""

    def fake(chains, starts, settings, seed, progress, *, stream=0, checkpoint=None):
        made.append(chains)
        beads = sum(len(chain.sequence) for chain in chains)
        positions = np.zeros((2, 100, beads, 3), np.float32)
        positions[:, stream * 10 + 5 :, len(chains[0].sequence) :, 0] = 4.0
        progress(200, 200)
        return Trajectory(positions + np.arange(beads)[:, None] * 0.01, len(chains[0].sequence), 20.0)

    return fake


def test_the_null_shuffles_what_is_disordered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    made: list[tuple[Chain, ...]] = []
    monkeypatch.setattr(chain_simulation, "simulate", recording(made))
    monkeypatch.setattr(residue_md, "rebuild", lambda *_, **__: None)
    seen: list[tuple[int, int]] = []
    settings = SHORT.model_copy(update={"null_shuffles": 3})
    a, b = segment("MSGSKRWYLE", start=1, end=10), segment("EDFYPTGAVH", accession="Q2")
    request = FoldRequest(a, b, seed=1)
    result = ResidueMd(settings).fold(request, tmp_path, lambda done, total: seen.append((done, total)))
    assert len(made) == 4
    for chains in made[1:]:
        for chain, original in zip(chains, made[0], strict=True):
            assert sorted(chain.sequence) == sorted(original.sequence)
            assert chain.sequence != original.sequence
            assert chain.has_n_terminus == original.has_n_terminus
    assert len({chains[0].sequence for chains in made}) == 4
    # Bound in 5 frames of 100, the shuffles in 15, 25 and 35.
    assert result.observable("null_mean").value == pytest.approx(0.25)
    assert result.observable("null_deviation").value == pytest.approx(0.1)
    assert result.observable("null_z").value == pytest.approx(-0.2 / (0.1 * np.sqrt(4 / 3)))
    assert seen[-1][1] == 4 * (SHORT.frames + SHORT.equilibration_frames)


def test_no_null_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chain_simulation, "simulate", recording([]))
    monkeypatch.setattr(residue_md, "rebuild", lambda *_, **__: None)
    request = FoldRequest(segment("MSGSKRWYLE"), segment("EDFYPTGAVH"))
    off = ResidueMd(SHORT).fold(request, tmp_path, lambda *_: None)
    assert (off.observable("null_z").value, off.observable("null_z").note) == (None, "null_shuffles is 0")
    turn = np.radians(100 * np.arange(10))
    helix = np.column_stack([0.23 * np.cos(turn), 0.23 * np.sin(turn), 0.15 * np.arange(10)])
    monkeypatch.setattr(residue_md, "_fold_of", lambda _: helix)
    both = ResidueMd(SHORT.model_copy(update={"null_shuffles": 3})).fold(request, tmp_path, lambda *_: None)
    assert both.observable("null_z").note.startswith("both segments are folded")


def test_shuffles_are_reproducible(tmp_path: Path):
    settings = SHORT.model_copy(update={"null_shuffles": 3, "production_ns": 0.05, "box_nm": 8.0})
    request = FoldRequest(segment("WWFYWRKW"), segment("EDFYWTGW"), seed=3)
    one, two = (ResidueMd(settings).fold(request, tmp_path).observables for _ in range(2))
    assert one == two


def test_the_box_holds_both_chains():
    assert box_edge_nm(ResidueMdSettings(), (60, 60)) == 17
    assert box_edge_nm(ResidueMdSettings(), (100, 60)) > 17
    assert box_edge_nm(SMALL_BOX, (100, 60)) == 8.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"null_shuffles": 2},
        {"timestep_fs": 30},
        {"box_nm": 7.9},
        {"replicas": 0},
        {"steps": 1},
        {"temperature_kelvin": 200},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]):
    with pytest.raises(ValidationError):
        ResidueMdSettings.model_validate(wrong)


def test_coordinates_are_read_and_checked(shared: Path, tmp_path: Path):
    source = shared / "data" / "afm_tf_complexes" / "dtot" / "O43474_O43325.pdb.gz"
    found = read_ca_nm(segment("MRQP", start=1, end=4, kind="high_plddt", coordinates=source))
    lines = [
        s for s in gzip.decompress(source.read_bytes()).decode().splitlines() if s[12:16] == " CA " and s[21] == "A"
    ]
    expected = [[float(line[i : i + 8]) / 10 for i in (30, 38, 46)] for line in lines[:4]]
    assert found == pytest.approx(np.array(expected))
    with pytest.raises(InvalidInput, match=r"residue 2 in .* is R, in Q1:1-4 W"):
        read_ca_nm(segment("MWQP", start=1, end=4, coordinates=source))
    with pytest.raises(InvalidInput, match="no C-alpha of residue 90000"):
        read_ca_nm(segment("MRQP", start=90000, end=90003, protein_length=90003, coordinates=source))
    broken = tmp_path / "broken.pdb.gz"
    broken.write_bytes(source.read_bytes()[:2000])
    with pytest.raises(InvalidInput, match="not a readable"):
        read_ca_nm(segment("MRQP", start=1, end=4, coordinates=broken))
