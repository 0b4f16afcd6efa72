"""What is fetched must begin as its kind of file does; the beginnings are those of the formats' own descriptions."""

import gzip
import io
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.errors import InvalidInput
from screening.fetch import fetch
from screening.resource_format import FORMATS, refuse_other_format, start_of
from screening.resources import resources

PAGE = b"\n<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n"
GOOD = {
    "hg38": b">chr1\nNNNN\n",
    "gencode-v40": gzip.compress(
        b"##description: evidence-based annotation\n##provider: GENCODE\n"
        b'chr1\tHAVANA\tgene\t11869\t14409\t.\t+\t.\tgene_id "ENSG00000223972.5";\n'
    ),
    "vierstra-v1-scan": gzip.compress(b"chr1\t10003\t10015\tNR/1\t8.1\t-\n"),
    "vierstra-v1-scan-index": gzip.compress(b"TBI\x01\x01\x00\x00\x00"),
    "vierstra-v2-motifs": b"MEME version 4\n\nALPHABET= ACGT\n",
    "string-physical": gzip.compress(b"protein1 protein2 combined_score\n9606.ENSP0 9606.ENSP1 173\n"),
    "string-info": gzip.compress(b"#string_protein_id\tpreferred_name\tprotein_size\tannotation\n"),
    "human-tf-sequences": gzip.compress(b">sp|P49711|CTCF_HUMAN Transcriptional repressor CTCF\nMEGDA\n"),
    "alphafold:P04637": b"data_AF-P04637-F1\n#\n_entry.id AF-P04637-F1\n",
}
FASTA, STRING = {"hg38", "human-tf-sequences"}, {"string-physical", "string-info"}


def plain(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def taken(name: str, content: bytes, folder: Path) -> bytes:
    """Fetch a resource from a file of some bytes and return what came to lie in the folder."""
    source = folder / "given"
    source.write_bytes(content)
    (file,) = fetch(name, folder / "cache", source=str(source)).files
    return file.read_bytes()


def refused(name: str, content: bytes, folder: Path) -> str:
    """Fetch a resource from a file of some bytes that is refused; nothing must be left of it."""
    with pytest.raises(InvalidInput) as caught:
        taken(name, content, folder)
    assert list((folder / "cache").iterdir()) == []
    assert str(folder / "given") in str(caught.value) and ".part" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_of_its_kind_is_taken(name: str, tmp_path: Path) -> None:
    unpacked = name in resources() and resources()[name].unpack == "gzip"
    got = taken(name, GOOD[name], tmp_path)
    assert got == (plain(GOOD[name]) if unpacked else GOOD[name])


@pytest.mark.parametrize("name", [*(name for name in resources() if "ACCESSION" not in name), "alphafold:P04637"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_page_is_no_resource(name: str, packed: bool, tmp_path: Path) -> None:
    message = refused(name, gzip.compress(PAGE) if packed else PAGE, tmp_path)
    assert packed or "starts with '<!DOCTYPE html>'" in message


@pytest.mark.parametrize("name", GOOD)
def test_other_kinds_are_refused(name: str, tmp_path: Path) -> None:
    alike = next(({name, *kin} for kin in (FASTA, STRING) if name in kin), {name})
    for other in GOOD.keys() - alike:
        assert "starts with" in refused(name, plain(GOOD[other]), tmp_path)
    for nothing in (b"", gzip.compress(b""), b"\x1f\x8b\x08damaged"):
        assert "is empty" in refused(name, nothing, tmp_path)


def test_what_is_to_be_gzipped_is(tmp_path: Path) -> None:
    assert "not gzipped" in refused("gencode-v40", plain(GOOD["gencode-v40"]), tmp_path)


def test_checkpoints(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save

    name, weights = "get-pretrain-fetal-adult", {"weight": torch.zeros(2)}
    new, old = io.BytesIO(), io.BytesIO()
    torch.save(weights, new)
    torch.save(weights, old, _use_new_zipfile_serialization=False)
    for number, content in enumerate((new.getvalue(), old.getvalue(), save(weights))):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert taken(name, content, folder) == content
    assert "no checkpoint" in refused(name, GOOD["hg38"], tmp_path)


def test_members_of_archives(tmp_path: Path) -> None:
    def tar(content: bytes) -> bytes:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            for number in range(1, 6):
                info = tarfile.TarInfo(f"params_model_{number}_multimer_v3.npz")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return data.getvalue()

    def zipped(content: bytes) -> bytes:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("ReactomePathways.gmt", content)
        return data.getvalue()

    numbers = io.BytesIO()
    np.savez(numbers, a=np.zeros(2))
    (tmp_path / "given").write_bytes(tar(numbers.getvalue()))
    assert len(fetch("alphafold-multimer-v3", tmp_path / "weights", source=str(tmp_path / "given")).files) == 5
    assert "params_model_1_multimer_v3.npz: starts with" in refused("alphafold-multimer-v3", tar(PAGE), tmp_path)
    assert "no GMT file" in refused("reactome-pathways", zipped(b"no tabs\n"), tmp_path)
    sets = b"Apoptosis\tR-HSA-109581\tTP53\tBCL2\n"
    assert taken("reactome-pathways", zipped(sets), tmp_path) == sets


def test_how_a_file_begins(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content, said in (
        (b"\n<!DOCTYPE html>\n<p>", "starts with '<!DOCTYPE html>'"),
        ("Größe: 1\n".encode(), "starts with 'Größe: 1'"),
        (b"PK\x03\x04\xff\x00\x00\x00\x00", "starts with the bytes 50 4b 03 04 ff 00 00 00"),
        (gzip.compress(b"a\tb\n"), r"starts with 'a\tb'"),
        (b" \n", "is empty"),
    ):
        path.write_bytes(content)
        assert start_of(path) == said


def test_every_resource_has_a_format() -> None:
    for name, resource in resources().items():
        file = resource.file if not resource.members else resource.members.replace("\\", "")
        assert Path(file.removesuffix(".gz")).suffix in FORMATS, name


@given(st.binary(max_size=200), st.sampled_from([*FORMATS, ".gtf.gz", ".other"]))
def test_no_bytes_break_the_check(tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(content)
    with suppress(InvalidInput):
        refuse_other_format(path, f"x{ending}", "origin")
