"""Alignments of complexes in ColabFold's own a3m format.

The first line holds the lengths of the unique chains, a TAB and their copies. Rows with residues of both chains are
paired; their headers are joined by a TAB. Rows of one chain follow, with gaps over the other. Two equal chains are
one unique chain of two copies, and the body holds it once (``colabfold.input.msa_to_str``, doi
10.1038/s41592-022-01488-1).
"""

from typing import Literal

from screening.errors import InvalidInput
from screening.msa.a3m import Msa, parse_a3m
from screening.msa.pairing import PairedMsa, pair_a3m
from screening.msa.slicing import slice_msa

__all__ = ["MAXIMUM_ROWS", "complex_a3m", "complex_msa"]

MAXIMUM_ROWS = 2048
"""Rows of a chain that the model reads, paired ones included; at most half may be paired: ``MSA_CROP_SIZE`` and
``crop_chains`` of AlphaFold-Multimer (alphafold/data/feature_processing.py)."""

_QUERY_NAMES = ("101", "102")


def complex_a3m(a: str | Msa, b: str | Msa | None = None, paired: PairedMsa | None = None) -> str:
    """Write the alignment of a complex of two chains.

    Parameters
    ----------
    a : str or Msa
        Unpaired rows of chain A, its query first.
    b : str or Msa or None, optional
        Those of chain B; None for a homodimer of A.
    paired : PairedMsa or None, optional
        Paired rows of the same two queries; None for the pair of queries alone.

    Returns
    -------
    str
        ColabFold's format, ending with a newline.

    Raises
    ------
    InvalidInput
        Two chains of the same sequence, paired rows of other queries or of a homodimer.
    """
    msa_a = parse_a3m(a) if isinstance(a, str) else a
    if b is None:
        if paired is not None:
            raise InvalidInput("a homodimer has no paired rows", cure="give the rows of its one chain alone")
        return f"#{len(msa_a.query)}\t2\n" + _block(msa_a, _QUERY_NAMES[0])
    msa_b = parse_a3m(b) if isinstance(b, str) else b
    queries = (msa_a.query, msa_b.query)
    if queries[0] == queries[1]:
        raise InvalidInput("the two chains have one sequence", cure="give it once: complex_a3m(a) is its homodimer")
    if paired is not None and (paired.a.query, paired.b.query) != queries:
        raise InvalidInput("the paired rows belong to other sequences", cure="slice them by the same two ranges")
    lines = [f"#{len(queries[0])},{len(queries[1])}\t1,1", f">{_QUERY_NAMES[0]}\t{_QUERY_NAMES[1]}", "".join(queries)]
    if paired is not None:
        names = zip(paired.a.names[1:], paired.b.names[1:], strict=True)
        rows = zip(paired.a.rows[1:], paired.b.rows[1:], strict=True)
        for (name_a, name_b), (row_a, row_b) in zip(names, rows, strict=True):
            lines += [f">{_label(name_a)}\t{_label(name_b)}", row_a + row_b]
    text = "\n".join(lines) + "\n"
    text += _block(msa_a, _QUERY_NAMES[0], after="-" * len(queries[1]))
    return text + _block(msa_b, _QUERY_NAMES[1], before="-" * len(queries[0]))


def complex_msa(
    msa_a: Msa,
    msa_b: Msa,
    segment_a: tuple[int, int],
    segment_b: tuple[int, int],
    *,
    pairing: Literal["taxonomy", "none"] = "taxonomy",
    paired: PairedMsa | None = None,
    max_rows: int = MAXIMUM_ROWS,
) -> str:
    """Make the alignment of a segment pair from those of the two full-length proteins: slice, pair, write.

    Repeated rows are dropped before the rows are counted, and so are unpaired rows that already stand in the paired
    block, as AlphaFold-Multimer does (``deduplicate_unpaired_sequences``).

    Parameters
    ----------
    msa_a, msa_b : Msa
        Alignments of the full-length proteins; one object twice for two segments of one protein.
    segment_a, segment_b : (int, int)
        Residue ranges, 1-based inclusive. Where they have the same sequence, the complex is a homodimer and the rows
        of `msa_a` are taken.
    pairing : str, optional
        ``"taxonomy"`` pairs by species (`pair_a3m`); ``"none"`` pairs the queries only.
    paired : PairedMsa or None, optional
        ``pair_a3m(msa_a, msa_b)``, made once for all segment pairs of the two proteins; None to make it here.
    max_rows : int, optional
        Rows of either chain at most, at least 2; half of them may be paired.

    Returns
    -------
    str
        ColabFold's format.

    Raises
    ------
    InvalidInput
        No such range, fewer than 2 rows, or paired rows of other proteins.
    """
    if max_rows < 2:
        raise InvalidInput(f"max_rows = {max_rows}: the query alone takes one paired and one unpaired row")
    a, b = slice_msa(msa_a, *segment_a), slice_msa(msa_b, *segment_b)
    if a.query == b.query:
        return complex_a3m(_head(a, max_rows))
    if pairing == "none":
        return complex_a3m(_head(a, max_rows), _head(b, max_rows))
    if paired is None:
        paired = pair_a3m(msa_a, msa_b)
    elif (paired.a.query, paired.b.query) != (msa_a.query, msa_b.query):
        raise InvalidInput("the paired rows belong to other proteins", cure="give pair_a3m(msa_a, msa_b)")
    block = paired.sliced(segment_a, segment_b).head(max_rows // 2)
    return complex_a3m(_rest(a, block.a, max_rows), _rest(b, block.b, max_rows), block)


def _head(msa: Msa, rows: int) -> Msa:
    return msa.take(range(min(rows, msa.depth)))


def _rest(msa: Msa, paired: Msa, max_rows: int) -> Msa:
    """Return the query and the rows that are not paired, as many as there is room for."""
    known = set(paired.rows)
    rest = [0, *(i for i, row in enumerate(msa.rows) if row not in known)]
    return msa.take(rest[: max_rows - paired.depth + 1])


def _block(msa: Msa, query_name: str, before: str = "", after: str = "") -> str:
    names = (query_name, *msa.names[1:])
    return "".join(f">{name}\n{before}{row}{after}\n" for name, row in zip(names, msa.rows, strict=True))


def _label(name: str) -> str:
    """Return the first word of a header: the rest may hold a TAB, which separates chains here."""
    words = name.split(maxsplit=1)
    return words[0] if words else "row"
