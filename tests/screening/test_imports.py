"""Bulk import: every layout becomes the same kind of rows, and importing again adds nothing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from screening.cluster.job import run_inline
from screening.errors import InvalidInput
from screening.proteins import AMINO_ACIDS
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.imports import import_tasks
from screening.structure_file import THREE_LETTERS, read_structure

ITEMS = "group_PDB label_atom_id label_comp_id auth_asym_id auth_seq_id Cartn_x Cartn_y Cartn_z B_iso_or_equiv"


def mmcif(length_a: int, length_b: int) -> str:
    """Two chains of glycine whose residues touch pairwise."""
    rows = [
        f"ATOM CA GLY {chain} {n} {n * 4.0} {y} 0 80"
        for chain, y, length in (("A", 0, length_a), ("B", 5, length_b))
        for n in range(1, length + 1)
    ]
    return "data_x\nloop_\n" + "".join(f"_atom_site.{item}\n" for item in ITEMS.split()) + "\n".join(rows) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One job each of ColabFold, AlphaFold-Multimer, AlphaFold 3 and Boltz, of different lengths."""
    made = tmp_path / "predictions"
    tail = "rank_001_alphafold2_multimer_v3_model_3_seed_000"
    texts: dict[str, object] = {
        f"cf/x_unrelaxed_{tail}.cif": mmcif(3, 3),
        f"cf/x_scores_{tail}.json": {"pae": np.ones((6, 6)).tolist(), "iptm": 0.1, "ptm": 0.2, "actifptm": 0.3},
        "af/unrelaxed_model_1_multimer_v3_pred_0.cif": mmcif(3, 4),
        "af/pae_model_1_multimer_v3_pred_0.json": [{"predicted_aligned_error": np.ones((7, 7)).tolist()}],
        "af/iptm_ptm.json": {"model_1_multimer_v3_pred_0": {"iptm": 0.4, "ptm": 0.2}},
        "af/ranking_debug.json": {"order": ["model_1_multimer_v3_pred_0"]},
        "af3/job/job_model.cif": mmcif(3, 5),
        "af3/job/job_confidences.json": {
            "pae": np.ones((8, 8)).tolist(),
            "token_chain_ids": list("AAABBBBB"),
            "atom_plddts": [80.0] * 8,
        },
        "af3/job/job_summary_confidences.json": {"iptm": 0.5, "ptm": 0.2, "chain_pair_iptm": [[0.9, 0.5], [0.5, 0.9]]},
        "af3/job/seed-1_sample-0/model.cif": mmcif(3, 5),
        "boltz/predictions/y/y_model_0.cif": mmcif(3, 6),
        "boltz/predictions/y/y_model_1.cif": mmcif(3, 6),
        "boltz/predictions/y/confidence_y_model_0.json": {"iptm": 0.6, "ptm": 0.2, "complex_plddt": 0.8},
    }
    for name, content in texts.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    np.savez(made / "boltz/predictions/y/pae_y_model_0.npz", pae=np.ones((9, 9), dtype=np.float32))
    return made


def imported(folder: Path) -> Screen:
    values = {"name": "x", "structure": {"backend": "imported"}, "select": {"limit": 0}}
    return Screen(ScreenSettings.model_validate(values), folder, {})


def test_every_layout_is_imported_once(folder: Path, tmp_path: Path) -> None:
    from catalog import Catalog

    screen = imported(tmp_path)
    first = run_inline(screen, list(import_tasks(screen, [folder])), resume_command="again")
    assert (first.executed, first.failed) == (8, 0)
    rows = Catalog(screen.catalog_path).sql(
        "select iptm, actifptm, n_contacts, mean_ipae, pdockq, total_length from hits order by iptm"
    )
    found = rows.to_pylist()
    assert [row["iptm"] for row in found] == [0.1, 0.4, 0.5, 0.6]
    assert [row["actifptm"] for row in found] == [0.3, None, None, None]
    assert [row["total_length"] for row in found] == [6, 7, 8, 9]
    assert {row["mean_ipae"] for row in found} == {1.0}
    assert all(row["n_contacts"] >= 3 and row["pdockq"] > 0 for row in found)
    files = sorted(path for path in screen.store.root.rglob("*") if path.is_file() and "runs" not in path.parts)
    # Elsewhere, in another order, twice: the content is what counts.
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    again = run_inline(screen, list(import_tasks(screen, [moved / "boltz", moved, folder])), resume_command="again")
    assert (again.executed, again.failed) == (0, 0)
    assert Catalog(screen.catalog_path).sql("from hits").num_rows == 4
    assert files == sorted(path for path in screen.store.root.rglob("*") if path.is_file() and "runs" not in path.parts)


