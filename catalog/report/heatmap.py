"""A matrix between or within two chains as a picture."""

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from catalog.report.arrays import Floats
from catalog.report.markup import number

__all__ = ["CONTACTS", "DISTANCES", "ERRORS", "Scale", "Side", "heatmap"]

LEVELS = 16
"""Shades: as many as four bits of a pixel tell apart."""

LEGEND = 180
"""Room for the longest label of a scale."""

MOST_PIXELS = 240
"""Longest side of the picture inside its frame, which is drawn this wide; more are averaged."""


@dataclass(frozen=True)
class Side:
    """Residues along one side of a matrix.

    Attributes
    ----------
    name : str
        Whose they are, for example a gene.
    start : int
        Number of the first, 1-based.
    length : int
        How many.
    """

    name: str
    start: int
    length: int

    @property
    def end(self) -> int:
        """Number of the last residue."""
        return self.start + self.length - 1


@dataclass(frozen=True)
class Scale:
    """Colours of values.

    Attributes
    ----------
    label : str
        What the values are, with the unit.
    least, most : tuple of int
        Red, green and blue (0-255) of the lowest and of the highest value.
    top : float or None
        Value of the last shade, the first is 0; None takes the largest of the matrix.
    """

    label: str
    least: tuple[int, int, int]
    most: tuple[int, int, int]
    top: float | None = None


CONTACTS = Scale("contact probability", (246, 248, 250), (23, 82, 156))
# Dark where the error is low and 0 to 30 angstrom, as the AlphaFold database draws it (doi 10.1093/nar/gkab1061).
ERRORS = Scale("predicted aligned error, Å", (9, 88, 44), (244, 250, 245), top=30.0)
DISTANCES = Scale("C-alpha distance, Å", (23, 82, 156), (246, 248, 250), top=30.0)


def heatmap(values: Floats, rows: Sequence[Side], columns: Sequence[Side], scale: Scale) -> str:
    """Draw a matrix of residues against residues.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        The matrix, from 0 up.
    rows, columns : sequence of Side
        Whose residues the n rows, from the top, and the m columns, from the left, are: one chain or several in order.
    scale : Scale
        Colours.

    Returns
    -------
    str
        SVG with the matrix as an image of `LEVELS` shades inside, lines between the chains and the numbers of the
        first and last residue of each.

    Raises
    ------
    ValueError
        The sides are not as long as the matrix.
    """
    lengths = tuple(sum(side.length for side in sides) for sides in (rows, columns))
    if values.shape != lengths:
        raise ValueError(f"a matrix {values.shape} of residues {lengths}")
    top = scale.top or float(values.max()) or 1.0
    n, m = lengths
    longest = max(n, m)
    # A thin side stays visible: one residue of a peptide against a domain is a line of some width.
    high, wide = (max(MOST_PIXELS * length / longest, 12.0) for length in (n, m))
    left, above = 44, 20
    width, height = left + max(wide, LEGEND) + 6, above + high + 40
    parts = [
        f'<image x="{left}" y="{above}" width="{wide:.1f}" height="{high:.1f}" preserveAspectRatio="none" '
        f'href="{_png(values, top, scale)}"/>',
        f'<rect class="frame" x="{left}" y="{above}" width="{wide:.1f}" height="{high:.1f}"/>',
    ]
    before = 0
    for side in rows:
        first, last = (above + high * at / n for at in (before, before + side.length))
        if before:
            parts.append(f'<line class="frame" x1="{left}" x2="{left + wide:.1f}" y1="{first:.1f}" y2="{first:.1f}"/>')
        parts.append(f'<text x="{left - 4}" y="{first + 10:.1f}" text-anchor="end">{side.start}</text>')
        if last - first > 24:
            parts.append(f'<text x="{left - 4}" y="{last:.1f}" text-anchor="end">{side.end}</text>')
        middle = (first + last) / 2
        parts.append(
            f'<text class="node" transform="translate(11 {middle:.1f}) rotate(-90)" text-anchor="middle">'
            f"{escape(side.name)}</text>"
        )
        before += side.length
    before = 0
    for side in columns:
        first, last = (left + wide * at / m for at in (before, before + side.length))
        if before:
            parts.append(
                f'<line class="frame" x1="{first:.1f}" x2="{first:.1f}" y1="{above}" y2="{above + high:.1f}"/>'
            )
        parts.append(f'<text x="{first + 2:.1f}" y="{above + high + 13:.1f}">{side.start}</text>')
        if last - first > 48:
            parts.append(f'<text x="{last - 2:.1f}" y="{above + high + 13:.1f}" text-anchor="end">{side.end}</text>')
        middle = (first + last) / 2
        parts.append(f'<text class="node" x="{middle:.1f}" y="13" text-anchor="middle">{escape(side.name)}</text>')
        before += side.length
    legend = f"{scale.label}, 0 to {number(top)}"
    parts.append(f'<text x="{left}" y="{above + high + 32:.1f}">{escape(legend)}</text>')
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px"'
    return f'<svg class="heatmap" {size} role="img" aria-label="{escape(scale.label)}">{"".join(parts)}</svg>'


def _png(values: Floats, top: float, scale: Scale) -> str:
    """Return a matrix as the address of an image that holds it."""
    from PIL import Image

    shades = np.clip(np.rint(_averaged(values) / top * (LEVELS - 1)), 0, LEVELS - 1).astype(np.uint8)
    image = Image.fromarray(shades, "P")
    mixed = np.linspace(scale.least, scale.most, LEVELS).round().astype(np.uint8)
    image.putpalette(mixed.tobytes())
    file = io.BytesIO()
    image.save(file, "PNG", bits=4, optimize=True)
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def _averaged(values: Floats) -> Floats:
    """Average blocks of rows and of columns until no side has more than `MOST_PIXELS`."""
    small = np.asarray(values, np.float64)
    for axis in (0, 1):
        length = small.shape[axis]
        if length > MOST_PIXELS:
            starts = np.arange(MOST_PIXELS) * length // MOST_PIXELS
            counts = np.diff([*starts, length])
            small = np.add.reduceat(small, starts, axis=axis) / (counts[:, None] if axis == 0 else counts)
    return small
