"""Segment pairs: every segment of one protein against every segment of another."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from screening.errors import InvalidInput
from screening.proteins import Protein
from screening.segments import FULL_LENGTH, HIGH, LOW, Segment, SegmentKind

__all__ = [
    "Dropped",
    "ProteinSegment",
    "SegmentPair",
    "SegmentPairs",
    "SegmentRange",
    "parse_name",
    "protein_segments",
    "segment_pairs",
]


class SegmentRange(NamedTuple):
    """What identifies a segment: accession and residue range, 1-based inclusive."""

    accession: str
    start: int
    end: int


@dataclass(frozen=True)
class ProteinSegment:
    """A segment with the protein it was cut from.

    Attributes
    ----------
    accession, gene : str
        The protein.
    start, end : int
        Residue range in the protein, 1-based inclusive. A predicted structure of the segment is numbered from 1, so
        ``start - 1`` is what to add to its residue numbers.
    kind : str
        ``"high_plddt"``, ``"low_plddt"`` or ``"full_length"``.
    sequence : str
        Sequence of the segment alone.
    """

    accession: str
    gene: str
    start: int
    end: int
    kind: SegmentKind
    sequence: str

    def __post_init__(self) -> None:
        if self.start < 1 or self.end - self.start + 1 != len(self.sequence):
            raise InvalidInput(
                f"segment {self.accession}:{self.start}-{self.end} does not span its {len(self.sequence)} residues"
            )

    @property
    def name(self) -> str:
        """``accession:start-end``."""
        return f"{self.accession}:{self.start}-{self.end}"

    @property
    def length(self) -> int:
        """Number of residues."""
        return len(self.sequence)

    @property
    def range(self) -> SegmentRange:
        """Accession and residue range; segments are ordered by it."""
        return SegmentRange(self.accession, self.start, self.end)


@dataclass(frozen=True)
class SegmentPair:
    """Two segments to be folded together, in canonical order: ``a.range <= b.range``."""

    a: ProteinSegment
    b: ProteinSegment

    def __post_init__(self) -> None:
        if self.a.range > self.b.range:
            raise InvalidInput(f"segment pair {self.name} is not in order of accession and start", cure="swap the two")

    @property
    def name(self) -> str:
        """Both segments' names joined by ``+``, e.g. ``P35398:270-523+Q02548:150-250``."""
        return f"{self.a.name}+{self.b.name}"

    @property
    def length(self) -> int:
        """Residues of both segments together."""
        return self.a.length + self.b.length


class Dropped(NamedTuple):
    """A segment or a segment pair that is not screened, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class SegmentPairs:
    """The segment pairs of one protein pair, and what was left out."""

    pairs: tuple[SegmentPair, ...]
    dropped: tuple[Dropped, ...]


def protein_segments(protein: Protein, segments: Sequence[Segment]) -> tuple[ProteinSegment, ...]:
    """Attach a protein's segments to it.

    Parameters
    ----------
    protein : Protein
        The protein.
    segments : sequence of Segment
        Ranges inside it.

    Returns
    -------
    tuple of ProteinSegment
        In the order given.

    Raises
    ------
    InvalidInput
        A range that leaves the protein.
    """
    length = len(protein.sequence)
    for part in segments:
        if not 1 <= part.start <= part.end <= length:
            raise InvalidInput(f"segment {part.start}-{part.end} is not inside {protein.accession} ({length} residues)")
    return tuple(
        ProteinSegment(
            protein.accession,
            protein.gene,
            part.start,
            part.end,
            part.kind,
            protein.sequence[part.start - 1 : part.end],
        )
        for part in segments
    )


def segment_pairs(
    segments_a: Sequence[ProteinSegment],
    segments_b: Sequence[ProteinSegment],
    *,
    homodimer: bool,
    kinds: Collection[SegmentKind] = (HIGH, LOW, FULL_LENGTH),
    minimum_segment_length: int = 1,
    maximum_length: int | None = None,
    limit: int | None = None,
) -> SegmentPairs:
    """Pair every segment of one protein with every segment of the other.

    Parameters
    ----------
    segments_a, segments_b : sequence of ProteinSegment
        Segments of one protein each; the same ones twice for a homodimer.
    homodimer : bool
        Both are the same protein: each unordered pair occurs once, and a segment is paired with itself, too.
    kinds : collection of str, optional
        Kinds of segment that take part.
    minimum_segment_length : int, optional
        Shortest segment that takes part, in residues.
    maximum_length : int, optional
        Most residues of both segments together.
    limit : int, optional
        Keep no more than the first so many pairs.

    Returns
    -------
    SegmentPairs
        Pairs in canonical order and everything dropped, with a reason.

    Raises
    ------
    InvalidInput
        `homodimer` contradicts the accessions, or a list mixes proteins.
    """
    accessions = [{part.accession for part in side} for side in (segments_a, segments_b)]
    if any(len(side) > 1 for side in accessions):
        raise InvalidInput(
            f"each side of a protein pair must be one protein, not {sorted(accessions[0] | accessions[1])}"
        )
    if all(accessions) and (accessions[0] == accessions[1]) != homodimer:
        raise InvalidInput(
            f"homodimer={homodimer} contradicts the accessions {accessions[0].pop()} and {accessions[1].pop()}"
        )
    dropped: dict[str, str] = {}

    def eligible(part: ProteinSegment) -> bool:
        if part.kind not in kinds:
            dropped[part.name] = f"kind {part.kind} is not asked for"
        elif part.length < minimum_segment_length:
            dropped[part.name] = f"{part.length} residues, fewer than {minimum_segment_length}"
        return part.name not in dropped

    side_a, side_b = ([part for part in side if eligible(part)] for side in (segments_a, segments_b))
    candidates = {
        (pair.a.range, pair.b.range): pair
        for pair in (SegmentPair(*sorted(two, key=lambda part: part.range)) for two in product(side_a, side_b))
    }
    pairs: list[SegmentPair] = []
    for _, pair in sorted(candidates.items()):
        if maximum_length is not None and pair.length > maximum_length:
            dropped[pair.name] = f"{pair.length} residues, more than {maximum_length}"
        elif limit is not None and len(pairs) >= limit:
            dropped[pair.name] = f"beyond the limit of {limit} pairs"
        else:
            pairs.append(pair)
    return SegmentPairs(tuple(pairs), tuple(Dropped(*item) for item in dropped.items()))


_SEGMENT_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*):([1-9]\d*)-([1-9]\d*)")


def parse_name(name: str) -> tuple[SegmentRange, SegmentRange]:
    """Read the name of a segment pair.

    Parameters
    ----------
    name : str
        As `SegmentPair.name` writes it.

    Returns
    -------
    tuple of two SegmentRange
        In the order of the name.

    Raises
    ------
    InvalidInput
        It is no such name, or a range is empty.
    """
    matches = [_SEGMENT_NAME.fullmatch(part) for part in name.split("+")]
    ranges = [SegmentRange(m[1], int(m[2]), int(m[3])) for m in matches if m and int(m[2]) <= int(m[3])]
    if len(matches) != 2 or len(ranges) != 2:
        raise InvalidInput(
            f"{name!r} is no segment pair",
            cure="write it as ACCESSION:START-END+ACCESSION:START-END (1-based inclusive)",
        )
    return ranges[0], ranges[1]
