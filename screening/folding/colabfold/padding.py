"""Padding of a pair's features to a bucket, and cutting of the network's answer, by the axes of each array.

The axes are written down for every array by name. They are never guessed from sizes: a bucket of 64 has the size of
the 64 bins of the predicted error, one of 128 that of the channels.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidOutput

__all__ = ["FEATURE_AXIS", "RESULT_AXES", "cut_result", "pad_residues"]

FEATURE_AXIS: Mapping[str, int | None] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "aatype",
                "residue_index",
                "asym_id",
                "sym_id",
                "entity_id",
                "deletion_mean",
                "all_atom_mask",
                "all_atom_positions",
                "entity_mask",
                "seq_mask",
            ),
            0,
        ),
        **dict.fromkeys(
            (
                "msa",
                "msa_mask",
                "bert_mask",
                "deletion_matrix",
                "template_aatype",
                "template_all_atom_mask",
                "template_all_atom_positions",
            ),
            1,
        ),
        **dict.fromkeys(
            ("seq_length", "num_alignments", "assembly_num_chains", "num_templates", "cluster_bias_mask"), None
        ),
    }
)
"""Axis that counts residues in each feature of AlphaFold-Multimer; None where there is none."""

RESULT_AXES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "plddt": (0,),
        "predicted_aligned_error": (0, 1),
        "aligned_confidence_probs": (0, 1),
        "ptm": (),
        "iptm": (),
        "tol": (),
        "structure_module/final_atom_positions": (0,),
        "structure_module/final_atom_mask": (0,),
        "distogram/logits": (0, 1),
    }
)
"""Leading axes that count residues in what is read from the network's answer; nothing else of it is."""


def pad_residues(features: Mapping[str, NDArray], length: int) -> dict[str, NDArray]:
    """Pad the features of a pair with empty residues.

    Zeros are exact: ``seq_mask`` is 0 there, so the padding neither attends nor is attended to, and the masking of the
    alignment draws the same random numbers (AlphaFold's ``padding_consistent_rng``).

    Parameters
    ----------
    features : mapping of str to ndarray
        As ColabFold's ``generate_input_feature`` makes them for a multimer.
    length : int
        Residues after padding.

    Returns
    -------
    dict of str to ndarray
        The same dtypes.

    Raises
    ------
    InvalidOutput
        A feature whose axes are not known here, features of different lengths, or more residues than `length`.
    """
    unknown = sorted(features.keys() - FEATURE_AXIS.keys())
    if unknown:
        raise InvalidOutput(
            f"ColabFold gives features that are not known here: {', '.join(unknown)}",
            cure="install the versions that pyproject.toml names: pip install '.[fold]'",
        )
    residues = len(features["aatype"])
    if residues > length:
        raise InvalidOutput(f"{residues} residues do not fit a bucket of {length}")
    padded = {}
    for name, values in features.items():
        array, axis = np.asarray(values), FEATURE_AXIS[name]
        if axis is not None:
            if array.shape[axis] != residues:
                raise InvalidOutput(f"feature {name} has {array.shape[axis]} residues, aatype {residues}")
            widths = [(0, length - residues if at == axis else 0) for at in range(array.ndim)]
            array = np.pad(array, widths)
        padded[name] = array
    return padded


def cut_result(result: Mapping[str, object], residues: int) -> dict[str, NDArray]:
    """Cut the network's answer to the residues that exist, before anything is computed from it.

    Parameters
    ----------
    result : mapping
        As ``RunModel.predict`` gives it, padded or not.
    residues : int
        Residues of the pair.

    Returns
    -------
    dict of str to ndarray
        The entries of `RESULT_AXES`, on the host.

    Raises
    ------
    InvalidOutput
        An entry is absent.
    """
    cut = {}
    for path, axes in RESULT_AXES.items():
        entry: object = result
        for name in path.split("/"):
            if not isinstance(entry, Mapping) or name not in entry:
                raise InvalidOutput(f"the network's answer has no '{path}'")
            entry = entry[name]
        cut[path] = np.asarray(entry)[tuple(slice(residues) for _ in axes)]
    return cut
