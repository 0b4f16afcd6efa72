"""Small SVG drawings: pLDDT track, causal network, training curve."""

from collections.abc import Sequence
from html import escape
from math import cos, hypot, pi, sin

from catalog.report.markup import Row, number

__all__ = ["curve", "network", "plddt_track", "scatter", "track"]

# Confidence classes of the AlphaFold Protein Structure Database (doi 10.1093/nar/gkab1061).
PLDDT_CLASSES = (50, 70, 90)


def plddt_track(plddt: Sequence[float], segments: Sequence[Row], length: int) -> str:
    """Draw pLDDT along a protein over the bands of its segments.

    Parameters
    ----------
    plddt : sequence of float, shape (length,) or empty
        pLDDT of each residue, 0-100.
    segments : sequence of mapping
        With ``seq_start``, ``seq_end`` (1-based inclusive), ``kind`` and ``mean_plddt``.
    length : int
        Residues of the protein.

    Returns
    -------
    str
        SVG.
    """
    width, height, left, top = 520, 110, 28, 6
    plot = height - 24

    def x(position: float) -> float:
        return left + (position - 0.5) / length * (width - left - 6)

    def y(value: float) -> float:
        return top + (1 - value / 100) * (plot - top)

    parts = []
    for segment in segments:
        start, end = int(str(segment["seq_start"])), int(str(segment["seq_end"]))
        mean = segment["mean_plddt"]
        title = f"{start}-{end}, {segment['kind']}" + (f", mean {mean:.0f}" if isinstance(mean, float) else "")
        x_start, x_end = x(start - 0.5), x(end + 0.5)
        parts.append(
            f'<rect class="band {escape(str(segment["kind"]))}" x="{x_start:.1f}" y="{top}" '
            f'width="{max(x_end - x_start - 0.8, 0.5):.1f}" height="{plot - top}"><title>{escape(title)}</title></rect>'
        )
    for level in PLDDT_CLASSES:
        parts.append(f'<line class="grid" x1="{left}" x2="{width - 6}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>')
        parts.append(f'<text x="{left - 5}" y="{y(level) + 4:.1f}" text-anchor="end">{level}</text>')
    if plddt:
        # More points than half-pixels only make the page larger.
        step = max(1, len(plddt) // (2 * width))
        points = " ".join(f"{x(i + 1):.1f},{y(plddt[i]):.1f}" for i in range(0, len(plddt), step))
        parts.append(f'<polyline class="curve" points="{points}"/>')
    for position, anchor in ((1, "start"), (length, "end")):
        parts.append(f'<text x="{x(position):.1f}" y="{height - 8}" text-anchor="{anchor}">{position}</text>')
    return _svg(width, height, "pLDDT by residue", parts)


def network(edges: Sequence[Row]) -> str:
    """Draw edges as arrows between motifs on a circle; width is |effect|, colour its sign.

    Parameters
    ----------
    edges : sequence of mapping
        With ``cause_motif``, ``effect_motif`` and ``effect``.

    Returns
    -------
    str
        SVG.
    """
    size, radius, margin = 520, 150, 12
    center = size / 2
    names = sorted({str(edge[end]) for edge in edges for end in ("cause_motif", "effect_motif")})
    angle = {name: 2 * pi * index / len(names) - pi / 2 for index, name in enumerate(names)}
    place = {name: (center + radius * cos(a), center + radius * sin(a)) for name, a in angle.items()}
    strongest = max((abs(_effect(edge)) for edge in edges), default=1.0) or 1.0
    parts = []
    for edge in edges:
        cause, effect = str(edge["cause_motif"]), str(edge["effect_motif"])
        if cause == effect:
            continue
        (x1, y1), (x2, y2) = place[cause], place[effect]
        # Bent toward the centre, so that the two directions of a pair and neighbours on the circle stay apart.
        middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
        bend_x, bend_y = middle_x + (center - middle_x) * 0.45, middle_y + (center - middle_y) * 0.45
        length = hypot(x2 - bend_x, y2 - bend_y) or 1.0
        ux, uy = (x2 - bend_x) / length, (y2 - bend_y) / length
        tip_x, tip_y = x2 - 6 * ux, y2 - 6 * uy
        back_x, back_y = tip_x - 9 * ux, tip_y - 9 * uy
        sign = "plus" if _effect(edge) >= 0 else "minus"
        width = 0.7 + 2.8 * abs(_effect(edge)) / strongest
        parts.append(
            f'<path class="edge {sign}" stroke-width="{width:.1f}" '
            f'd="M{x1:.1f} {y1:.1f} Q{bend_x:.1f} {bend_y:.1f} {back_x:.1f} {back_y:.1f}">'
            f"<title>{escape(cause)} → {escape(effect)}: {number(_effect(edge))}</title></path>"
            f'<path class="tip {sign}" d="M{tip_x:.1f} {tip_y:.1f} L{back_x - 4 * uy:.1f} {back_y + 4 * ux:.1f} '
            f'L{back_x + 4 * uy:.1f} {back_y - 4 * ux:.1f} Z"/>'
        )
    for name, (x, y) in place.items():
        right = cos(angle[name]) >= 0
        label_x, label_y = center + (radius + margin) * cos(angle[name]), center + (radius + margin) * sin(angle[name])
        shown = name if len(name) <= 16 else name[:15] + "…"
        degrees = angle[name] * 180 / pi + (0 if right else 180)
        parts.append(f'<circle class="full_length" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
        anchor = "start" if right else "end"
        parts.append(
            f'<text class="node" transform="translate({label_x:.1f} {label_y:.1f}) rotate({degrees:.1f})" '
            f'dominant-baseline="middle" text-anchor="{anchor}">{escape(shown)}</text>'
        )
    return _svg(size, size, "causal network", parts)


def curve(points: Sequence[tuple[int, float]]) -> str:
    """Draw a metric over epochs.

    Parameters
    ----------
    points : sequence of (epoch, value)
        In order of epoch.

    Returns
    -------
    str
        SVG.
    """
    width, height, left, top, bottom = 260, 110, 46, 8, 22
    first, last = points[0][0], points[-1][0]
    low, high = min(value for _, value in points), max(value for _, value in points)

    def x(epoch: int) -> float:
        return left + (epoch - first) / ((last - first) or 1) * (width - left - 8)

    def y(value: float) -> float:
        return top + (high - value) / ((high - low) or 1) * (height - top - bottom)

    parts = []
    for level in dict.fromkeys((low, high)):
        parts.append(f'<line class="grid" x1="{left}" x2="{width - 8}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>')
        parts.append(f'<text x="{left - 5}" y="{y(level) + 4:.1f}" text-anchor="end">{number(level)}</text>')
    step = max(1, len(points) // width)
    shown = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in (*points[:-1:step], points[-1]))
    parts.append(f'<polyline class="curve" points="{shown}"/>')
    for epoch, anchor in dict.fromkeys(((first, "start"), (last, "end"))):
        parts.append(f'<text x="{x(epoch):.1f}" y="{height - 6}" text-anchor="{anchor}">{epoch}</text>')
    return _svg(width, height, "metric by epoch", parts)


def scatter(points: Sequence[tuple[float, float, bool]]) -> str:
    """Draw predicted against measured values with the line of equality.

    Parameters
    ----------
    points : sequence of (measured, predicted, held out)
        At least one.

    Returns
    -------
    str
        SVG.
    """
    size, left, top, bottom = 260, 40, 8, 26
    values = [value for measured, predicted, _ in points for value in (measured, predicted)]
    low, high = min(values), max(values)

    def place(value: float) -> float:
        return (value - low) / ((high - low) or 1) * (size - left - 8)

    def dot(measured: float, predicted: float, held_out: bool) -> str:
        kind = "held_out" if held_out else "seen"
        return f'<circle class="{kind}" cx="{left + place(measured):.1f}" cy="{floor - place(predicted):.1f}" r="1.6"/>'

    floor = top + size - left - 8
    ends = ((left, top, left, floor), (left, floor, size - 8, floor), (left, floor, size - 8, top))
    parts = [f'<line class="grid" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>' for x1, y1, x2, y2 in ends]
    parts += [dot(*point) for point in sorted(points, key=lambda point: point[2])]
    for value, x, anchor in ((low, left, "start"), (high, size - 8, "end")):
        parts.append(f'<text x="{x}" y="{floor + 16}" text-anchor="{anchor}">{number(value)}</text>')
        parts.append(
            f'<text x="{left - 4}" y="{floor - place(value) + 4:.1f}" text-anchor="end">{number(value)}</text>'
        )
    return _svg(size, floor + bottom, "predicted against measured", parts)


def track(regions: Sequence[Row], title: str) -> str:
    """Draw the importance of regions along a chromosome; a file by itself.

    Parameters
    ----------
    regions : sequence of mapping
        With ``region_start``, ``region_end``, ``importance`` and ``is_promoter``; at least one, of one chromosome.
    title : str
        What it shows.

    Returns
    -------
    str
        SVG with its own colours: blue raises the prediction, red lowers it, a triangle marks the promoter.
    """
    width, height, margin = 900, 210, 56
    first = min(int(str(region["region_start"])) for region in regions)
    last = max(int(str(region["region_end"])) for region in regions)
    largest = max(abs(_number(region["importance"])) for region in regions) or 1.0
    middle, reach = 110, 56

    def x(position: int) -> float:
        return margin + (position - first) / max(1, last - first) * (width - 2 * margin)

    legend = "importance, predicted log10(TPM + 1): blue raises it, red lowers it; ▲ promoter of the gene"
    parts = [
        f'<text x="{margin}" y="18" font-size="13">{escape(title)}</text>',
        f'<text x="{margin}" y="35" font-size="11" fill="#555">{escape(legend)}</text>',
    ]
    for level, stroke in ((largest, "#ddd"), (-largest, "#ddd"), (0.0, "#888")):
        y = middle - level / largest * reach
        parts.append(f'<line x1="{margin}" x2="{width - margin}" y1="{y:.1f}" y2="{y:.1f}" stroke="{stroke}"/>')
        parts.append(f'<text x="{margin - 6}" y="{y + 4:.1f}" font-size="11" text-anchor="end">{number(level)}</text>')
    for region in regions:
        start, end = int(str(region["region_start"])), int(str(region["region_end"]))
        value = _number(region["importance"])
        tall = abs(value) / largest * reach
        colour = "#2f6fbf" if value >= 0 else "#c2503f"
        if region["is_promoter"]:
            tip = x((start + end) // 2)
            parts.append(f'<path d="M{tip:.1f} 172 l-4.5 8 h9 Z"/>')
        parts.append(
            f'<rect x="{x(start):.1f}" y="{middle - tall if value >= 0 else middle:.1f}" '
            f'width="{max(x(end) - x(start), 1.5):.1f}" height="{max(tall, 0.5):.1f}" fill="{colour}">'
            f"<title>{start}-{end}: {number(value)}</title></rect>"
        )
    chrom = escape(str(regions[0]["chrom"]))
    for position, anchor in ((first, "start"), (last, "end")):
        parts.append(
            f'<text x="{x(position):.1f}" y="{height - 8}" font-size="11" text-anchor="{anchor}">'
            f"{chrom}:{position:,}</text>"
        )
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
    return f"{head}{''.join(parts)}</svg>"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _effect(edge: Row) -> float:
    return _number(edge["effect"])


def _svg(width: int, height: int, label: str, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
