"""What the network predicts for chromatin that was not measured: motifs taken away, regions closed, elements put in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.errors import InvalidInput
from get_core.evaluation import predict_focus
from get_core.windows import Windows

if TYPE_CHECKING:
    from get_core.model import GET
    from get_core.windows import FeatureWindows

__all__ = ["Effect", "Reporter", "perturb", "reporter_activity"]


@dataclass(frozen=True, eq=False)
class Effect:
    """Predictions of w focus regions before and after.

    Parameters
    ----------
    before, after : float32 (w, outputs)
        Predictions; `after` equals `before` where a window holds nothing of what was changed.
    changed : bool (w,)
        Whether the window holds what was changed.
    """

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    changed: NDArray[np.bool_]

    @property
    def change(self) -> NDArray[np.float32]:
        """After less before, float32 (w, outputs)."""
        return self.after - self.before


def perturb(
    model: "GET",
    windows: "FeatureWindows",
    *,
    motifs: ArrayLike = (),
    regions: ArrayLike = (),
    batch_size: int = 64,
) -> Effect:
    """Take motifs out of regions, or regions out of windows.

    Parameters
    ----------
    model : GET
        Network.
    windows : FeatureWindows
        Windows whose focus regions are predicted.
    motifs : int (k,)
        Columns of the features that are set to 0, in `regions` or, without any, everywhere.
    regions : int (r,)
        Rows of the features that are changed: without motifs all their features are set to 0, as of closed
        chromatin (the region stays in the window as an empty one).
    batch_size : int
        Windows per forward pass.

    Returns
    -------
    Effect

    Raises
    ------
    InvalidInput
        Nothing to change, or columns or rows that are not there.
    """
    count, width = windows.features.shape
    columns, rows = (np.unique(np.asarray(each, np.int64)) for each in (motifs, regions))
    for name, given, limit in (("motifs", columns, width), ("regions", rows, count)):
        if given.size and not 0 <= given[0] <= given[-1] < limit:
            raise InvalidInput(f"{name} run from {given[0]} to {given[-1]}; there are {limit}")
    if not (columns.size or rows.size):
        raise InvalidInput("there is nothing to change", cure="name motifs, regions or both")
    touched = rows if rows.size else np.arange(count)
    mutated = windows.features.copy()
    mutated[np.ix_(touched, columns if columns.size else np.arange(width))] = 0
    differs = (mutated != windows.features).any(axis=1)
    before = predict_focus(model, windows, batch_size=batch_size)
    changed = differs[windows.windows.index].any(axis=1)
    after = before.copy()
    if changed.any():
        # Only windows that hold a change are predicted anew.
        after[changed] = predict_focus(model, windows.windows[changed].over(mutated), batch_size=batch_size)
    return Effect(before, after, changed)


@dataclass(frozen=True, eq=False)
class Reporter:
    """What a massively parallel reporter assay would read of e elements.

    Parameters
    ----------
    expression : float64 (e,)
        Mean over contexts and strands of the predicted expression where the element was put, log10(TPM + 1).
    accessibility : float64 (e,) or None
        Mean over contexts of the predicted accessibility there; None without an accessibility network.
    activity : float64 (e,)
        Expression times accessibility, or expression alone.
    contexts : int
        Genomic places that each element was put into.
    """

    expression: NDArray[np.float64]
    accessibility: NDArray[np.float64] | None
    activity: NDArray[np.float64]
    contexts: int


def reporter_activity(
    model: "GET",
    elements: ArrayLike,
    contexts: "FeatureWindows",
    *,
    accessibility: "GET | None" = None,
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Reporter:
    """Simulate a lentiviral reporter assay: each element takes the place of the focus region of many windows.

    A lentiviral construct lands all over the genome, so its activity is the mean over contexts (Fu et al., doi
    10.1038/s41586-024-08391-z: predicted expression times predicted accessibility).

    Parameters
    ----------
    model : GET
        Expression network.
    elements : float (e, F)
        Features of each element, scaled as those of the contexts, accessibility last.
    contexts : FeatureWindows
        Windows of the cell type whose focus regions are replaced, drawn at random by the caller.
    accessibility : GET, optional
        Accessibility network; it sees ones in place of the accessibility.
    batch_size : int
        Windows per forward pass.
    progress : callable, optional
        Called with (elements done, elements in all).

    Returns
    -------
    Reporter

    Raises
    ------
    InvalidInput
        No contexts, or elements with other features than theirs.
    """
    from scipy.special import expit

    given = np.asarray(elements, np.float32)
    if given.ndim != 2 or given.shape[1] != contexts.features.shape[1]:
        raise InvalidInput(
            f"elements have the shape {given.shape}; contexts have {contexts.features.shape[1]} features"
        )
    if not len(contexts):
        raise InvalidInput("there is no genomic context", cure="draw focus regions from the cell type's open regions")
    windows = contexts.windows
    gathered = contexts.features[windows.index]
    places = np.arange(len(windows)), windows.focus
    tiled = np.arange(gathered.shape[0] * gathered.shape[1]).reshape(gathered.shape[:2])
    own = Windows(tiled, windows.focus, windows.strand)

    def at_focus(network: "GET", element: NDArray[np.float32], *, hidden: bool) -> NDArray[np.float64]:
        x = gathered.copy()
        x[places] = element
        if hidden:
            x[..., -1] = 1
        return predict_focus(network, own.over(x.reshape(-1, x.shape[-1])), batch_size=batch_size).astype(np.float64)

    expression = np.empty(len(given))
    opened = None if accessibility is None else np.empty(len(given))
    for number, element in enumerate(given):
        expression[number] = at_focus(model, element, hidden=False).mean()
        if accessibility is not None and opened is not None:
            level = at_focus(accessibility, element, hidden=True)
            opened[number] = (expit(level) if accessibility.config.head == "accessibility" else level).mean()
        if progress:
            progress(number + 1, len(given))
    return Reporter(expression, opened, expression if opened is None else expression * opened, len(windows))
