"""The paper's benchmark of homodimer predictions: which TFs bind other members of their family.

Fu et al. 2025 score each TF by pDockQ x PAE of its predicted homodimer and compare with an interaction table; they do
not say how PAE enters. Here higher means a more likely binder: score = pDockQ * (1 - PAE / 31.75), with PAE the
smallest between the chains, so a low PAE raises the score and the network's largest PAE makes it 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from screening.errors import InvalidInput
from screening.text_file import read_text

__all__ = ["LARGEST_PAE_ANGSTROM", "Benchmark", "Homodimer", "benchmark", "binder_score", "read_interactions"]

LARGEST_PAE_ANGSTROM = 31.75
"""Centre of the last bin of AlphaFold 2's predicted aligned error, the largest value that it can take."""


@dataclass(frozen=True)
class Homodimer:
    """A homodimer prediction of one TF.

    Attributes
    ----------
    gene, family : str
        The TF and its DNA-binding-domain family.
    score : float
        As `binder_score`, 0 to 1, the best of the TF's structures.
    """

    gene: str
    family: str
    score: float


@dataclass(frozen=True)
class Benchmark:
    """How well the scores tell intra-family binders.

    Attributes
    ----------
    n, n_binders : int
        TFs compared, and those with an interaction inside their family.
    auroc, aupr : float or None
        Area under the ROC curve, ties counting one half, and average precision; None where all TFs are of one class.
    skipped : tuple of str
        Genes left out: their family is unknown, or has no other member that could have been found.
    """

    n: int
    n_binders: int
    auroc: float | None
    aupr: float | None
    skipped: tuple[str, ...]


def binder_score(pdockq: float, pae_angstrom: float) -> float:
    """Return pDockQ times 1 - PAE / 31.75, never below 0: higher means a more likely binder."""
    return pdockq * max(0.0, 1.0 - pae_angstrom / LARGEST_PAE_ANGSTROM)


def read_interactions(path: Path) -> frozenset[frozenset[str]]:
    """Read a table of interactions.

    Parameters
    ----------
    path : Path
        Tab-separated with the columns ``gene_a`` and ``gene_b``, others ignored; plain or gzipped.

    Returns
    -------
    frozenset of frozenset of str
        Unordered pairs of gene symbols.

    Raises
    ------
    InvalidInput
        A column is absent, a line has another number of fields, or there is no interaction.
    """
    lines = read_text(path).splitlines()
    header = lines[0].split("\t") if lines else []
    if not {"gene_a", "gene_b"} <= set(header):
        raise InvalidInput(f"{path}:1: no columns gene_a and gene_b", cure="name the two columns of gene symbols so")
    a, b = header.index("gene_a"), header.index("gene_b")
    pairs: set[frozenset[str]] = set()
    for number, line in enumerate(lines[1:], start=2):
        fields = line.split("\t")
        if len(fields) != len(header):
            raise InvalidInput(f"{path}:{number}: {len(fields)} fields, the header has {len(header)}")
        pairs.add(frozenset((fields[a], fields[b])))
    if not pairs:
        raise InvalidInput(f"{path}: no interaction in it")
    return frozenset(pairs)


def benchmark(
    homodimers: Sequence[Homodimer], families: Mapping[str, str], interactions: frozenset[frozenset[str]]
) -> Benchmark:
    """Compare homodimer scores with known interactions inside families.

    Parameters
    ----------
    homodimers : sequence of Homodimer
        One for each TF.
    families : mapping of str to str
        Family of every TF that could be a partner, the homodimers' own included.
    interactions : frozenset of frozenset of str
        Known pairs. A TF is a binder where one is with another member of its family; its homodimer does not count.

    Returns
    -------
    Benchmark
        Areas and numbers.
    """
    members: dict[str, set[str]] = {}
    for gene, family in families.items():
        members.setdefault(family, set()).add(gene)
    compared, labels, skipped = [], [], []
    for item in homodimers:
        others = members.get(item.family, set()) - {item.gene}
        if not item.family or not others:
            skipped.append(item.gene)
            continue
        compared.append(item.score)
        labels.append(any(frozenset((item.gene, other)) in interactions for other in others))
    truth = np.array(labels, dtype=bool)
    auroc = aupr = None
    if truth.any() and not truth.all():
        from sklearn.metrics import average_precision_score, roc_auc_score

        auroc, aupr = float(roc_auc_score(truth, compared)), float(average_precision_score(truth, compared))
    return Benchmark(len(compared), int(truth.sum()), auroc, aupr, tuple(sorted(skipped)))
