"""Axes by name: sizes that coincide change nothing."""

import numpy as np
import pytest

from screening.errors import InvalidOutput
from screening.folding.colabfold.padding import FEATURE_AXIS, RESULT_AXES, cut_result, pad_residues


def features(residues: int, rows: int = 5, templates: int = 4) -> dict[str, np.ndarray]:
    """Features with the shapes that ColabFold gives, filled with ones."""
    shapes = {name: (residues,) for name, axis in FEATURE_AXIS.items() if axis == 0}
    shapes |= dict.fromkeys(("msa", "msa_mask", "bert_mask", "deletion_matrix"), (rows, residues))
    shapes |= {
        "all_atom_mask": (residues, 37),
        "all_atom_positions": (residues, 37, 3),
        "template_aatype": (templates, residues),
        "template_all_atom_mask": (templates, residues, 37),
        "template_all_atom_positions": (templates, residues, 37, 3),
        "cluster_bias_mask": (rows,),
    }
    return {name: np.ones(shapes.get(name, ()), np.float32) for name in FEATURE_AXIS}


# As many residues as alignment rows, templates, atom types or coordinates: guessing by size would take the wrong axis.
@pytest.mark.parametrize(("residues", "rows"), [(7, 7), (4, 9), (37, 5), (3, 3), (37, 37)])
def test_only_the_residue_axis_grows(residues, rows):
    given = features(residues, rows)
    padded = pad_residues(given, 40)
    assert padded.keys() == given.keys()
    for name, axis in FEATURE_AXIS.items():
        expected = list(given[name].shape)
        if axis is not None:
            expected[axis] = 40
        assert padded[name].shape == tuple(expected), name
        assert padded[name].sum() == given[name].sum(), name  # zeros
        assert padded[name].dtype == given[name].dtype


def test_padding_is_masked_and_leaves_the_input_alone():
    given = features(6)
    padded = pad_residues(given, 8)
    assert padded["seq_mask"].tolist() == [1] * 6 + [0] * 2
    assert given["seq_mask"].shape == (6,)


def test_cutting_undoes_padding():
    given = features(6)
    for name, values in pad_residues(given, 9).items():
        axis = FEATURE_AXIS[name]
        cut = values if axis is None else np.take(values, range(6), axis)
        assert np.array_equal(cut, given[name])


def test_unknown_feature_is_refused():
    with pytest.raises(InvalidOutput, match="not known here: msa_species"):
        pad_residues(features(6) | {"msa_species": np.zeros(6)}, 8)


def test_features_of_two_lengths_are_refused():
    with pytest.raises(InvalidOutput, match="feature seq_mask has 5 residues, aatype 6"):
        pad_residues(features(6) | {"seq_mask": np.ones(5)}, 8)


def test_too_many_residues_are_refused():
    with pytest.raises(InvalidOutput, match="9 residues do not fit a bucket of 8"):
        pad_residues(features(9), 8)


def result(bucket: int) -> dict[str, object]:
    """An answer whose padding is not a number."""
    found: dict[str, object] = {}
    for path, axes in RESULT_AXES.items():
        tail = {"distogram/logits": (64,), "aligned_confidence_probs": (64,)}.get(path, ())
        shape = (bucket,) * len(axes) + tail
        values = np.full(shape, np.nan)
        values[tuple(slice(5) for _ in axes)] = 1.0
        *folders, name = path.split("/")
        place = found
        for folder in folders:
            place = place.setdefault(folder, {})  # type: ignore[assignment]
        place[name] = values
    return found


@pytest.mark.parametrize("bucket", [5, 16, 64])  # 64: as many residues as bins
def test_nothing_of_the_padding_is_left(bucket):
    cut = cut_result(result(bucket), 5)
    assert cut["distogram/logits"].shape == (5, 5, 64)
    assert cut["plddt"].shape == (5,) and cut["predicted_aligned_error"].shape == (5, 5) and cut["iptm"].shape == ()
    assert all(np.isfinite(values).all() for values in cut.values())


def test_what_the_axes_do_not_name_is_not_passed_on():
    assert cut_result(result(8) | {"predicted_lddt": {"logits": np.zeros((8, 50))}}, 5).keys() == RESULT_AXES.keys()


def test_absent_entry_is_an_invalid_output():
    broken = result(8)
    del broken["plddt"]
    with pytest.raises(InvalidOutput, match="no 'plddt'"):
        cut_result(broken, 5)