def test_the_stored_pae_is_compressed(folder: Path, tmp_path: Path) -> None:
    screen = imported(tmp_path)
    run_inline(screen, list(import_tasks(screen, [folder / "cf"])), resume_command="again")
    (record,) = (record for record in screen.store.records() if record.stage == "structure")
    path = screen.store.path(record.artifact("pae"))
    with np.load(path, allow_pickle=False) as archive:
        assert archive["pae_milliangstrom"].tolist() == np.full((6, 6), 1000).tolist()


def test_a_path_without_predictions_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    screen = imported(tmp_path)
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent"):
        with pytest.raises(InvalidInput, match=name):
            import_tasks(screen, [tmp_path / name])
    assert not screen.store.root.exists()


def test_a_bad_file_has_its_reason_and_the_others_are_imported(folder: Path, tmp_path: Path) -> None:
    from catalog import Catalog

    screen = imported(tmp_path)
    (folder / "broken.cif").write_text("nonsense")
    (folder / "lone.cif").write_text(mmcif(3, 0))
    # The structure is sound, its PAE is of another number of residues.
    (folder / "short.cif").write_text(mmcif(3, 7))
    (folder / "short.json").write_text(json.dumps({"pae": np.ones((9, 9)).tolist()}))
    first = run_inline(screen, import_tasks(screen, [folder]), resume_command="again")
    assert (first.failed, first.blocked) == (3, 1)
    catalog = Catalog(screen.catalog_path)
    assert catalog.sql("from hits").num_rows == 4
    failed = catalog.sql(
        "select subject, failure, message from attempts where status = 'failed' order by subject"
    ).to_pylist()
    assert {row["failure"] for row in failed} == {"invalid_input"}
    (pae, broken, lone) = (row["message"] for row in sorted(failed, key=lambda row: "SEQ" not in row["subject"]))
    assert "broken.cif" in broken and "1 chains, not two" in lone and "PAE of 9 residues" in pae
    again = run_inline(screen, import_tasks(screen, [folder]), resume_command="again")
    assert (again.executed, again.failed) == (0, 3)
    # The file is corrected: its content is another, and so is its task.
    (folder / "lone.cif").write_text(mmcif(3, 8))
    mended = run_inline(screen, import_tasks(screen, [folder]), resume_command="again")
    assert (mended.executed, mended.failed) == (2, 2)
    assert catalog.sql("from hits").num_rows == 5


def test_the_command_says_which_and_exits_with_1(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "screen.toml").write_text('name = "x"\n')
    (folder / "broken.cif").write_text("nonsense")
    command = [sys.executable, "-m", "screening", "import", "screen.toml", "predictions/cf", "predictions/broken.cif"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "not imported: " in done.stderr and "broken.cif" in done.stderr
    assert "3 tasks run, 0 done before, 1 failed" in done.stdout


SEQUENCE = "ACDEFGHIKLMNPQRSTVWY"


def protein_cif(*chains: str) -> str:
    """Chains of any residues with CA and CB, numbered from 1, side by side."""
    names = dict(zip(AMINO_ACIDS, THREE_LETTERS, strict=True))
    rows = [
        f"ATOM {atom} {names[letter]} {chain} {n} {n * 4.0} {y * 5.0} {z} 80"
        for y, (chain, sequence) in enumerate(zip("AB", chains, strict=True))
        for n, letter in enumerate(sequence, start=1)
        for z, atom in enumerate(("CA", "CB"))
        if (letter, atom) != ("G", "CB")
    ]
    return "data_x\nloop_\n" + "".join(f"_atom_site.{item}\n" for item in ITEMS.split()) + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (SEQUENCE * 2, ("P1", 1, 40)),
        (SEQUENCE[5:] + SEQUENCE[:15], ("P1", 6, 35)),
        (SEQUENCE, None),  # twice in P1
        (SEQUENCE[5:] + SEQUENCE[:5] + "W", None),  # in neither
        ("WWWWWWWWWWWWWWW", ("P2", 3, 17)),
        ("WWWWWWWWWWWWWWWGG", ("P2", 3, 19)),
        ("MMMMMMMMMM", None),  # in P2 and P3
        ("GGMMMMMMM", None),  # in P2 alone, but shorter than ten
    ],
)
def test_which_part_of_a_protein_a_chain_is(tmp_path: Path, chain: str, expected: tuple[str, int, int] | None) -> None:
    proteins = {"P1": SEQUENCE * 2, "P2": "AA" + "W" * 15 + "GG" + "M" * 10, "P3": "CC" + "M" * 10}
    (tmp_path / "p.fasta").write_text("".join(f">{a} GENE=G{a}\n{s}\n" for a, s in proteins.items()))
    (tmp_path / "x.cif").write_text(protein_cif(chain, "GGGG"))
    settings = ScreenSettings.model_validate(
        {"tf_pairs": {"proteins": "p.fasta"}, "structure": {"backend": "imported"}}
    )
    structure, _ = import_tasks(Screen(settings, tmp_path, {}), [tmp_path / "x.cif"])
    sides = [structure.inputs[side] for side in "ab"]
    (side,) = [side for side in sides if side["sequence"] == chain]  # type: ignore[index, call-overload]
    assert isinstance(side, dict)
    if expected is None:
        assert str(side["accession"]).startswith("SEQ")
        expected = (str(side["accession"]), 1, len(chain))
    assert (side["accession"], side["start"], side["end"]) == expected
    whole = side["protein_length"] == len(chain)
    assert side["kind"] == ("full_length" if whole else None)


