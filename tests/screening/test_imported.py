"""Finding predictions by the sequences of their chains."""

import json
from pathlib import Path

import pytest

from screening.errors import InvalidInput
from screening.folding.imported import index_predictions

LETTERS = {"G": "GLY", "A": "ALA", "L": "LEU"}


def pdb(*chains: str) -> str:
    lines = []
    for chain, sequence in zip("ABC", chains, strict=False):
        for number, letter in enumerate(sequence, start=1):
            for name in ("CA",) if letter == "G" else ("CA", "CB"):
                place = f"{name}  {LETTERS[letter]} {chain}{number:>4}"
                lines += [f"ATOM      1  {place}       0.000   0.000   0.000  1.00 80.00\n"]
    return "".join(lines)


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def scores(length: int) -> str:
    return json.dumps({"pae": [[1.0] * length] * length, "iptm": 0.5, "ptm": 0.6})


@pytest.fixture
def colabfold(tmp_path: Path) -> Path:
    folder = tmp_path / "colabfold"
    for job, chains in {"x_y": ("GA", "L"), "z": ("LL", "A")}.items():
        for rank in (1, 2):
            stem = f"rank_{rank:03}_alphafold2_multimer_v3_model_{rank + 2}_seed_000"
            write(
                folder,
                **{
                    f"{job}_unrelaxed_{stem}__pdb": pdb(*chains),
                    f"{job}_relaxed_{stem}__pdb": pdb(*chains),
                    f"{job}_scores_{stem}__json": scores(3),
                },
            )
    write(folder, config__json="{}", x_y__a3m=">x\nGA\n")
    return folder


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
