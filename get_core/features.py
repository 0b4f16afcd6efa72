"""What the columns of the network's input are called."""

from collections.abc import Sequence

__all__ = ["ACCESSIBILITY", "feature_names"]

ACCESSIBILITY = "Accessibility"
"""The last column, as the reference's own matrices call it."""


def feature_names(motifs: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the features: the motif clusters, then the accessibility.

    Parameters
    ----------
    motifs : sequence of str (m,)
        Clusters in the order of the atlas.

    Returns
    -------
    tuple of str (m + 1,)
    """
    return (*motifs, ACCESSIBILITY)
