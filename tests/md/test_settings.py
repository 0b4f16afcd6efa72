"""The protocol's bounds, and the numbers it takes from the paper."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from md.minimise import PAPER_ITERATIONS
from md.settings import MdSettings, Preset


def test_defaults_are_the_papers_where_the_paper_speaks():
    settings = MdSettings()
    assert (settings.temperature_kelvin, settings.timestep_fs) == (300.0, 2.0)
    assert settings.production_ps == 100_000.0
    assert settings.equilibration_ps == 200.0  # 100 ps each of NVT and NPT
    assert settings.restraint == 1000.0
    assert (settings.force_field, settings.box_shape, settings.padding_nm) == ("a99sb-disp", "cube", 2.0)
    assert (settings.minimise_max_force, PAPER_ITERATIONS) == (1000.0, 50_000)
    assert MdSettings.preset("published") == settings


def test_presets_differ_where_they_say():
    published = MdSettings().model_dump()

    def changes(name: Preset) -> dict:
        return {k: v for k, v in MdSettings.preset(name).model_dump().items() if v != published[k]}

    assert changes("as_coded") == {
        "production_ps": 10_000.0,  # 5,000,000 steps of 2 fs
        "ionic_strength_molar": 0.0,  # genion -neutral
        "caps": False,
        "zinc_fingers": "ignore",
        "quality_gate": "report",
    }
    assert changes("fast") == {"box_shape": "dodecahedron", "timestep_fs": 4.0, "heavy_hydrogens": True}
    assert changes("smoke")["force_field"] == "ff14sb-obc2"


def test_what_determines_numbers_is_the_content_of_files_and_not_the_machine(tmp_path: Path):
    (tmp_path / "a.xml").write_text("<ForceField/>")
    (tmp_path / "b.xml").write_text("<ForceField/>")
    (tmp_path / "c.xml").write_text("<ForceField> </ForceField>")
    a, b, c = (
        MdSettings(force_field="user", force_field_files=(tmp_path / f"{name}.xml",), platform=platform).determining()
        for name, platform in (("a", "CPU"), ("b", "CUDA"), ("c", "CPU"))
    )
    assert a == b != c
    assert str(tmp_path) not in str(a)
    assert json.loads(json.dumps(a)) == a


def test_counts_follow_from_lengths():
    settings = MdSettings(production_ps=30.0, checkpoint_interval_ps=10.0, frame_interval_ps=0.5)
    assert (settings.n_segments, settings.frames_per_segment, settings.n_frames) == (3, 20, 60)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"force_field": "amber99"}, "force_field 'amber99' is not one of a99sb-disp"),
        ({"padding_nm": 1.0}, "greater than or equal to 2"),
        ({"timestep_fs": 3.0}, "timestep_fs 3 exceeds 2 \\(4 with heavy_hydrogens = true\\)"),
        ({"timestep_fs": 5.0, "heavy_hydrogens": True}, "timestep_fs 5 exceeds 4"),
        ({"threads": 2}, "deterministic runs need threads = 1, not 2"),
        ({"frame_interval_ps": 0.003}, "frame_interval_ps is 1.5 times timestep_fs"),
        ({"frame_interval_ps": 0.0005}, "must be a whole multiple"),
        ({"checkpoint_interval_ps": 150.0}, "checkpoint_interval_ps is 1.5 times frame_interval_ps"),
        ({"production_ps": 1500.0}, "production_ps is 1.5 times checkpoint_interval_ps"),
        ({"temperature_kelvin": float("nan")}, "finite"),
        ({"temperature_kelvin": 0.0}, "greater than or equal"),
        ({"force_field": "user"}, "force_field_files go together"),
        ({"force_field_files": ("x.xml",)}, "force_field_files go together"),
        ({"water_model": "tip3p"}, 'goes with force_field = "user"'),
        ({"box_shape": "sphere"}, "Input should be"),
        ({"water": "tip3p"}, "Extra inputs"),
        ({"platform": "TPU"}, "Input should be"),
    ],
)
def test_refusals(change: dict, message: str):
    with pytest.raises(ValidationError, match=message):
        MdSettings(**change)


def test_seeds_differ_by_run_replica_and_purpose_and_are_never_zero():
    a, b = MdSettings(seed=1, replicas=3), MdSettings(seed=2, replicas=3)
    seeds = [
        s.derived_seed(r, p) for s in (a, b) for r in (1, 2, 3) for p in ("equilibration", "segment 1", "segment 2")
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 < seed < 2**31 for seed in seeds)
    assert a.derived_seed(1, "segment 1") == MdSettings(seed=1).derived_seed(1, "segment 1")


def test_younger_settings_leave_the_keys_of_older_trajectories_alone():
    determining = MdSettings().determining()
    assert not {"protonation", "ph"} & set(determining)
    assert MdSettings(protonation="propka").determining() == {**determining, "protonation": "propka"}
    assert MdSettings(ph=6.0).determining() == {**determining, "ph": 6.0}


@pytest.mark.parametrize("ph", [4.4, 8.5])
def test_a_ph_at_which_more_than_histidines_change_is_refused(ph: float):
    """OpenMM's table of hydrogens: ASP and GLU take one up to 4.4, CYS loses its own above 8.5."""
    with pytest.raises(ValueError, match="ph"):
        MdSettings(ph=ph)
