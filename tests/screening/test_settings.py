from pathlib import Path

import pytest

from screening.errors import InvalidInput
from screening.settings import ScreenSettings, load_settings


def write(folder: Path, text: str) -> Path:
    path = folder / "screen.toml"
    path.write_text(text)
    return path


def message(path: Path, *overrides: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        load_settings(path, overrides)
    assert caught.value.__notes__
    return str(caught.value)


def test_defaults_are_the_papers_where_it_speaks():
    settings = ScreenSettings()
    assert settings.causal.top_fraction == 0.05  # GET Methods: top 5 % of the effects of a cell type
    assert settings.pretrain.mask_ratio == 0.5  # GET Methods: half of the regions masked
    assert settings.attribution.reduce == "sum"  # GET Methods, equation 10
    assert settings.atlas.p_value == 1e-4  # Vierstra archetypes


def test_override_beats_file_and_is_typed(tmp_path):
    path = write(tmp_path, "[structure]\nseed = 3\n[md]\nreplicas = 2\n")
    settings, config = load_settings(path, ["structure.seed=7", "structure.backend=imported"])
    assert settings.structure.seed == 7 and settings.structure.backend == "imported" and settings.md.replicas == 2
    assert config["structure"]["seed"] == 7


def test_unknown_setting_names_its_line(tmp_path):
    path = write(tmp_path, 'name = "x"\n\n[structure]\nseeds = 3\n')
    assert f"{path}:4: structure.seeds: no such setting" in message(path)


def test_unknown_section_names_its_line(tmp_path):
    path = write(tmp_path, 'name = "x"\n[structures]\nseed = 3\n')
    assert f"{path}:2: structures: no such setting" in message(path)


def test_value_out_of_range_names_its_line_and_value(tmp_path):
    path = write(tmp_path, "[causal]\ntop_fraction = 1.5\n")
    text = message(path)
    assert f"{path}:2: causal.top_fraction" in text and "1.5" in text


def test_malformed_toml_names_its_line(tmp_path):
    path = write(tmp_path, "[causal]\nmethod = direct\n")
    assert f"{path}:2: not TOML" in message(path)


def test_missing_file(tmp_path):
    assert "no such file" in message(tmp_path / "none.toml")


@pytest.mark.parametrize("override", ["structure.seed", "Structure.seed=1", "=1", "structure.seed=x"])
def test_bad_override(tmp_path, override):
    message(write(tmp_path, ""), override)


def test_resources_of_no_stage(tmp_path):
    assert "names no stage" in message(write(tmp_path, "[resources.folding]\ngpus = 1\n"))


def test_settings_are_frozen():
    with pytest.raises(ValueError):
        ScreenSettings().name = "other"


def keys(text: str, folder: Path, section: str) -> dict:
    settings, _ = load_settings(write(folder, text))
    return getattr(settings, section).determining()


def test_paths_and_machines_do_not_determine(tmp_path):
    base = keys("", tmp_path, "atlas")
    assert keys('[atlas]\nregions = "a.tsv"\nmotifs = "b.meme"\n', tmp_path, "atlas") == base
    assert (
        keys('[md.protocol]\nplatform = "CUDA"\n', tmp_path, "md")["protocol"]
        == keys("[md.protocol]\n", tmp_path, "md")["protocol"]
    )


def test_settings_of_a_backend_not_chosen_do_not_determine(tmp_path):
    text = '[structure]\nbackend = "imported"\n'
    assert keys(text + "seed = 4\n", tmp_path, "structure") == keys(text, tmp_path, "structure")


def test_integer_and_float_spellings_are_one_setting(tmp_path):
    assert keys("[select]\nminimum = 1\n", tmp_path, "select") == keys("[select]\nminimum = 1.0\n", tmp_path, "select")
    assert type(keys("[select]\nminimum = 1\n", tmp_path, "select")["minimum"]) is float


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("[atlas]\nsourse = 'files'\n", "did you mean source?"),
        ("[atlass]\n", "did you mean atlas?"),
        ("[structure.residue_md]\nreplica = 3\n", "did you mean replicas?"),
        ("[resources.strukture]\ngpus = 1\n", "names no stage"),
    ],
)
def test_unknown_names_bring_the_nearest(tmp_path, text, nearest):
    assert nearest in message(write(tmp_path, text))


def test_stage_of_resources_has_its_line_and_the_nearest(tmp_path):
    path = write(tmp_path, "name = 'x'\n[resources.strukture]\ngpus = 1\n")
    with pytest.raises(InvalidInput, match=f"{path}:2: ") as caught:
        load_settings(path)
    assert caught.value.__notes__ == ["write structure"]


def test_problem_of_an_override_is_not_the_files(tmp_path):
    path = write(tmp_path, "[structure]\nseed = 3\n")
    assert message(path, "structure.seed=x").startswith("--set structure.seed=x: structure.seed: ")
    assert message(path, "structure=3").startswith("--set structure=3: structure: a section, not a value")


def test_each_problem_has_a_line_of_its_own(tmp_path):
    path = write(tmp_path, "[structure]\nseed = 'a'\nbackend = 'b'\n")
    assert sorted(line.split(": ")[0] for line in message(path).splitlines()) == [f"{path}:2", f"{path}:3"]


def test_byte_order_mark_folder_and_binary(tmp_path):
    path = tmp_path / "screen.toml"
    path.write_bytes(b"\xef\xbb\xbf[structure]\r\nseed = 4\r\n")
    assert load_settings(path)[0].structure.seed == 4
    path.write_bytes(b"name = '\xff'\n")
    assert f"{path}:1: byte 0xff" in message(path)
    with pytest.raises(InvalidInput, match="a folder, not the settings") as caught:
        load_settings(tmp_path)
    assert caught.value.__notes__ == [f"name {path}"]


def test_what_is_wrong_with_a_section_as_a_whole_does_not_repeat_it(tmp_path):
    path = tmp_path / "screen.toml"
    path.write_text('name = "x"\n[md.protocol]\ntimestep_fs = 9.0\n')
    with pytest.raises(InvalidInput) as caught:
        load_settings(path)
    assert str(caught.value) == f"{path}:2: md.protocol: timestep_fs 9 exceeds 4"
