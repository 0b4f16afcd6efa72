"""Finding predictions by the sequences of their chains."""

from pathlib import Path

import pytest

from screening.errors import InvalidInput
from screening.folding.imported import index_predictions
from tests.screening.predictions import pdb, write


def test_lookup_by_sequence(colabfold: Path) -> None:
    write(colabfold, monomer__pdb=pdb("GAL"), zz_copy__pdb=pdb("GA", "L"))
    done: list[tuple[int, int]] = []
    index = index_predictions([colabfold], progress=lambda *at: done.append(at))
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    forward, backward = index.find("GA", "L"), index.find("L", "GA")
    assert forward is not None
    assert backward is not None
    assert forward.files.structure.name.startswith("x_y_unrelaxed_rank_001")
    assert (forward.swapped, backward.swapped) == (False, True)
    assert forward.files == backward.files
    assert index.find("GA", "A") is None
    assert [(files.structure.name, chains) for files, chains in index.other] == [("monomer.pdb", 1)]
    again = index_predictions([*sorted(colabfold.glob("*.pdb")), colabfold])
    assert again.find("GA", "L") is not None
    assert index_predictions([colabfold, colabfold]).by_sequences == index.by_sequences


def test_the_broken_file_is_named(colabfold: Path) -> None:
    write(colabfold, broken__cif="nonsense")
    with pytest.raises(InvalidInput, match=r"broken\.cif"):
        index_predictions([colabfold])
