"""A quantity along trajectories as a picture."""

from collections.abc import Sequence
from html import escape

import numpy as np

from catalog.report.arrays import Floats
from catalog.report.markup import number

__all__ = ["timeline"]

# More points than half-pixels only make the page larger.
MOST_POINTS = 400
SHADES = 4
"""Classes ``run0`` to ``run3`` of the style sheet, in turn."""


def timeline(runs: Sequence[tuple[str, Floats, Floats]], label: str) -> str:
    """Draw how a quantity went in each of some trajectories.

    Parameters
    ----------
    runs : sequence of (name, time in ps (n,), value (n,))
        At least one, of at least one frame. What is not finite is a gap.
    label : str
        The quantity with its unit.

    Returns
    -------
    str
        SVG with one line for each run; its name shows where the pointer rests. The runs share both axes.
    """
    width, height, left, top, bottom = 260, 120, 44, 20, 20
    times = np.concatenate([time for _, time, _ in runs])
    values = np.concatenate([value for _, _, value in runs])
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    first, last = float(times.min()), float(times.max())
    parts = [f'<text class="node" x="{left}" y="12">{escape(label)}</text>']
    for level in dict.fromkeys((low, high)):
        y = top + (high - level) / ((high - low) or 1) * (height - top - bottom)
        parts.append(f'<line class="grid" x1="{left}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{number(level)}</text>')
    for index, (name, time, value) in enumerate(runs):
        step = max(1, len(time) // MOST_POINTS)
        x = left + (time[::step] - first) / ((last - first) or 1) * (width - left - 8)
        y = top + (high - value[::step]) / ((high - low) or 1) * (height - top - bottom)
        seen = np.isfinite(y)
        starts = np.flatnonzero(seen & ~np.r_[False, seen[:-1]])
        ends = np.flatnonzero(seen & ~np.r_[seen[1:], False]) + 1
        path = "".join(
            "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x[start:end], y[start:end], strict=True))
            for start, end in zip(starts, ends, strict=True)
        )
        parts.append(f'<path class="run run{index % SHADES}" d="{path}"><title>{escape(name)}</title></path>')
    unit, size = ("ns", 1000.0) if last >= 1000 else ("ps", 1.0)
    for at, place, anchor in ((first, left, "start"), (last, width - 8, "end")):
        text = number(at / size) + f" {unit}" * (at == last)
        parts.append(f'<text x="{place}" y="{height - 6}" text-anchor="{anchor}">{text}</text>')
    box = f'viewBox="0 0 {width} {height}"'
    return f'<svg {box} role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
