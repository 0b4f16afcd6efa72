"""From a complex alignment in ColabFold's a3m format to the features of AlphaFold-Multimer, by ColabFold's own code."""

import re
from collections.abc import Mapping, Sequence

from numpy.typing import NDArray

from screening.errors import InvalidInput

__all__ = ["MODEL_TYPE", "features_of", "query_only_complex"]

MODEL_TYPE = "alphafold2_multimer_v3"
_HEADER = re.compile(r"#(\d+(?:,\d+)*)\t(\d+(?:,\d+)*)")


def query_only_complex(a: str, b: str) -> str:
    """Write the complex alignment of two sequences without homologues.

    Parameters
    ----------
    a, b : str
        One-letter sequences; the same one twice is a homodimer, which the format writes once.

    Returns
    -------
    str
        ColabFold's a3m: lengths and copies of the different chains, the paired row, each chain's own row.
    """
    if a == b:
        return f"#{len(a)}\t2\n>101\n{a}\n"
    return f"#{len(a)},{len(b)}\t1,1\n>101\t102\n{a}{b}\n>101\n{a}{'-' * len(b)}\n>102\n{'-' * len(a)}{b}\n"


def features_of(
    text: str, chains: tuple[str, str], max_msa: int, templates: Sequence[Mapping[str, object]] | None = None
) -> dict[str, NDArray]:
    """Make the features of a pair.

    Parameters
    ----------
    text : str
        Complex alignment in ColabFold's a3m.
    chains : tuple of str
        Sequences of the chains A and B that it must belong to.
    max_msa : int
        Rows that the network takes as clusters: shallower alignments are filled up to four rows more.
    templates : sequence of mapping, optional
        Template features of each different chain; none by default.

    Returns
    -------
    dict of str to ndarray
        For `screening.folding.colabfold.padding.pad_residues`; chains are numbered from 0 in ``asym_id``.

    Raises
    ------
    InvalidInput
        The alignment is of one chain, of other chains, or broken.
    """
    from screening.folding.colabfold.runtime import colabfold_batch

    different = tuple(dict.fromkeys(chains))
    header = _HEADER.fullmatch(text.partition("\n")[0].rstrip("\r"))
    if header is None:
        raise InvalidInput(
            "the alignment does not begin with '#LENGTHS<tab>COPIES': it is of one protein, a complex one is needed",
            cure="write it with screening.msa.complex_a3m",
        )
    batch = colabfold_batch()
    try:
        unpaired, paired, sequences, copies, none = batch.unserialize_msa([text], list(chains))
    except (ValueError, IndexError) as error:
        raise InvalidInput(f"the complex alignment is broken: {error}") from None
    expected = [len(chains) // len(different)] * len(different)
    if tuple(sequences) != different or copies != expected:
        raise InvalidInput(
            f"the alignment is of {_named(sequences, copies)}, the pair of {_named(different, expected)}",
            cure="make it from the alignments of these two proteins, with the same segments",
        )
    features, _ = batch.generate_input_feature(
        sequences, copies, unpaired, paired, list(templates or none), True, MODEL_TYPE, max_seq=max_msa
    )
    features["asym_id"] = features["asym_id"] - features["asym_id"][0]
    return features


def _named(sequences: Sequence[str], copies: Sequence[int]) -> str:
    return " + ".join(f"{count} x {sequence}" for sequence, count in zip(sequences, copies, strict=True))
