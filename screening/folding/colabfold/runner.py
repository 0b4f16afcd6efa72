"""The network of one process: built once, compiled once for each bucket, asked for pair after pair."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import cast

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidOutput
from screening.folding.colabfold.network import configuration
from screening.folding.colabfold.padding import cut_result, pad_residues
from screening.folding.colabfold.settings import ColabFoldSettings
from screening.folding.colabfold.tm_scores import actifptm, chain_ptm, contact_probability, error_bin_centres
from screening.folding.colabfold.weights import checksum, load_parameters, sizes_of

__all__ = ["Answer", "Runner", "kept_runner"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What the network says of a pair of L residues; nothing of the padding is left.

    Attributes
    ----------
    atom_angstrom : ndarray, shape (L, 37, 3), float32
        Atoms in AlphaFold's order.
    atom_mask : ndarray, shape (L, 37), float32
        1 for those that the residue has.
    plddt : ndarray, shape (L,), float32
        0-100.
    pae : ndarray, shape (L, L), float16
        Predicted aligned error, angstrom; row = aligned, column = scored. The precision is the network's own.
    ptm, iptm : float
        0-1.
    actifptm : float
        ipTM weighted with the probability of contact, 0-1.
    chain_ptm : tuple of float
        pTM of each chain by itself, 0-1.
    recycles : int
        Recycles done.
    change_angstrom : float
        Change of the C-alpha distances in the last pass.
    """

    atom_angstrom: NDArray[np.float32]
    atom_mask: NDArray[np.float32]
    plddt: NDArray[np.float32]
    pae: NDArray[np.float16]
    ptm: float
    iptm: float
    actifptm: float
    chain_ptm: tuple[float, ...]
    recycles: int
    change_angstrom: float

    @property
    def ranking(self) -> float:
        """AlphaFold-Multimer's confidence, 0.8 ipTM + 0.2 pTM (Evans et al. 2021, doi 10.1101/2021.10.04.463034)."""
        return 0.8 * self.iptm + 0.2 * self.ptm


class Runner:
    """ColabFold's ``RunModel`` with its parameters on the device.

    Parameters
    ----------
    settings : ColabFoldSettings
        Which networks and how.
    weights : mapping of int to Path
        Files of their parameters.

    Raises
    ------
    InvalidInput
        A file of parameters is broken, or AlphaFold's code is too old to separate the sampling of the alignment.
    """

    def __init__(self, settings: ColabFoldSettings, weights: Mapping[int, Path]) -> None:
        config = configuration(settings, sizes_of(next(iter(weights.values()))))
        from alphafold.model.model import RunModel
        from colabfold.alphafold.models import _compile_jit_kwargs

        self._parameters = {model: load_parameters(path) for model, path in weights.items()}
        self._model = RunModel(config, None, jit_kwargs=_compile_jit_kwargs(settings.compile_mode))
        error = config.to_dict()["model"]["heads"]["predicted_aligned_error"]
        self._error_bins = error_bin_centres(error["num_bins"], error["max_error_bin"])

    @property
    def compiled(self) -> int:
        """How many shapes the network has been compiled for."""
        return self._model.apply._cache_size()  # pyright: ignore[reportAttributeAccessIssue]

    def answer(self, features: Mapping[str, NDArray], bucket: int, model: int, seed: int) -> Answer:
        """Run one network on one pair.

        Parameters
        ----------
        features : mapping of str to ndarray
            Of the L residues of the pair, `screening.folding.colabfold.features.features_of`.
        bucket : int
            Residues after padding, at least L.
        model : int
            Which of the networks.
        seed : int
            Of the masking and sampling of the alignment.

        Raises
        ------
        InvalidOutput
            Numbers that are not finite.
        """
        padded = pad_residues(features, bucket)
        self._model.params = cast(dict, self._parameters[model])
        with warnings.catch_warnings():
            # AlphaFold asks for 64-bit indices, which JAX makes 32-bit ones.
            warnings.filterwarnings("ignore", message="Explicitly requested dtype int64")
            predicted = self._model.predict(padded, random_seed=seed)
        result, recycles = cast(tuple[Mapping[str, object], int], predicted)
        return self._read(cut_result(result, len(features["aatype"])), np.asarray(features["asym_id"]), recycles)

    def _read(self, cut: Mapping[str, NDArray], asym_id: NDArray, recycles: int) -> Answer:
        chain = asym_id.astype(np.int64)
        probabilities = cut["aligned_confidence_probs"]
        contacts = contact_probability(cut["distogram/logits"])
        answer = Answer(
            atom_angstrom=cut["structure_module/final_atom_positions"].astype(np.float32),
            atom_mask=cut["structure_module/final_atom_mask"].astype(np.float32),
            plddt=cut["plddt"].astype(np.float32),
            pae=cut["predicted_aligned_error"].astype(np.float16),
            ptm=float(cut["ptm"]),
            iptm=float(cut["iptm"]),
            actifptm=actifptm(probabilities, self._error_bins, contacts, chain),
            chain_ptm=chain_ptm(probabilities, self._error_bins, chain),
            recycles=int(recycles),
            change_angstrom=float(cut["tol"]),
        )
        for name in ("atom_angstrom", "plddt", "pae", "ptm", "iptm", "actifptm"):
            values = np.asarray(getattr(answer, name))
            if not np.isfinite(values).all():
                raise InvalidOutput(f"{name}: {np.count_nonzero(~np.isfinite(values))} of {values.size} are not finite")
        return answer


_kept: tuple[tuple[object, ...], Runner] | None = None
_lock = Lock()


def kept_runner(settings: ColabFoldSettings, weights: Mapping[int, Path]) -> Runner:
    """Return this process's runner, built anew only where settings or weights differ from those of the last call.

    This is what makes a worker fast: `screening.cluster` keeps the processes of a GPU stage from task to task, and a
    module-level variable is the state that outlives a task. There is one at most, so memory is bounded; the processes
    themselves are replaced after `screening.cluster.pool.TASKS_PER_ACTOR` tasks and after any failure of the device.

    Parameters
    ----------
    settings, weights
        As for `Runner`.
    """
    global _kept
    built_from = settings.model_dump(
        include={"recycles", "early_stop_tolerance", "max_msa", "max_extra_msa", "bfloat16"}
    ) | {"compile_mode": settings.compile_mode}
    key = (*sorted(built_from.items()), *((model, path, checksum(path)) for model, path in weights.items()))
    with _lock:
        if _kept is None or _kept[0] != key:
            _kept = None  # the old parameters leave the device before the new ones come
            _kept = (key, Runner(settings, weights))
        return _kept[1]
