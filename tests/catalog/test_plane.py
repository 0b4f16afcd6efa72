"""Regions in a plane, counted and measured in the SVG."""

from collections.abc import Mapping
from xml.etree import ElementTree

import pytest

from catalog.report.plane import plane


def point(x: float, y: float, cluster: int) -> Mapping[str, object]:
    return {"umap_1": x, "umap_2": y, "leiden": cluster}


def drawn(points: list[Mapping[str, object]], title: str = "title") -> ElementTree.Element:
    return ElementTree.fromstring(plane(points, title))


def test_points_lie_where_they_belong_on_one_scale() -> None:
    svg = drawn([point(0, 0, 0), point(2, 0, 0), point(0, 1, 1)])
    (a, b), (c,) = (group.findall("{*}circle") for group in svg.findall("{*}g[@fill]"))
    at = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in (a, b, c)]
    right, up = at[1][0] - at[0][0], at[0][1] - at[2][1]
    assert at[0][1] == at[1][1] and at[0][0] == at[2][0]
    assert right == pytest.approx(2 * up, abs=0.2) and up > 0
    width, height = (float(svg.attrib[name]) for name in ("width", "height"))
    assert all(0 < x < width and 0 < y < height for x, y in at)


@pytest.mark.parametrize("clusters", [1, 4, 70])
def test_each_cluster_has_a_colour_and_a_line_of_the_legend(clusters: int) -> None:
    svg = drawn([point(number, -number, number) for number in range(clusters)] + [point(0, 1, 0)])
    colours = [group.attrib["fill"] for group in svg.findall("{*}g[@fill]")]
    assert len(set(colours)) == clusters
    key = svg.findall("{*}circle")
    assert [each.attrib["fill"] for each in key] == colours
    assert len({(each.attrib["cx"], each.attrib["cy"]) for each in key}) == clusters
    assert max(float(each.attrib["cx"]) for each in key) + 100 < float(svg.attrib["width"])
    assert max(float(each.attrib["cy"]) for each in key) < float(svg.attrib["height"])
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "0: 2 regions" in texts and (clusters == 1 or "1: 1 region" in texts)


def test_one_point_and_names_that_are_not_markup() -> None:
    svg = drawn([point(3, 4, 0)], "<script> & co")
    assert "<script> & co" in [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert svg.find("{*}script") is None
