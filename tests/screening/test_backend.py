import dataclasses

import pytest

from screening.errors import InvalidInput
from screening.folding.backend import FoldingBackend, FoldRequest, FoldResult, FoldSegment, Observable
from screening.folding.residue_md import ResidueMd, ResidueMdSettings


def segment(**changes: object) -> FoldSegment:
    values: dict = {
        "accession": "P04637",
        "start": 11,
        "end": 15,
        "kind": "low_plddt",
        "sequence": "EPPLS",
        "protein_length": 393,
    }
    return FoldSegment(**(values | changes))


def test_a_segment_knows_its_name_and_its_cut_ends():
    inner = segment()
    assert inner.name == "P04637:11-15"
    assert inner.length == 5
    assert not inner.has_n_terminus
    assert not inner.has_c_terminus
    assert segment(start=1, end=5).has_n_terminus
    assert segment(start=389, end=393).has_c_terminus


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"end": 16}, "6 residues, its sequence 5"),
        ({"start": 0, "end": 4}, "not a residue range"),
        ({"protein_length": 14}, "not a residue range"),
        ({"sequence": "EPPLX"}, "P04637:11-15"),
        ({"accession": "../etc"}, "accession"),
    ],
)
def test_a_wrong_segment_is_refused(changes: dict[str, object], says: str):
    with pytest.raises(InvalidInput, match=says):
        segment(**changes)


def test_a_negative_seed_is_refused():
    with pytest.raises(InvalidInput, match="seed -1"):
        FoldRequest(segment(), segment(), seed=-1)


def test_an_observable_is_found_by_name(tmp_path):
    bound = Observable("bound_fraction", "1", 0.5, 0.4, 0.6)
    result = FoldResult(tmp_path / "m.pdb", "residue_md", "1", "CALVADOS 2", has_plddt=False, observables=(bound,))
    assert result.observable("bound_fraction") is bound
    assert result.iptm is None
    with pytest.raises(KeyError):
        result.observable("kd")


def test_requests_and_results_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FoldRequest(segment(), segment()).seed = 2  # pyright: ignore[reportAttributeAccessIssue]


def test_residue_md_has_all_of_the_protocol():
    backend: FoldingBackend = ResidueMd(ResidueMdSettings())
    assert (backend.name, backend.needs_msa) == ("residue_md", False)
