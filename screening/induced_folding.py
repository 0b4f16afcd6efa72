"""Folding upon binding: the pLDDT of a segment in a complex against that of its residues in the protein alone.

The reference is another network's or even another method's pLDDT (AlphaFold DB's monomer network, a homodimer, or an
estimate from the sequence), so a rise of one segment says little by itself; the catalog therefore also gives its
z-score over all partners of the segment, in which what the two networks differ by cancels (view ``induced_folding_z``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidInput

__all__ = ["InducedFolding", "RISE", "WINDOW", "induced_folding"]

WINDOW = 10
"""Residues of the window whose mean rise is largest: the smoothing window of the paper's segmentation (Fu et al. 2025,
Methods)."""

RISE = 10.0
"""pLDDT above which a residue has risen: the step between the levels 50, 70 and 90 by which pLDDT is read is 20 (Jumper
et al. 2021, doi 10.1038/s41586-021-03819-2); half of it is a definition of this platform's own."""


@dataclass(frozen=True)
class InducedFolding:
    """How the pLDDT of a segment changes, complex less reference; None of an interface without residues.

    Attributes
    ----------
    mean, median : float
        Of the differences of all residues.
    maximum_window : float
        Largest mean over 10 consecutive residues; over the whole of a shorter segment.
    fraction_risen : float
        Share of residues whose pLDDT is higher by more than 10, 0-1.
    n_interface : int
        Residues with a contact.
    interface_mean, interface_median, interface_fraction_risen : float or None
        The same over the residues with a contact.
    interface_maximum_window : float or None
        Largest mean over those windows that hold a residue with a contact.
    """

    mean: float
    median: float
    maximum_window: float
    fraction_risen: float
    n_interface: int
    interface_mean: float | None
    interface_median: float | None
    interface_maximum_window: float | None
    interface_fraction_risen: float | None


def induced_folding(
    in_complex: NDArray[np.float64], alone: NDArray[np.float64], interface: NDArray[np.bool_]
) -> InducedFolding:
    """Compare the pLDDT of a segment in a complex with the reference.

    Parameters
    ----------
    in_complex, alone : ndarray, shape (L,)
        pLDDT of the segment's residues, 0-100.
    interface : ndarray, shape (L,), bool
        Residues with a contact across the interface.

    Returns
    -------
    InducedFolding
        Differences, in units of pLDDT.

    Raises
    ------
    InvalidInput
        Other shapes, or a value that is not finite.
    """
    if in_complex.shape != alone.shape or in_complex.shape != interface.shape or in_complex.ndim != 1:
        raise InvalidInput(
            f"pLDDT of {in_complex.size} residues in the complex, {alone.size} of the reference, "
            f"{interface.size} in the mask of the interface"
        )
    rise = in_complex - alone
    if not rise.size or not np.isfinite(rise).all():
        raise InvalidInput(f"pLDDT of {int((~np.isfinite(rise)).sum())} of {rise.size} residues is not finite")
    width = min(WINDOW, rise.size)
    windows = np.lib.stride_tricks.sliding_window_view(rise, width).mean(axis=1)
    touched = np.lib.stride_tricks.sliding_window_view(interface, width).any(axis=1)
    at_interface = rise[interface]
    bound = bool(at_interface.size)
    return InducedFolding(
        mean=float(rise.mean()),
        median=float(np.median(rise)),
        maximum_window=float(windows.max()),
        fraction_risen=float((rise > RISE).mean()),
        n_interface=int(at_interface.size),
        interface_mean=float(at_interface.mean()) if bound else None,
        interface_median=float(np.median(at_interface)) if bound else None,
        interface_maximum_window=float(windows[touched].max()) if bound else None,
        interface_fraction_risen=float((at_interface > RISE).mean()) if bound else None,
    )
