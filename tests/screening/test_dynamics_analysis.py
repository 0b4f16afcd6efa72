"""The analysis step: pLDDT of the structure, numbers of the full-length protein, rows that the catalog takes."""

import shutil
from pathlib import Path

import mdtraj
import numpy as np
import pytest

from catalog import Catalog
from catalog.record import Record
from screening.execution import execute
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.dynamics import rerun_overrides
from screening.task import Resources

PAIR = Path(__file__).parents[1] / "md" / "capped_pair.pdb"
STRUCTURE, RUN = "ab" * 32, "cd" * 32
SIDES = {
    "a": {"accession": "P11111", "start": 101, "end": 110, "protein_length": 300},
    "b": {"accession": "P22222", "start": 21, "end": 28, "protein_length": 300},
}


def analysed(folder: Path, *, has_plddt: bool, n_plddt: int = 8):
    world = Screen(ScreenSettings.model_validate({}), folder, {})
    model = mdtraj.load(str(PAIR))
    generator = np.random.default_rng(1)
    xyz = model.xyz + 0.02 * generator.standard_normal((60, model.n_atoms, 3)).astype(np.float32)
    mdtraj.Trajectory(xyz, model.topology, time=np.arange(60) * 0.2 + 0.2).save_xtc(str(folder / "t.xtc"))
    shutil.copyfile(PAIR, folder / "t.pdb")
    lines, count = [], {"A": 0, "B": 0}
    for line in PAIR.read_text().splitlines():
        if line.startswith("ATOM"):
            count[line[21]] += line[12:16].strip() == "N"
            if line[21] == "A" or count["B"] <= n_plddt:
                lines.append(line[:60] + f"{50 + count[line[21]]:6.2f}" + line[66:])
    (folder / "s.pdb").write_text("\n".join([*lines, "END", ""]))
    put = world.store.put
    outputs = {**SIDES, "chains": ["A", "B"], "swapped": False, "has_plddt": has_plddt}
    world.store.publish(
        Record(
            STRUCTURE, "structure", 1, "pair", "ok", {}, {}, {}, outputs,
            artifacts=(put(folder / "s.pdb", "structure", "chemical/x-pdb"),),
        )
    )  # fmt: skip
    files = (put(folder / "t.pdb", "topology", "chemical/x-pdb"), put(folder / "t.xtc", "trajectory", "x"))
    row = {"task_key": RUN, "structure_key": STRUCTURE, "system": "complex", "replica": 1}
    world.store.publish(Record(RUN, "md", 1, "pair", "ok", {}, {}, {}, {}, {"md_runs": [row]}, files))
    task = world.task("md_analysis", "pair", upstream={"md": RUN, "structure": STRUCTURE})
    return execute(task, world.store.root, "run", 1, Resources()), world, task


def test_rows_reach_the_catalog(tmp_path: Path):
    report, world, task = analysed(tmp_path, has_plddt=True)
    assert report.failure is None, report.failure
    record = world.store.get(task.key)
    assert record is not None
    catalog = Catalog(world.catalog_path)
    catalog.ingest([record], store_root=world.store.root)
    residues = catalog.sql("select * from md_residues order by chain, residue").to_pylist()
    assert [row["residue"] for row in residues] == [*range(101, 111), *range(21, 29)]
    assert residues[0]["plddt"] == 51.0 and residues[-1]["plddt"] == 58.0
    assert all(row["displacement_chain_nm"] > 0.01 for row in residues)
    correlations = catalog.sql("select chain, mobility, spearman from md_plddt_correlations").to_pylist()
    assert len(correlations) == 9 and all(row["spearman"] is not None for row in correlations)
    bonds = catalog.sql("from md_hydrogen_bonds").to_pylist()
    assert bonds and all(row["occupancy"] >= 0.05 for row in bonds)
    assert {row["donor_residue"] for row in bonds if row["donor_chain"] == "A"} <= set(range(101, 111))
    metrics = {row["metric"]: row for row in catalog.sql("from md_metrics").to_pylist()}
    assert metrics["radius_of_gyration_A"]["standard_error"] > 0.0
    assert metrics["interchain_hydrogen_bonds"]["note"].endswith("criterion baker_hubbard")
    with np.load(world.store.path(record.artifact("contacts")), allow_pickle=False) as arrays:
        assert arrays["occupancy"].shape == (10, 8)
    with np.load(world.store.path(record.artifact("series")), allow_pickle=False) as arrays:
        assert arrays["secondary_structure"].shape == (60, 18)
        assert len(arrays["rmsd"]) == len(arrays["time_ps"]) == 60