def test_segments_get_the_numbers_and_the_sequence_of_their_protein(tmp_path: Path) -> None:
    """The file has P9 (residues 4-23) first; in the catalog P1 comes first."""
    from catalog import Catalog

    (tmp_path / "p.fasta").write_text(f">P1 GENE=GA\nMM{SEQUENCE}MM\n>P9 GENE=GB\nKKK{SEQUENCE[::-1]}KK\n")
    (tmp_path / "x.cif").write_text(protein_cif(SEQUENCE[::-1], SEQUENCE + "M"))
    settings = {"name": "x", "tf_pairs": {"proteins": "p.fasta"}, "select": {"limit": 0}}
    settings["structure"] = {"backend": "imported"}
    screen = Screen(ScreenSettings.model_validate(settings), tmp_path, {})
    assert run_inline(screen, import_tasks(screen, [tmp_path / "x.cif"]), resume_command="again").failed == 0
    catalog = Catalog(screen.catalog_path)
    (hit,) = catalog.sql("select gene_a, range_a, kind_a, gene_b, range_b, structure_path from hits").to_pylist()
    assert (hit["gene_a"], hit["range_a"], hit["gene_b"], hit["range_b"]) == ("GA", "3-23", "GB", "4-23")
    assert hit["kind_a"] is None
    lengths = catalog.sql("select uniprot_ac, length, sequence from proteins order by all").to_pylist()
    assert [(row["uniprot_ac"], row["length"]) for row in lengths] == [("P1", 24), ("P9", 25)]
    assert lengths[0]["sequence"] == f"MM{SEQUENCE}MM"
    assert hit["structure_path"].endswith(".cif.gz")
    stored = read_structure(screen.store.root / hit["structure_path"])
    assert stored.sequences == (SEQUENCE[::-1], SEQUENCE + "M")
    assert stored.residue_number.tolist() == [*range(4, 24), *range(3, 24)]
    assert catalog.verify(screen.store) == []


def test_two_segments_of_one_protein_are_two_rows(tmp_path: Path) -> None:
    from catalog import Catalog

    (tmp_path / "p.fasta").write_text(f">P1 GENE=GA\n{SEQUENCE}{SEQUENCE[::-1]}\n")
    (tmp_path / "x.cif").write_text(protein_cif(SEQUENCE[::-1][2:], SEQUENCE))
    settings = {"tf_pairs": {"proteins": "p.fasta"}, "structure": {"backend": "imported"}, "select": {"limit": 0}}
    screen = Screen(ScreenSettings.model_validate(settings), tmp_path, {})
    assert run_inline(screen, import_tasks(screen, [tmp_path / "x.cif"]), resume_command="again").failed == 0
    (hit,) = Catalog(screen.catalog_path).sql("select range_a, range_b, pair_kind from hits").to_pylist()
    assert hit == {"range_a": "1-20", "range_b": "23-40", "pair_kind": "homodimer"}


def test_a_file_with_a_ligand_is_kept_as_it_is(tmp_path: Path) -> None:
    text = mmcif(3, 3) + "HETATM ZN ZN C 1 0 2.5 0 80\n"
    (tmp_path / "x.cif").write_text(text)
    screen = imported(tmp_path)
    assert run_inline(screen, import_tasks(screen, [tmp_path / "x.cif"]), resume_command="again").failed == 0
    (record,) = (record for record in screen.store.records() if record.stage == "structure")
    assert screen.store.path(record.artifact("structure")).read_text() == text
