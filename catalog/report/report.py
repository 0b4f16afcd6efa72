"""The report: one HTML file that needs no network, from what the catalog holds at the moment."""

from importlib import resources
from pathlib import Path
from string import Template

from catalog.catalog import Catalog
from catalog.connection import reading
from catalog.report import bookkeeping, hits, interfaces, proteins, regulation, trajectories
from catalog.report.markup import text
from catalog.report.reader import Reader
from catalog.store import write_atomically

__all__ = ["write_report"]

SCRIPTS = ("sort.js", "turn.js")


def write_report(catalog: Catalog, path: Path, *, store_root: Path, title: str) -> None:
    """Write the report of a screen, finished or not.

    Parameters
    ----------
    catalog : Catalog
        The catalog; it may be empty.
    path : Path
        Target, ``.html``; replaced whole.
    store_root : Path
        Folder of the store; the structures in the table of hits link into it.
    title : str
        Heading of the page.

    Raises
    ------
    CatalogError
        The catalog cannot be read.
    """
    package = resources.files("catalog.report")
    with reading(catalog.path) as connection:
        reader = Reader(connection, catalog.path)
        banners = bookkeeping.banners(reader)
        parts = {
            "Hits": hits.hits(reader, store_root, path.parent),
            "Interfaces": interfaces.interfaces(reader, store_root),
            "Structures": hits.structures(reader),
            "Dynamics": trajectories.dynamics(reader, store_root),
            "Proteins": proteins.proteins(reader),
            "Motifs": regulation.motifs(reader),
            "Networks": regulation.networks(reader),
            "Recovery": regulation.recovery(reader),
            "Training": regulation.training(reader),
            "Evaluation": regulation.evaluation(reader),
            "Progress": bookkeeping.progress(reader),
            "Dropped": bookkeeping.dropped(reader),
            "Failures": bookkeeping.failures(reader),
            "Cost": bookkeeping.cost(reader),
            "Runs": bookkeeping.runs(reader),
        }
    page = Template(package.joinpath("page.html").read_text()).substitute(
        title=text(title),
        style=package.joinpath("style.css").read_text(),
        script="".join(package.joinpath(name).read_text() for name in SCRIPTS),
        banners=banners,
        navigation="".join(f'<a href="#{name.lower()}">{name}</a>' for name in parts),
        sections="\n".join(parts.values()),
    )
    write_atomically(path, page.encode())
