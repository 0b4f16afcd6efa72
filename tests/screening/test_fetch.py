"""`screening fetch` against servers of this machine: whole, broken midway, resumed, changed, refused, full."""

import gzip
import hashlib
import http.server
import io
import json
import re
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import screening.download as downloading
from screening.cli import app
from screening.download import FetchFailed, download
from screening.errors import InvalidInput
from screening.fetch import fetch
from screening.folding.colabfold.weights import find_weights
from screening.resources import Resource, cache_folder, cure_for, resource_named, resources

BODY = bytes(range(256)) * 4096  # 1 MiB
DIGEST = hashlib.sha256(BODY).hexdigest()


class Server:
    """Files by path, with ranges; `plan` holds how many bytes each of the next answers may send."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"/file": BODY}
        self.etag = '"one"'
        self.plan: list[int] = []
        self.states: list[int] = []
        self.ranges: list[str | None] = []
        self.answers: list[int] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                outer.answer(self)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        body = self.files.get(request.path)
        state = self.states.pop(0) if self.states else 200 if body is not None else 404
        if state != 200 or body is None:
            self.answers.append(state)
            request.send_error(state)
            return
        start = 0
        match = re.fullmatch(r"bytes=(\d+)-", wanted or "")
        if match and request.headers.get("If-Range") in (self.etag, None) and self.etag:
            start = int(match[1])
            if start >= len(body):
                self.answers.append(416)
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(body)}")
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
        self.answers.append(206 if start else 200)
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(body) - start))
        request.end_headers()
        limit = self.plan.pop(0) if self.plan else len(body)
        request.wfile.write(body[start : start + limit])
        request.wfile.flush()
        request.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setitem(download.__kwdefaults__, "sleep", waits.append)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return waits


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, server: Server) -> dict[str, Resource]:
    rows = dict(resources())
    rows["toy"] = Resource("toy", "a toy", f"{server.url}/file", "toy.bin", "free")
    monkeypatch.setattr("screening.resources.resources", lambda: rows)
    return rows


# --- download


def test_a_download_is_whole_and_hashed(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    digest = download(f"{server.url}/file", tmp_path / "x.part", progress=lambda *both: seen.append(both))
    assert digest == DIGEST and (tmp_path / "x.part").read_bytes() == BODY
    assert seen[0] == (0, len(BODY)) and seen[-1] == (len(BODY), len(BODY))
    assert server.ranges == [None] and [path.name for path in tmp_path.iterdir()] == ["x.part"]


def test_a_broken_connection_is_resumed(server: Server, tmp_path: Path, quick: list[float]) -> None:
    server.plan = [300_000, 200_000]
    assert download(f"{server.url}/file", tmp_path / "x.part") == DIGEST
    assert server.ranges == [None, "bytes=300000-", "bytes=500000-"]
    assert server.answers == [200, 206, 206]
    assert quick == [1.0, 1.0]


def test_an_interrupted_download_goes_on_in_another_process(server: Server, tmp_path: Path) -> None:
    class Stop(BaseException):
        pass

    def stop(done: int, total: int | None) -> None:
        if done:
            raise Stop

    server.plan = [400_000]
    with pytest.raises(Stop):
        download(f"{server.url}/file", tmp_path / "x.part", progress=stop)
    kept = (tmp_path / "x.part").stat().st_size
    assert 0 < kept <= 400_000
    assert download(f"{server.url}/file", tmp_path / "x.part") == DIGEST
    assert server.ranges == [None, f"bytes={kept}-"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.plan, server.states = [300_000], [200, *[404] * 1]
    with pytest.raises(FetchFailed, match="404"):
        download(f"{server.url}/file", tmp_path / "x.part")
    assert (tmp_path / "x.part").stat().st_size == 300_000
    server.etag, server.files["/file"] = '"two"', BODY[::-1]
    assert download(f"{server.url}/file", tmp_path / "x.part") == hashlib.sha256(BODY[::-1]).hexdigest()
    assert server.answers[-1] == 200


def test_without_a_validator_nothing_is_resumed(server: Server, tmp_path: Path) -> None:
    server.etag, server.plan = "", [300_000]
    assert download(f"{server.url}/file", tmp_path / "x.part") == DIGEST
    assert server.ranges == [None, None]


def test_a_part_that_is_whole_already(server: Server, tmp_path: Path) -> None:
    url = f"{server.url}/file"
    (tmp_path / "x.part").write_bytes(BODY)
    (tmp_path / "x.part.json").write_text(json.dumps({"url": url, "validator": '"one"'}))
    assert download(url, tmp_path / "x.part") == DIGEST
    assert server.answers == [416]


def test_a_part_of_another_address_is_not_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(b"other")
    (tmp_path / "x.part.json").write_text(json.dumps({"url": "http://elsewhere/file", "validator": '"one"'}))
    assert download(f"{server.url}/file", tmp_path / "x.part") == DIGEST
    assert server.ranges == [None]


def test_busy_servers_are_asked_again_and_given_up(server: Server, tmp_path: Path, quick: list[float]) -> None:
    server.states = [503, 429]
    assert download(f"{server.url}/file", tmp_path / "x.part") == DIGEST
    assert quick == [1.0, 2.0]
    server.states = [503] * 10
    with pytest.raises(FetchFailed, match=r"503 .*, 6 times") as caught:
        download(f"{server.url}/file", tmp_path / "y.part")
    assert "goes on where it stopped" in caught.value.__notes__[0]


def test_what_is_not_there_is_not_asked_again(server: Server, tmp_path: Path, quick: list[float]) -> None:
    with pytest.raises(FetchFailed, match="404") as caught:
        download(f"{server.url}/none", tmp_path / "x.part")
    assert "--from" in caught.value.__notes__[0] and not quick


def test_nobody_answers(server: Server, tmp_path: Path) -> None:
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(FetchFailed, match=r"refused.*6 times"):
        download(f"{server.url}/file", tmp_path / "x.part")


def test_a_full_disk_is_seen_before(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(OSError, match="GiB are needed") as caught:
        download(f"{server.url}/file", tmp_path / "x.part")
    assert "--to" in caught.value.__notes__[0]
    assert (tmp_path / "x.part").stat().st_size == 0


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://x/y", "x.bin", "https://"])
def test_only_addresses_of_the_web(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not an address of the web"):
        download(url, tmp_path / "x.part")


def test_two_fetches_do_not_write_one_file(server: Server, tmp_path: Path) -> None:
    url, part = f"{server.url}/file", tmp_path / "x.part"

    def again(done: int, total: int | None) -> None:
        with pytest.raises(InvalidInput, match="another fetch"):
            download(url, part)

    assert download(url, part, progress=again) == DIGEST


# --- fetch


@pytest.mark.usefixtures("table")
def test_the_first_checksum_is_remembered(server: Server, tmp_path: Path) -> None:
    first = fetch("toy", tmp_path / "cache")
    assert first.files == (tmp_path / "cache" / "toy.bin",) and first.first and not first.was_there
    assert first.files[0].read_bytes() == BODY and first.sha256 == DIGEST
    again = fetch("toy", tmp_path / "cache")
    assert again.was_there and len(server.ranges) == 1
    # A damaged file is fetched again and must be the same as at first.
    first.files[0].write_bytes(b"damaged")
    mended = fetch("toy", tmp_path / "cache")
    assert not mended.first and not mended.was_there and mended.files[0].read_bytes() == BODY
    first.files[0].unlink()
    server.files["/file"] = BODY + b"!"
    with pytest.raises(InvalidInput, match=f"not {DIGEST} as at the first download") as caught:
        fetch("toy", tmp_path / "cache")
    assert "fetch.lock.json" in caught.value.__notes__[0]
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["fetch.lock.json"]


def test_a_published_checksum_is_asked_for(server: Server, tmp_path: Path, table: dict[str, Resource]) -> None:
    table["toy"] = Resource("toy", "", f"{server.url}/file", "toy.bin", "", sha256="0" * 64)
    with pytest.raises(InvalidInput, match="as published"):
        fetch("toy", tmp_path)
    assert list(tmp_path.iterdir()) == []
    table["toy"] = Resource("toy", "", f"{server.url}/file", "toy.bin", "", sha256=DIGEST)
    assert not fetch("toy", tmp_path).first


@pytest.mark.usefixtures("table")
def test_mirrors_and_files_are_held_to_the_same_checksum(server: Server, tmp_path: Path) -> None:
    server.files["/mirror"] = BODY
    local = tmp_path / "mine.bin"
    local.write_bytes(BODY)
    assert fetch("toy", tmp_path / "a", source=f"{server.url}/mirror").sha256 == DIGEST
    assert fetch("toy", tmp_path / "b", source=str(local)).files[0].read_bytes() == BODY
    (tmp_path / "b" / "toy.bin").unlink()
    local.write_bytes(b"other")
    with pytest.raises(InvalidInput, match="at the first download"):
        fetch("toy", tmp_path / "b", source=str(local))
    with pytest.raises(InvalidInput, match="no such file"):
        fetch("toy", tmp_path / "c", source=str(tmp_path / "none"))
    assert local.read_bytes() == b"other"


@pytest.mark.usefixtures("table")
def test_half_a_copy_is_not_kept(tmp_path: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    (tmp_path / "mine.bin").write_bytes(BODY)
    with pytest.raises(KeyboardInterrupt):
        fetch("toy", tmp_path / "cache", source=str(tmp_path / "mine.bin"), progress=stop)
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(InvalidInput, match="is a folder"):
        fetch("toy", tmp_path / "cache", source=str(tmp_path))


@pytest.mark.usefixtures("table")
def test_a_broken_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / "fetch.lock.json").write_text("[1]")
    with pytest.raises(InvalidInput, match="broken"):
        fetch("toy", tmp_path)


def test_gzip_is_unpacked(server: Server, tmp_path: Path, table: dict[str, Resource]) -> None:
    table["toy"] = Resource("toy", "", f"{server.url}/gz", "toy.fa", "", unpack="gzip")
    server.files["/gz"] = gzip.compress(b">chr1\nACGT\n")
    assert fetch("toy", tmp_path).files[0].read_bytes() == b">chr1\nACGT\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fetch.lock.json", "toy.fa"]
    server.files["/gz"] = server.files["/gz"][:-6]
    with pytest.raises(InvalidInput, match="broken gzip"):
        fetch("toy", tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []


def weights_tar(*, odd: str = "", count: int = 5) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        names = [f"params_model_{n}_multimer_v3.npz" for n in range(1, count + 1)]
        for name in ["LICENSE", "params_model_1.npz", "params_model_1_multimer_v2.npz", *names]:
            info = tarfile.TarInfo(f"../{name}" if name == odd else name)
            info.size = 4 + len(name)
            archive.addfile(info, io.BytesIO(b"PK\x03\x04" + name.encode()))
        link = tarfile.TarInfo("x/params_model_9_multimer_v3.npz")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return data.getvalue()


def test_weights_lie_where_they_are_looked_for(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/alphafold_params.tar"] = weights_tar(odd="params_model_2_multimer_v3.npz")
    monkeypatch.setenv("SCREENING_WEIGHTS", str(tmp_path / "weights"))
    done = CliRunner().invoke(app, ["fetch-weights", "--from", f"{server.url}/alphafold_params.tar"])
    assert done.exit_code == 0, done.output
    found = find_weights(tmp_path / "weights", (1, 2, 3, 4, 5))
    assert {path.read_text()[4:] for path in found.values()} == {path.name for path in found.values()}
    params = tmp_path / "weights" / "params"
    marks = {"download_complexes_multimer_v3_finished.txt"}
    assert {path.name for path in params.iterdir()} == {path.name for path in found.values()} | marks
    assert not list(tmp_path.glob("*.npz")) and not list((tmp_path / "weights").glob("*.tar*"))


def test_archives_that_are_not_what_they_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(weights_tar(count=3))
    with pytest.raises(InvalidInput, match="3 of 5 files"):
        fetch("alphafold-multimer-v3", tmp_path / "w", source=str(path))
    path.write_bytes(weights_tar()[:700])
    with pytest.raises(InvalidInput, match=r"a\.tar: .*(broken tar|0 of 5)"):
        fetch("alphafold-multimer-v3", tmp_path / "w", source=str(path))
    path.write_bytes(weights_tar())
    monkeypatch.setattr("screening.fetch.LARGEST_UNPACKED", 10)
    with pytest.raises(InvalidInput, match="refused"):
        fetch("alphafold-multimer-v3", tmp_path / "w", source=str(path))
    assert not list((tmp_path / "w").glob("**/*.npz"))


# --- AlphaFold DB


def test_models_of_alphafold_db(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Resource("alphafold:P04637", "", f"{server.url}/api/P04637", "P04637.cif", "")
    monkeypatch.setattr("screening.fetch.resource_named", lambda name: model)
    answer = [{"cifUrl": f"{server.url}/files/AF-P04637-F1-model_v6.cif"}]
    server.files["/api/P04637"] = json.dumps(answer).encode()
    server.files["/files/AF-P04637-F1-model_v6.cif"] = b"data_AF-P04637-F1\n"
    got = fetch("alphafold:P04637", tmp_path)
    assert [path.name for path in got.files] == ["AF-P04637-F1-model_v6.cif"]
    for url in ("https://elsewhere.org/AF-P04637-F1-model_v6.cif", f"{server.url}/files/../../x.cif"):
        server.files["/api/P04637"] = json.dumps([{"cifUrl": url}]).encode()
        with pytest.raises(FetchFailed, match="no model of AlphaFold DB"):
            fetch("alphafold:P04637", tmp_path / "other")
    server.files["/api/P04637"] = b"{}"
    with pytest.raises(FetchFailed, match="names no model"):
        fetch("alphafold:P04637", tmp_path / "other")
    mine = tmp_path / "model.cif"
    mine.write_text("data_\n")
    assert fetch("alphafold:P04637", tmp_path / "mine", source=str(mine)).files[0].name == "P04637.cif"


def test_accessions_are_checked() -> None:
    assert resource_named("alphafold:A0A024R1R8").url.endswith("/A0A024R1R8")
    for name in ("alphafold:TP53", "alphafold:../x", "alphafold:", "alphafold:ACCESSION"):
        with pytest.raises(InvalidInput):
            resource_named(name)


# --- table and commands


def test_the_table_is_complete() -> None:
    for name, resource in resources().items():
        assert resource.name == name and resource.about and resource.licence
        assert resource.url.startswith(("https://", "s3://"))
        assert Path(resource.file).name == resource.file and resource.unpack in ("", "gzip", "tar", "zip")
        assert re.fullmatch("([0-9a-f]{64})?", resource.sha256)


def test_cures_name_commands_that_exist() -> None:
    assert cure_for("hg38") == "screening fetch hg38"
    assert cure_for("alphafold-multimer-v3") == "screening fetch-weights"
    assert cure_for("alphafold:P04637") == "screening fetch alphafold:P04637"
    with pytest.raises(InvalidInput, match="'hg83'") as caught:
        cure_for("hg83")
    assert "did you mean hg38" in caught.value.__notes__[0]


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "screening"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "screening"


def test_listing_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "_open", lambda *arguments: pytest.fail("a download"))
    done = CliRunner().invoke(app, ["fetch", "--list"])
    assert done.exit_code == 0 and all(name in done.output for name in resources())
    assert "CC BY 4.0" in done.output


@pytest.mark.usefixtures("table")
def test_the_command(server: Server, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["fetch", "toy", "--to", str(tmp_path)])
    assert (
        done.exit_code == 0 and DIGEST in done.output and "remembered" in done.output and "licence: free" in done.output
    )
    assert "already there" in CliRunner().invoke(app, ["fetch", "toy", "--to", str(tmp_path)]).output
    assert len(server.ranges) == 1


def test_what_needs_an_account_says_how(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="asks for an account") as caught:
        fetch("get-pretrain-fetal-adult", tmp_path)
    assert "--request-payer requester" in caught.value.__notes__[0] and "--from" in caught.value.__notes__[0]
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"PK\x03\x04")
    got = fetch("get-pretrain-fetal-adult", tmp_path / "cache", source=str(mine))
    assert got.files[0].name == "get_pretrain_fetal_adult.pth"