def test_without_plddt_nothing_is_compared_with_it(tmp_path: Path):
    report, world, task = analysed(tmp_path, has_plddt=False)
    assert report.failure is None
    record = world.store.get(task.key)
    assert record is not None and record.tables["md_plddt_correlations"] == []
    assert {row["plddt"] for row in record.tables["md_residues"]} == {None}


def test_a_plddt_of_another_length_is_refused(tmp_path: Path):
    report, _, _ = analysed(tmp_path, has_plddt=True, n_plddt=7)
    assert report.failure.kind == "invalid_input"
    assert "chain B: 7 values for 8 residues simulated [plddt_length]" in report.failure.message


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None), []),
        ((100.0, 3), ["md.protocol.production_ps=100000.0", "md.replicas=3"]),
        ((None, None, "published"), ["md.preset=published"]),
    ],
)
def test_options_of_a_rerun_are_settings(given: tuple, expected: list[str]):
    assert rerun_overrides(*given) == expected


def test_a_preset_and_a_length_make_a_new_key_and_repeat_an_old_one(tmp_path: Path):
    from screening.settings import load_settings

    (tmp_path / "screen.toml").write_text('name = "x"\n')

    def key(*options) -> str:
        settings, config = load_settings(tmp_path / "screen.toml", rerun_overrides(*options))
        task = Screen(settings, tmp_path, config).task("md", "x", upstream={"structure": STRUCTURE})
        return task.key

    keys = [key(None, None), key(None, None, "published"), key(0.015, None), key(50.0, None, "published")]
    assert len(set(keys)) == 4
    assert key(100.0, None, "published") == keys[1]  # the preset's own length
    assert key(None, None, "smoke") == keys[0]


def test_the_command_shows_plan_and_cost_and_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from typer.testing import CliRunner

    from screening.cli import app
    from screening.steps import dynamics

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "screen.toml").write_text('name = "x"\n[md.protocol]\nplatform = "CPU"\n')
    seen = {}

    def chosen(screen: Screen, where: str):
        seen.update(screen=screen, where=where)
        inputs = {"system": "complex", "replica": 1}
        return [screen.task("md", "pair", inputs=inputs, upstream={"structure": STRUCTURE})]

    monkeypatch.setattr(dynamics, "md_tasks_where", chosen)
    monkeypatch.setattr("screening.dynamics_cost.md_seconds", lambda screen, tasks: 7200.0)
    monkeypatch.setattr("screening.cli._run", lambda *_: pytest.fail("it ran without being told to"))
    words = ["md", "screen.toml", "--where", "pdockq > 0.5", "--ns", "50", "--replicas", "3", "--preset", "fast"]
    result = CliRunner().invoke(app, words, input="n\n")
    assert result.exit_code == 0, result.output
    assert "of each complex, 3 replicas of 50 ns at 4 fs, a99sb-disp, preset fast, platform CPU" in result.output
    assert "7.2e+03" in result.output and "run it?" in result.output
    silent = CliRunner().invoke(app, words)
    assert "nobody is there to say whether to run it" in str(silent.exception)
    assert seen["where"] == "pdockq > 0.5"
    assert seen["screen"].settings.md.protocol.box_shape == "dodecahedron"


def test_four_simulations_share_a_gpu(tmp_path: Path):
    given = {"md": {"protocol": {"platform": "CUDA"}}, "resources": {"md": {"gpus": 0.25}}}
    shared = Screen(ScreenSettings.model_validate(given), tmp_path, {}).resources("md")
    alone = Screen(ScreenSettings.model_validate({"md": given["md"]}), tmp_path, {}).resources("md")
    assert (shared.gpus, alone.gpus) == (0.25, 1.0)
    key = [
        Screen(ScreenSettings.model_validate(each), tmp_path, {}).task("md", "x", upstream={"structure": STRUCTURE}).key
        for each in (given, {})
    ]
    assert key[0] == key[1]  # neither the platform nor the share of a GPU is part of what is computed
