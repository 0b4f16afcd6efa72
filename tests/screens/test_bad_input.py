"""Bad input: one message that says what, where, why and what next; nothing has run and nothing is written."""

import pytest


def refused(files, *words: str) -> str:
    before = sorted(path.relative_to(files.folder) for path in files.folder.rglob("*"))
    done = files.run(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert sorted(path.relative_to(files.folder) for path in files.folder.rglob("*")) == before
    assert "Traceback" not in done.stderr
    message, cure = done.stderr.strip().split("\n  next: ")
    assert message.startswith("error[") and message.count("error[") == 1 and cure
    return message


def test_good_files_make_a_plan(files):
    done = files.run("plan", "screen.toml")
    assert done.returncode == 0, done.stderr
    assert "19 tasks to run" in done.stdout
    assert not (files.folder / "store").exists()


def test_missing_file(files):
    (files.folder / "regions.tsv").unlink()
    assert 'atlas.regions = "regions.tsv": no such file' in refused(files, "run", "screen.toml")


def test_missing_screen(files):
    assert "none.toml: no such file" in refused(files, "run", "none.toml")


def test_malformed_toml(files):
    files.replace("screen.toml", 'target = "accessibility"', "target = accessibility")
    assert "screen.toml:9: not TOML" in refused(files, "run", "screen.toml")


def test_unknown_setting(files):
    files.replace("screen.toml", "target =", "targets =")
    assert "screen.toml:9: finetune.targets: no such setting" in refused(files, "run", "screen.toml")


def test_unknown_cell_type(files):
    message = refused(files, "run", "screen.toml", "--cell-type", "K-562")
    assert "cell type 'K-562' is not in the atlas, which has: K562, HepG2" in message


def test_duplicate_protein(files):
    text = (files.folder / "proteins.fasta").read_text()
    (files.folder / "proteins.fasta").write_text(text + text)
    assert "proteins.fasta:7" in refused(files, "run", "screen.toml")


def test_illegal_letter(files):
    files.replace("proteins.fasta", "MLQACKMEG", "MLQABKMEG")
    message = refused(files, "run", "screen.toml")
    assert "proteins.fasta:4" in message and "B" in message


def test_motif_without_tf(files):
    files.replace("motifs.meme", "MOTIF SPI_example SPI", "MOTIF SPI_example SPLI")
    assert "SPLI" in refused(files, "run", "screen.toml")


def test_tf_without_sequence(files):
    files.replace("proteins.fasta", "GENE=CTCF", "GENE=CTCFX")
    assert "none of the TFs of motif CTCF has a sequence" in refused(files, "run", "screen.toml")


def test_region_that_ends_before_it_starts(files):
    files.replace("regions.tsv", "\t1060\t", "\t960\t")
    assert "regions.tsv:2" in refused(files, "run", "screen.toml")


def test_expression_without_the_cell_type(files):
    files.replace("expression.tsv", "HepG2", "HEPG2")
    assert "no column for cell type 'HepG2'" in refused(files, "run", "screen.toml")


def test_checkpoint_with_unknown_keys(files):
    import torch

    torch.save({"blocks.0.attention.weight": torch.zeros(3)}, files.folder / "get.pth")
    message = refused(files, "run", "screen.toml", "--set", "pretrain.checkpoint=get.pth")
    assert "get.pth" in message and "blocks.0.attention.weight" in message


def test_checkpoint_with_a_payload_never_runs(files):
    import pickle

    class Payload:
        def __reduce__(self):
            import os

            return os.system, ("touch ran",)

    (files.folder / "get.pth").write_bytes(pickle.dumps(Payload()))
    refused(files, "run", "screen.toml", "--set", "pretrain.checkpoint=get.pth")
    assert not (files.folder / "ran").exists()


@pytest.mark.parametrize("query", ["select * from none", "copy hits to 'x.csv'", "drop table hits"])
def test_bad_query(files, query, tmp_path_factory):
    from catalog import Catalog

    path = files.folder / "catalog.duckdb"
    Catalog(path).ingest([], store_root=files.folder / "store")
    assert "error[invalid_input]" in refused(files, "catalog", "sql", "catalog.duckdb", query)


def test_query_without_catalog(files):
    refused(files, "catalog", "sql", "catalog.duckdb", "from hits")
