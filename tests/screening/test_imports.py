"""Bulk import: every layout becomes the same kind of rows, and importing again adds nothing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from screening.cluster.job import run_inline
from screening.errors import InvalidInput
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.imports import import_tasks

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


def test_nothing_is_written_where_a_file_is_broken(folder: Path, tmp_path: Path) -> None:
    screen = imported(tmp_path)
    (folder / "broken.cif").write_text("nonsense")
    with pytest.raises(InvalidInput, match=r"broken\.cif"):
        import_tasks(screen, [folder])
    (folder / "broken.cif").write_text(mmcif(3, 0))
    with pytest.raises(InvalidInput, match="1 chains, not two"):
        import_tasks(screen, [folder])
    assert not screen.store.root.exists()
