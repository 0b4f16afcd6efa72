"""The section of pictures: the best complexes and what is known about each pair of their residues."""

from pathlib import Path

import numpy as np

from catalog.report.arrays import Floats, read_arrays
from catalog.report.heatmap import CONTACTS, DISTANCES, ERRORS, Side, heatmap
from catalog.report.hits import BEST_FIRST
from catalog.report.markup import Row, section, text
from catalog.report.reader import Reader, shown
from catalog.report.trace import read_trace, trace

__all__ = ["interfaces"]

# About 30 kB each, so that the page stays below 3 MB.
MOST_DRAWN = 24

# Said of each complex where they are known.
SCORES = ("ipsae", "iptm", "pdockq", "bound_fraction", "n_contacts")

# The array `pae_milliangstrom` of a stored PAE is in whole steps of this many to an angstrom.
STEPS_PER_ANGSTROM = 1000.0


def interfaces(reader: Reader, store_root: Path) -> str:
    """Draw the best scored complexes: their traces, and PAE, contact probability or distance by residue."""
    rows = reader.rows(
        "select h.*, sa.seq_start as start_a, sa.seq_end as end_a, sb.seq_start as start_b, sb.seq_end as end_b,"
        " pae.path as pae_path, contacts.path as contacts_path, t.inputs ->> '$.swapped' = 'true' as swapped"
        " from hits h join segment_pairs x using (segment_pair_id)"
        " join segments sa on sa.segment_id = x.segment_a join segments sb on sb.segment_id = x.segment_b"
        " left join tasks t on t.task_key = h.structure_key"
        " left join artifacts pae on pae.task_key = h.structure_key and pae.role = 'pae'"
        " left join artifacts contacts on contacts.task_key = h.structure_key and contacts.role = 'contacts'"
        f" where structure_path is not null order by {BEST_FIRST} limit ?",
        MOST_DRAWN,
    )
    tiles = [_tile(row, store_root) for row in rows]
    legend = (
        '<p class="label"><span class="key chain0"></span>first chain of the file<span class="key chain1"></span>'
        "second chain; drag a trace, or use the arrow keys, to turn it</p>"
    )
    body = f'{legend}<div class="tiles">{"".join(tiles)}</div>{shown(len(tiles), reader.count("hits"))}'
    return section("interfaces", "Interfaces", "The best of the hits, C-alpha atoms.", body if tiles else "")


def _tile(row: Row, store_root: Path) -> str:
    """Draw one complex, or say why it cannot be drawn."""
    sides = [_side(row, side) for side in ("ba" if row["swapped"] else "ab")]
    known = [f"{name.replace('_', ' ')} {text(row[name])}" for name in SCORES if row[name] is not None]
    try:
        chains = read_trace(store_root / str(row["structure_path"]))
        drawn = trace(chains) + _matrix(row, store_root, sides, chains)
    except (OSError, ValueError) as error:
        drawn = f'<p class="none">not drawn: {text(error)}</p>'
    names = " · ".join(f"{side.name} {side.start}-{side.end}" for side in sides)
    about = ", ".join([text(row["backend"]), *known])
    return f'<div><h3>{text(names)} <small>{about}</small></h3><div class="pair">{drawn}</div></div>'


def _side(row: Row, side: str) -> Side:
    start, end = (int(str(row[f"{place}_{side}"])) for place in ("start", "end"))
    return Side(str(row[f"gene_{side}"]), start, end - start + 1)


def _matrix(row: Row, store_root: Path, sides: list[Side], chains: list[Floats]) -> str:
    """Draw the most telling matrix that a structure has."""
    if row["pae_path"]:
        pae = _array(store_root / str(row["pae_path"]), "pae_milliangstrom") / STEPS_PER_ANGSTROM
        return heatmap(pae, sides, sides, ERRORS)
    if row["contacts_path"]:
        contacts = _array(store_root / str(row["contacts_path"]), "contact_probability")
        return heatmap(contacts, sides[:1], sides[1:], CONTACTS)
    if len(chains) != 2:
        return ""
    distances = np.linalg.norm(chains[0][:, None] - chains[1][None], axis=2)
    return heatmap(distances, sides[:1], sides[1:], DISTANCES)


def _array(path: Path, name: str) -> Floats:
    arrays = read_arrays(path, [name])
    if name not in arrays:
        raise ValueError(f"{path}: no array {name}")
    return arrays[name]
