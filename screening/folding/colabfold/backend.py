"""AlphaFold-Multimer v2.3 as a folding backend."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np

from screening.folding.backend import FoldRequest, FoldResult, Observable, Progress
from screening.folding.colabfold.buckets import bucket_of
from screening.folding.colabfold.cost import cpu_seconds, host_memory_gb
from screening.folding.colabfold.features import MODEL_TYPE, features_of, query_only_complex
from screening.folding.colabfold.output import write_structure
from screening.folding.colabfold.runner import Answer, kept_runner
from screening.folding.colabfold.runtime import default_compile_cache, device, prepare, use_compile_cache
from screening.folding.colabfold.settings import ColabFoldSettings
from screening.folding.colabfold.templates import template_features
from screening.folding.colabfold.weights import RANDOM, checksum, is_random
from screening.model_file import write_pae

__all__ = ["ColabFold"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ColabFold:
    """Folds pairs with ColabFold's code and AlphaFold-Multimer's parameters.

    Parameters
    ----------
    settings : ColabFoldSettings
        Networks, recycles, alignment depth.
    weights : mapping of int to Path
        Parameters of each of the networks (`screening.folding.colabfold.weights.find_weights`).
    templates : sequence of Path, optional
        Structures to search for templates.
    cpus : int, optional
        Cores to use.
    gpus : float, optional
        GPUs granted; 0 folds on the processor.
    """

    settings: ColabFoldSettings
    weights: Mapping[int, Path]
    templates: tuple[Path, ...] = ()
    cpus: int = 1
    gpus: float = 0.0
    name: str = field(default="colabfold", init=False)
    needs_msa: bool = field(default=False, init=False)

    @property
    def version(self) -> str:
        """Version of ColabFold and of its AlphaFold."""
        return f"colabfold {metadata.version('colabfold')}, alphafold {metadata.version('alphafold-colabfold')}"

    def supports(self, request: FoldRequest) -> str | None:
        """Return None: every pair of standard residues can be tried."""
        return None

    def fold(self, request: FoldRequest, workdir: Path, progress: Progress | None = None) -> FoldResult:
        """Fold the pair with every network and seed, and keep the best.

        Parameters
        ----------
        request : FoldRequest
            Without an alignment, the two sequences alone are used.
        workdir : Path
            Takes ``structure.cif.gz`` (B factors are pLDDT, residue numbers those of the full-length proteins) and
            ``pae.npz``.
        progress : callable, optional
            Called with (runs of a network done, runs in all).

        Raises
        ------
        InvalidInput
            Parameters or alignment are broken or not those of the pair.
        InvalidOutput
            The network gave numbers that are not finite.
        NoGpuError
            A GPU was granted and JAX does not see it.
        MemoryError
            On a processor: the estimate is beyond the machine's memory.
        """
        settings = self.settings
        prepare(self.cpus, self.gpus)
        residues = request.a.length + request.b.length
        bucket = bucket_of(residues, settings.buckets or ())
        hardware = device(self.gpus)
        if hardware.platform == "cpu":
            self._check_processor(request, bucket)
        use_compile_cache(settings.compile_cache or default_compile_cache())
        chains = (request.a.sequence, request.b.sequence)
        found = template_features(self.templates, tuple(dict.fromkeys(chains)), workdir) if self.templates else None
        features = features_of(request.msa or query_only_complex(*chains), chains, settings.max_msa, found)
        runner = kept_runner(settings, self.weights)
        answers: dict[tuple[int, int], Answer] = {}
        for seed in range(request.seed, request.seed + settings.seeds):
            for model in self.weights:
                answers[model, seed] = runner.answer(features, bucket, model, seed)
                if progress is not None:
                    progress(len(answers), settings.runs)
        model, seed = max(answers, key=lambda run: answers[run].ranking)
        best = answers[model, seed]
        structure, pae = workdir / "structure.cif.gz", workdir / "pae.npz"
        write_structure(structure, best, (request.a, request.b), np.asarray(features["aatype"]))
        write_pae(pae, best.pae)
        return FoldResult(
            structure=structure,
            backend=self.name,
            backend_version=f"({self.version})",
            model_name=f"{MODEL_TYPE} model_{model}",
            has_plddt=True,
            plddt=float(best.plddt.mean(dtype=np.float64)),
            ptm=best.ptm,
            iptm=best.iptm,
            num_recycles=best.recycles,
            pae=pae,
            observables=_observables(answers, best),
            weights=RANDOM if is_random(self.weights[model]) else checksum(self.weights[model]),
            max_pae=float(best.pae.max()),
            seed=seed,
            accelerator=None if hardware.platform == "cpu" else hardware.kind,
        )

    def _check_processor(self, request: FoldRequest, bucket: int) -> None:
        """Refuse what the machine's memory cannot hold, and warn of the time that the rest takes."""
        needed, present = host_memory_gb(bucket), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        if needed > present:
            raise MemoryError(
                f"{request.a.name} + {request.b.name}: {bucket} residues need about {needed:.1f} GB, "
                f"this machine has {present:.1f} GB"
            )
        hours = cpu_seconds(bucket, self.settings) / 3600
        _log.warning(
            "%s + %s: AlphaFold-Multimer runs on the processor; %d residues (%d with padding) may take %.2g core hours",
            *(request.a.name, request.b.name, request.a.length + request.b.length, bucket, hours),
        )


def _observables(answers: Mapping[tuple[int, int], Answer], best: Answer) -> tuple[Observable, ...]:
    """Return what the catalog has no column for; of several runs, how each was ranked."""
    found = [
        Observable("actifptm", "1", best.actifptm, note="ipTM weighted with the probability of contact"),
        Observable("chain_ptm_a", "1", best.chain_ptm[0], note="pTM of chain A by itself, d0 of its own length"),
        Observable("chain_ptm_b", "1", best.chain_ptm[1], note="pTM of chain B by itself, d0 of its own length"),
        Observable("ranking_confidence", "1", best.ranking, note="0.8 ipTM + 0.2 pTM"),
        Observable(
            "last_change", "angstrom", best.change_angstrom, note="change of the CA distances in the last recycle"
        ),
    ]
    if len(answers) > 1:
        found += [
            Observable(f"ranking_confidence_model_{model}_seed_{seed}", "1", answer.ranking, note="of this run")
            for (model, seed), answer in answers.items()
        ]
    return tuple(found)
