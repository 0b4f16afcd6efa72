"""A search with the real MMseqs2 in a small database made here."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from screening.errors import InvalidInput, Unsupported
from screening.msa import pair_a3m, slice_a3m
from screening.msa.search_mmseqs import database_identity, search_mmseqs

QUERY = "MSSHEGGKKKALKQPKKQAKEMDEEEKAFKQKQKEEQKKLEVLKAKVVGKGPLATGGIKKSGKKWYNDTRELHFACMVQSGPIKLEEQWNR"
needs_mmseqs = pytest.mark.skipif(shutil.which("mmseqs") is None, reason="no mmseqs here (apt-get install mmseqs2)")


def mutated(rate: float, seed: int) -> str:
    generator = random.Random(seed)
    return "".join(c if generator.random() > rate else generator.choice("ACDEFGHIKLMNPQRSTVWY") for c in QUERY)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("database")
    generator = random.Random(3)
    records = [f">sp|P10000|SAME_HUMAN Same OS=Homo sapiens OX=9606\n{QUERY}"]
    records.append(f">sp|P10001|LONG_MOUSE Three more OS=Mus musculus OX=10090\n{QUERY[:40]}GGS{QUERY[40:]}")
    records.append(f">sp|P10002|GAP_RAT Six fewer OS=Rattus norvegicus OX=10116\n{QUERY[:30]}{QUERY[36:]}")
    records += [f">UniRef90_H{i} Homologue n=1 TaxID={100 + i}\n{mutated(0.03 * i, i)}" for i in range(1, 6)]
    for i in range(40):
        random_protein = "".join(generator.choices("ACDEFGHIKLMNPQRSTVWY", k=150))
        records.append(f">tr|Q{10000 + i}|Q{10000 + i}_YEAST Random OX=559292\n{random_protein}")
    fasta = folder / "proteins.fasta"
    fasta.write_text("\n".join(records) + "\n")
    subprocess.run(["mmseqs", "createdb", fasta, folder / "db", "-v", "1"], check=True, capture_output=True)
    return folder / "db"


@needs_mmseqs
def test_finds_the_homologues_with_their_species(database: Path, tmp_path: Path):
    msa = search_mmseqs(QUERY, database, tmp_path)
    assert (msa.query, msa.names[0]) == (QUERY, "query")
    by_name = {name.split()[0]: row for name, row in zip(msa.names, msa.rows, strict=True)}
    homologues = {f"UniRef90_H{i}" for i in range(1, 6)}
    assert set(by_name) == {"query", "sp|P10000|SAME_HUMAN", "sp|P10001|LONG_MOUSE", "sp|P10002|GAP_RAT"} | homologues
    assert by_name["sp|P10000|SAME_HUMAN"] == QUERY
    inserted = by_name["sp|P10001|LONG_MOUSE"]
    assert len(inserted) == len(QUERY) + 3 and inserted.upper().replace("-", "") == QUERY[:40] + "GGS" + QUERY[40:]
    assert by_name["sp|P10002|GAP_RAT"].count("-") == 6
    assert set(msa.taxa) == {"", "9606", "10090", "10116", "101", "102", "103", "104", "105"}
    assert not list(tmp_path.iterdir())
    assert pair_a3m(msa, ">other\nMKV\n>x OX=9606\nMKA\n").depth == 2
    assert slice_a3m(msa, 1, 10).startswith(">query\nMSSHEGGKKK\n")


@needs_mmseqs
def test_a_protein_without_homologues_is_alone(database: Path, tmp_path: Path):
    lonely = "WWCHWCWMHCWHMWCYYHWCMHWYCHMWYHCWMYHC"
    assert search_mmseqs(lonely, database, tmp_path, iterations=1, e_value=1e-9).rows == (lonely,)


@needs_mmseqs
def test_what_the_program_says_is_in_the_error(database: Path, tmp_path: Path):
    broken = tmp_path / "broken"
    for path in database.parent.glob("db*"):
        shutil.copy(path, tmp_path / path.name.replace("db", "broken", 1))
    broken.unlink()
    with pytest.raises(OSError, match=r"mmseqs search ended with \d+: .+"):
        search_mmseqs(QUERY, broken, tmp_path)
    assert not list(tmp_path.glob("mmseqs-*"))


def test_a_missing_program_names_its_cure(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no such program") as caught:
        search_mmseqs(QUERY, tmp_path / "db", tmp_path, binary="no-such-mmseqs")
    assert "apt-get install mmseqs2" in caught.value.__notes__[0]


def made(folder: Path, name: str = "db", content: bytes = b"MKV\n\0") -> Path:
    folder.mkdir(exist_ok=True)
    for ending, data in {"": content, ".dbtype": b"\0\0\0\0", ".index": b"0\t0\t5\n", "_h": b"x\n\0"}.items():
        (folder / f"{name}{ending}").write_bytes(data)
    return folder / name


def test_identity_is_content_and_nothing_else(tmp_path: Path):
    first = database_identity(made(tmp_path / "a"))
    renamed = made(tmp_path / "b", "uniref")
    (tmp_path / "b" / "uniref.idx").write_bytes(b"index")
    (tmp_path / "b" / "uniref2").write_bytes(b"another database")
    assert database_identity(renamed) == first
    assert database_identity(made(tmp_path / "c", content=b"MKL\n\0")) != first
    big = bytearray(b"A" * 200_000)
    whole = database_identity(made(tmp_path / "d", content=bytes(big)))
    big[-1] = 66
    assert database_identity(made(tmp_path / "d", content=bytes(big))) != whole


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InvalidInput, match=r"there is no db\.dbtype"):
        database_identity(tmp_path / "db")
    clusters = made(tmp_path / "clusters")
    clusters.with_name("db_aln.dbtype").write_bytes(b"")
    monkeypatch.setattr("shutil.which", lambda name: "/bin/false")
    with pytest.raises(Unsupported, match="clusters"):
        search_mmseqs(QUERY, clusters, tmp_path)
