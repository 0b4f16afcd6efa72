"""The step that simulates: what it refuses, and what of its failures follows from the input or from the machine."""

from pathlib import Path

import pytest

from catalog.record import Record
from md.errors import DamagedCheckpoint, DiskFull, InvalidStructure, Unavailable
from screening.errors import FailureKind, InvalidInput, failure_of
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.dynamics import structure_record


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidStructure("s.pdb: chain A breaks", code="chain_break", cure="c"), FailureKind.INVALID_INPUT),
        (Unavailable("platform CUDA does not run here", code="platform", cure="c"), FailureKind.IO),
        (DamagedCheckpoint("segment_0001: differs", cure="c"), FailureKind.IO),
        (DiskFull("no room", cure="c"), FailureKind.IO),
    ],
)
def test_what_the_machine_lacks_is_tried_again_and_what_the_structure_is_is_not(error: Exception, kind: FailureKind):
    """A permanent failure is kept under the task's key, and neither platform nor folder is part of that key."""
    failure = failure_of(error)
    assert failure.kind == kind
    assert failure.kind.permanent == isinstance(error, InvalidStructure)
    assert (failure.message, failure.cure) == (str(error), "c")


def test_a_structure_of_an_earlier_release_is_refused_by_name(tmp_path: Path):
    """Its outputs did not say which chain is which segment, and whether they were exchanged."""
    screen = Screen(ScreenSettings.model_validate({}), tmp_path, {})
    with pytest.raises(InvalidInput, match="the record of structure abababababab is gone"):
        structure_record(screen, "ab" * 32)
    whole = {"a": {}, "b": {}, "chains": ["A", "B"], "swapped": False}
    for outputs, lacking in ((whole, ""), ({"a": {}, "b": {}}, "chains, swapped"), ({}, "a, b, chains, swapped")):
        screen.store.publish(Record("ab" * 32, "structure", 1, "pair", "ok", {}, {}, {}, outputs))
        if not lacking:
            assert structure_record(screen, "ab" * 32).outputs == outputs
            continue
        with pytest.raises(InvalidInput, match=rf"\(pair\) is of an earlier release, without {lacking}") as no:
            structure_record(screen, "ab" * 32)
        assert f"structure_key <> '{'ab' * 32}'" in no.value.__notes__[0]
