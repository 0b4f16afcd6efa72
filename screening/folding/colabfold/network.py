"""The network's configuration: ColabFold's for AlphaFold-Multimer v3, or a smaller one for random parameters."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from screening.errors import InvalidInput
from screening.folding.colabfold.features import features_of, query_only_complex
from screening.folding.colabfold.runtime import colabfold_batch
from screening.folding.colabfold.settings import ColabFoldSettings

if TYPE_CHECKING:
    from ml_collections import ConfigDict

__all__ = ["TINY", "Sizes", "configuration", "parameter_shapes", "sized"]

Sizes = Mapping[str, int]
"""Dotted paths in the configuration, and their values."""

CONFIG_NAME = "model_3_multimer_v3"
"""As in ColabFold, the five networks share this configuration and differ in their parameters only."""

_EVOFORMER = "model.embeddings_and_evoformer"
_STRUCTURE = "model.heads.structure_module"

TINY: Sizes = MappingProxyType(
    {
        f"{_EVOFORMER}.evoformer_num_block": 1,
        f"{_EVOFORMER}.extra_msa_stack_num_block": 1,
        f"{_EVOFORMER}.template.template_pair_stack.num_block": 1,
        f"{_EVOFORMER}.seq_channel": 64,
        f"{_EVOFORMER}.extra_msa_channel": 16,
        f"{_EVOFORMER}.evoformer.outer_product_mean.num_outer_channel": 8,
        f"{_STRUCTURE}.num_layer": 2,
        f"{_STRUCTURE}.num_channel": 64,
        f"{_STRUCTURE}.num_head": 4,
        f"{_STRUCTURE}.sidechain.num_channel": 32,
    }
)
"""A network that compiles and runs on a processor in seconds, with every kind of layer in it once.

``msa_channel`` and ``pair_channel`` stay: AlphaFold's ``RunModel.predict`` has them written in.
"""


@contextmanager
def sized(sizes: Sizes) -> Iterator[None]:
    """Let AlphaFold's and ColabFold's code see other sizes of the multimer network, as long as the context lasts.

    ``alphafold.model.config.model_config`` copies a global of its module; that global is the only thing replaced, and
    for real parameters, which have no sizes of their own, nothing is.

    Parameters
    ----------
    sizes : mapping
        What differs; empty for the network as it is.
    """
    if not sizes:
        yield
        return
    colabfold_batch()
    from alphafold.model import config

    original = config.CONFIG_MULTIMER
    changed = original.copy_and_resolve_references()
    changed.update_from_flattened_dict(dict(sizes))
    config.CONFIG_MULTIMER = changed
    try:
        yield
    finally:
        config.CONFIG_MULTIMER = original


def configuration(settings: ColabFoldSettings, sizes: Sizes) -> "ConfigDict":
    """Return what ColabFold's ``load_models_and_params`` configures, with the sampling of the alignment split off.

    With ``split_msa_sampling`` the alignment is sampled by a function of its own, and the network sees max_msa +
    max_extra_msa rows whatever the depth: one compilation for each length.

    Raises
    ------
    InvalidInput
        AlphaFold's code does not know the split.
    """
    colabfold_batch()
    from alphafold.model.config import model_config

    with sized(sizes):
        config = model_config(CONFIG_NAME)
    if "split_msa_sampling" not in config.to_dict()["model"]:
        raise InvalidInput(
            "this alphafold-colabfold compiles anew for every depth of the alignment",
            cure="pip install 'alphafold-colabfold>=2.3.27'",
        )
    config.update_from_flattened_dict(
        {
            "model.split_msa_sampling": True,
            "model.num_recycle": settings.recycles,
            "model.recycle_early_stop_tolerance": settings.early_stop_tolerance,
            "model.stop_at_score": 100.0,
            "model.rank_by": "multimer",
            "model.num_ensemble_eval": 1,
            "model.global_config.bfloat16": settings.bfloat16,
            f"{_EVOFORMER}.num_msa": settings.max_msa,
            f"{_EVOFORMER}.num_extra_msa": settings.max_extra_msa,
            # Nothing is read from these heads; the distogram stays, for actifpTM.
            "model.heads.masked_msa.weight": 0.0,
            "model.heads.experimentally_resolved.weight": 0.0,
        }
    )
    return config


def parameter_shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all parameters, traced through AlphaFold's own initialisation without computing anything.

    Parameters
    ----------
    sizes : mapping
        As for `sized`.

    Returns
    -------
    dict of str to tuple
        By DeepMind's names, ``scope//name``.
    """
    colabfold_batch()
    import jax
    from alphafold.model.config import model_config
    from alphafold.model.model import RunModel

    with sized(sizes):
        config = model_config(CONFIG_NAME)  # with all heads, as DeepMind's files have them
    config.update_from_flattened_dict({f"{_EVOFORMER}.num_msa": 8, f"{_EVOFORMER}.num_extra_msa": 4})
    chain = "ACDEFGHI"
    features = features_of(query_only_complex(chain, chain[::-1]), (chain, chain[::-1]), max_msa=8)
    length = 2 * len(chain)
    previous = {
        "prev_msa_first_row": np.zeros((length, 256), np.float32),
        "prev_pair": np.zeros((length, length, 128), np.float32),
        "prev_pos": np.zeros((length, 37, 3), np.float32),
    }
    scopes = jax.eval_shape(RunModel(config, None).init, jax.random.PRNGKey(0), {**features, "prev": previous})
    return {f"{scope}//{name}": tuple(leaf.shape) for scope, leaves in scopes.items() for name, leaf in leaves.items()}
