"""Escaped HTML: values, tables and sections."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

__all__ = ["Row", "null", "number", "section", "table", "text"]

Row = Mapping[str, object]


def text(value: object) -> str:
    """Escape a value for use as content or in a quoted attribute.

    Parameters
    ----------
    value : object
        Anything; shown as people write it, None as an empty string.

    Returns
    -------
    str
        HTML.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list):
        return escape(", ".join(str(each) for each in value))
    return escape(str(value))


def number(value: float) -> str:
    """Write a number with three significant digits, in full above 1000."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def null(reason: str | None) -> str:
    """Write a missing value; the reason shows where the pointer rests."""
    return f'<span class="null" title="{escape(reason or "not known")}">–</span>'


def table(
    rows: Sequence[Row],
    columns: Sequence[str],
    *,
    tooltips: Mapping[str, str] | None = None,
    reasons: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
    name: str = "",
) -> str:
    """Write rows as a table that sorts by clicking on a heading.

    Parameters
    ----------
    rows : sequence of mapping
        The rows.
    columns : sequence of str
        Columns to show, in order; ``_`` is shown as a space.
    tooltips : mapping of str to str, optional
        Definition of each column.
    reasons : sequence of str
        Columns of a row that say why others are None.
    links : mapping of str to str, optional
        Column to the column that holds the address it links to.
    name : str
        Identifier of the table in the page.

    Returns
    -------
    str
        HTML.
    """
    numeric = {
        column
        for column in columns
        if all(isinstance(row[column], int | float | None) and not isinstance(row[column], bool) for row in rows)
    }
    heads = "".join(
        f'<th{_class("number" if column in numeric else "")} title="{escape((tooltips or {}).get(column, ""))}">'
        f"<button>{escape(column.replace('_', ' '))}</button></th>"
        for column in columns
    )
    lines = []
    for row in rows:
        reason = "; ".join(str(row[each]) for each in reasons if row[each])
        cells = []
        for column in columns:
            value = row[column]
            if value is None:
                cells.append(f"<td{_class('number' if column in numeric else '')}>{null(reason)}</td>")
                continue
            shown = text(value)
            if links and column in links and row[links[column]]:
                shown = f'<a href="{escape(str(row[links[column]]))}">{shown}</a>'
            length = len(str(value))
            kind = "number" if column in numeric else "short" if length < 24 else "long" if length > 60 else ""
            cells.append(f'<td{_class(kind)} data-value="{escape(_sort_value(value))}">{shown}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    identifier = f' id="{escape(name)}"' if name else ""
    return (
        f'<div class="scroll"><table class="sortable"{identifier}><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def section(identifier: str, heading: str, about: str, body: str) -> str:
    """Write a section; without a body it says that there is nothing yet.

    Parameters
    ----------
    identifier : str
        Anchor, plain letters.
    heading, about : str
        Plain text: the heading and what the section shows.
    body : str
        HTML.
    """
    content = body or '<p class="none">Nothing yet.</p>'
    return (
        f'<section id="{identifier}"><h2>{escape(heading)}</h2><p class="about">{escape(about)}</p>{content}</section>'
    )


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _sort_value(value: object) -> str:
    return json.dumps(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
