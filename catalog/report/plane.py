"""The picture of regions in a plane."""

from collections.abc import Sequence
from colorsys import hls_to_rgb
from html import escape
from statistics import median

from catalog.report.markup import Row

__all__ = ["plane"]

# The golden angle in turns, 2 - (1 + sqrt 5) / 2: steps of it keep any number of hues apart.
GOLDEN_TURN = 0.381966
PLOT, MARGIN, TOP = 560, 24, 50
LINE, COLUMN = 18, 120


def plane(points: Sequence[Row], title: str) -> str:
    """Draw points of a plane, coloured by cluster, with a legend; a file by itself.

    Parameters
    ----------
    points : sequence of mapping
        With ``umap_1``, ``umap_2`` and ``leiden``, the number of the cluster from 0; at least one.
    title : str
        What it shows.

    Returns
    -------
    str
        SVG with its own colours. Both axes have one scale, and no numbers: UMAP keeps neighbours together, its
        coordinates mean nothing by themselves.
    """
    clusters: dict[int, list[tuple[float, float]]] = {}
    for point in points:
        x, y = float(str(point["umap_1"])), float(str(point["umap_2"]))
        clusters.setdefault(int(str(point["leiden"])), []).append((x, y))
    every = [place for places in clusters.values() for place in places]
    (left, right), (low, high) = ((min(values), max(values)) for values in zip(*every, strict=True))
    scale = (PLOT - 2 * MARGIN) / (max(right - left, high - low) or 1)
    radius = 3.5 if len(every) <= 500 else 2.2 if len(every) <= 5000 else 1.4

    def at(x: float, y: float) -> tuple[float, float]:
        return PLOT / 2 + (x - (left + right) / 2) * scale, TOP + PLOT / 2 - (y - (low + high) / 2) * scale

    lines = (PLOT - MARGIN) // LINE
    width = PLOT + MARGIN + COLUMN * -(-len(clusters) // lines)
    legend = "UMAP of the network's representation; colours and numbers: Leiden clusters"
    parts = [
        f'<rect width="{width}" height="{TOP + PLOT}" fill="#fff"/>',
        f'<text x="{MARGIN}" y="20" font-size="13">{escape(title)}</text>',
        f'<text x="{MARGIN}" y="37" font-size="11" fill="#555">{escape(legend)}</text>',
        f'<rect x="{MARGIN / 2}" y="{TOP}" width="{PLOT - MARGIN}" height="{PLOT - MARGIN / 2}" fill="none" '
        'stroke="#ddd"/>',
    ]
    names = []
    for number, (cluster, places) in enumerate(sorted(clusters.items())):
        colour, count = _colour(cluster), f"{len(places)} region{'s' * (len(places) > 1)}"
        dots = "".join('<circle cx="{:.1f}" cy="{:.1f}" r="{}"/>'.format(*at(*place), radius) for place in places)
        parts.append(f'<g fill="{colour}" fill-opacity="0.75"><title>cluster {cluster}: {count}</title>{dots}</g>')
        x, y = at(median(x for x, _ in places), median(y for _, y in places))
        names.append(f'<text x="{x:.1f}" y="{y + 4:.1f}">{cluster}</text>')
        column, line = divmod(number, lines)
        x, y = PLOT + column * COLUMN, TOP + 14 + line * LINE
        parts.append(f'<circle cx="{x + 5}" cy="{y - 4}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16}" y="{y}" font-size="11">{cluster}: {count}</text>')
    halo = 'font-weight="bold" text-anchor="middle" stroke="#fff" stroke-width="3" paint-order="stroke"'
    parts.append(f'<g font-size="13" {halo}>{"".join(names)}</g>')
    size = f'width="{width}" height="{TOP + PLOT}" viewBox="0 0 {width} {TOP + PLOT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">{"".join(parts)}</svg>'


def _colour(cluster: int) -> str:
    """Return the colour of a cluster, #rrggbb: hues by the golden angle, dark and light in turn."""
    rgb = hls_to_rgb((0.6 + cluster * GOLDEN_TURN) % 1, 0.58 if cluster % 2 else 0.42, 0.6)
    return "#" + "".join(f"{round(255 * value):02x}" for value in rgb)
