"""Where parameters are looked for, what is said of them, and that look-alikes cannot be taken for real ones."""

import hashlib
import os
import shutil

import numpy as np
import pytest

from screening.errors import InvalidInput
from screening.folding.colabfold import weights
from screening.folding.colabfold.weights import (
    MARKER,
    NETWORK_FILE,
    checksum,
    default_folder,
    file_name,
    find_weights,
    is_random,
    load_parameters,
    sizes_of,
)


@pytest.fixture(scope="module")
def look_alike(tmp_path_factory):
    """Tiny look-alike of network 3."""
    pytest.importorskip("colabfold", reason="colabfold is not installed")
    from screening.folding.colabfold.weights import make_random_weights

    folder = tmp_path_factory.mktemp("weights")
    make_random_weights(folder, models=(3,))
    return find_weights(folder, (3,))[3]


@pytest.mark.parametrize("below", ["", "params"])
def test_both_layouts_are_found(tmp_path, below):
    path = tmp_path / below / "params_model_2_multimer_v3.npz"
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert find_weights(tmp_path, (2,)) == {2: path}


def test_all_absent_files_are_named_with_the_cure(tmp_path):
    (tmp_path / file_name(3)).touch()
    with pytest.raises(InvalidInput, match=r"no params_model_1_multimer_v3\.npz, params_model_5_.*npz in") as caught:
        find_weights(tmp_path, (1, 3, 5))
    assert "screening fetch-weights" in caught.value.__notes__[0]


def test_default_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SCREENING_WEIGHTS", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("SCREENING_WEIGHTS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "screening" / "alphafold-multimer-v3"


def test_checksum_is_read_once_until_the_file_changes(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    path.write_bytes(b"one")
    read = []
    original = weights.sha256_of_file
    monkeypatch.setattr(weights, "sha256_of_file", lambda file: read.append(file) or original(file))
    assert checksum(path) == checksum(path) == hashlib.sha256(b"one").hexdigest()
    assert len(read) == 1
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert checksum(path) == hashlib.sha256(b"two").hexdigest()


def test_truncated_file_is_invalid_input(tmp_path, look_alike):
    path = tmp_path / file_name(3)
    path.write_bytes(look_alike.read_bytes()[:100_000])
    for read in (is_random, load_parameters):
        with pytest.raises(InvalidInput, match="broken file of parameters"):
            read(path)


def test_pickled_parameters_are_not_read(tmp_path):
    path = tmp_path / file_name(3)
    np.savez(path, **{"scope//name": np.array([{}], dtype=object)})
    with pytest.raises(InvalidInput, match="broken file of parameters"):
        load_parameters(path)


def test_look_alike_is_known_by_the_file_itself(tmp_path, look_alike):
    copy = tmp_path / file_name(3)
    shutil.copy(look_alike, copy)
    assert is_random(look_alike) and is_random(copy)


def test_other_parameters_are_not_random_but_beside_the_marker_file_they_are(tmp_path):
    path = tmp_path / file_name(3)
    np.savez(path, **{"scope//weights": np.zeros(3)})
    assert not is_random(path)
    (tmp_path / NETWORK_FILE).write_text('{"network": {}}')
    assert is_random(path)


def test_sizes_lie_beside_the_file(tmp_path, look_alike):
    assert sizes_of(look_alike)["model.embeddings_and_evoformer.evoformer_num_block"] == 1
    assert sizes_of(tmp_path / file_name(3)) == {}
    (tmp_path / NETWORK_FILE).write_text('{"network": 3}')
    with pytest.raises(InvalidInput, match="holds no sizes"):
        sizes_of(tmp_path / file_name(3))


def test_full_look_alike_has_the_arrays_of_the_published_network(monkeypatch):
    pytest.importorskip("colabfold", reason="colabfold is not installed")
    from screening.folding.colabfold.network import parameter_shapes

    # AlphaFold-Multimer v3: 93.2 million parameters in 330 arrays of 146 scopes.
    shapes = parameter_shapes({})
    assert len(shapes) == 330
    assert len({name.partition("//")[0] for name in shapes}) == 146
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == pytest.approx(93.2e6, rel=1e-3)


def test_marker_is_not_handed_to_the_network(look_alike):
    assert MARKER.partition("//")[0] not in load_parameters(look_alike)


def test_doctor_tells_look_alikes_from_nothing(monkeypatch, tmp_path, look_alike):
    from screening import doctor

    monkeypatch.setenv("SCREENING_WEIGHTS", str(tmp_path))
    nothing = doctor._weights()
    assert (nothing.state, nothing.cure) == ("note", "screening fetch-weights") and str(tmp_path) in nothing.detail
    monkeypatch.setenv("SCREENING_WEIGHTS", str(look_alike.parent.parent))
    assert "models 3 in" in doctor._weights().detail and "are random: no hits" in doctor._weights().detail


def test_a_screen_without_weights_is_refused_before_it_runs(tmp_path):
    from screening.screen import Screen
    from screening.settings import ScreenSettings
    from screening.steps.alphafold import require_weights

    def screen(backend: str) -> Screen:
        structure = {"backend": backend, "colabfold": {"weights": "absent"}}
        return Screen(ScreenSettings.model_validate({"structure": structure}), tmp_path, {})

    require_weights(screen("residue_md"))
    with pytest.raises(InvalidInput, match="absent") as refused:
        require_weights(screen("colabfold"))
    assert "screening fetch-weights" in refused.value.__notes__[0]
