"""The client of the MSA server against a stand-in that speaks its protocol, with its refusals and failures."""

import io
import json
import tarfile
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest

from screening.errors import FailureKind, failure_of
from screening.msa.search_server import MsaServer

QUERY = "MKVLDE"
UNIREF = ">101\nMKVLDE\n>UniRef100_A1\t113\t0.890\nMKaVLD-\n\0"
ENVIRONMENT = ">101\nMKVLDE\n>ERR1\t50\nMK-LDE\n\0"


def archive(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


class StandIn(ThreadingHTTPServer):
    """Answers from lists, each used up to its last element."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.submissions: list[object] = [{"id": "T-1", "status": "PENDING"}]
        self.states: list[object] = [{"id": "T-1", "status": "COMPLETE"}]
        self.downloads: list[object] = [
            archive({"uniref.a3m": UNIREF, "bfd.mgnify30.metaeuk30.smag30.a3m": ENVIRONMENT, "msa.sh": "#!/bin/sh\n"})
        ]
        self.requests: list[tuple[str, str, dict[str, str], str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer(self.server.submissions if self.path == "/ticket/msa" else [404], form)

    def do_GET(self) -> None:
        known = {"/ticket/T-1": self.server.states, "/result/download/T-1": self.server.downloads}
        self.answer(known.get(self.path, [404]), "")

    def answer(self, answers: list, form: str) -> None:
        self.server.requests.append((self.command, self.path, dict(self.headers), form))
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == "hang up":
            self.connection.close()
            return
        self.send_response(answer if isinstance(answer, int) else 200)
        self.end_headers()
        if isinstance(answer, bytes):
            self.wfile.write(answer)
        elif isinstance(answer, dict):
            self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments: object) -> None:
        pass


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def time(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn()
    thread = threading.Thread(target=stand_in.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stand_in
    stand_in.shutdown()
    stand_in.server_close()
    thread.join()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def client(server: StandIn, clock: Clock, folder: Path, **values) -> MsaServer:
    arguments = {"offline": False, "contact": "me@example.org", "sleep": clock.sleep, "clock": clock.time} | values
    return MsaServer(server.url, folder / "pace", **arguments)


def test_the_whole_exchange(server, clock, tmp_path):
    server.submissions = [{"status": "RATELIMIT"}, {"status": "UNKNOWN"}, {"id": "T-1", "status": "PENDING"}]
    server.states = [{"status": "PENDING"}, {"status": "RUNNING"}, {"id": "T-1", "status": "COMPLETE"}]
    msa = client(server, clock, tmp_path).search(QUERY)
    assert msa.names == ("query", "UniRef100_A1\t113\t0.890", "ERR1\t50")
    assert msa.rows == (QUERY, "MKaVLD-", "MK-LDE")
    posts = [request for request in server.requests if request[0] == "POST"]
    assert len(posts) == 3
    assert urllib.parse.parse_qs(posts[0][3]) == {"q": [f">101\n{QUERY}\n"], "mode": ["env"]}
    agents = {headers["User-Agent"] for _, _, headers, _ in server.requests}
    assert len(agents) == 1
    assert agents.pop().startswith("structural-interaction-screening/")
    assert [path for _, path, _, _ in server.requests[3:]] == ["/ticket/T-1"] * 3 + ["/result/download/T-1"]
    # Two refused submissions wait 5 and 10 s, the states 5 and 7.5 s.
    assert [seconds for seconds in clock.sleeps if seconds >= 5] == [5, 10, 5, 7.5]


def test_offline_opens_no_connection(server, clock, tmp_path):
    with pytest.raises(PermissionError, match="offline is true: nothing is sent") as caught:
        client(server, clock, tmp_path, offline=True).search(QUERY)
    assert "msa.server.offline = false" in caught.value.__notes__[0]
    assert (server.requests, clock.sleeps, list(tmp_path.iterdir())) == ([], [], [])
    assert MsaServer(server.url, tmp_path / "pace").offline


def test_requests_keep_their_distance_whoever_sends_them(server, clock, tmp_path):
    arrivals: list[float] = []
    answer = Handler.answer

    class Timed(Handler):
        def answer(self, answers: list, form: str) -> None:
            arrivals.append(clock.now)
            answer(self, answers, form)

    server.RequestHandlerClass = Timed
    for _ in range(2):  # two processes would share the file in the same way
        client(server, clock, tmp_path, interval_s=3.0).search(QUERY)
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    assert len(arrivals) == 6
    assert min(gaps) >= 3.0 - 1e-3


@pytest.mark.parametrize("failure", [500, 503, 429, "hang up"])
def test_a_failing_request_is_tried_again(server, clock, tmp_path, failure):
    server.states = [failure, failure, {"status": "COMPLETE"}]
    assert client(server, clock, tmp_path).search(QUERY).depth == 3
    assert sum(path == "/ticket/T-1" for _, path, _, _ in server.requests) == 3


def test_but_not_for_ever(server, clock, tmp_path):
    server.states = [502]
    with pytest.raises(OSError, match=r"/ticket/T-1: failed 5 times, last with: 502") as caught:
        client(server, clock, tmp_path).search(QUERY)
    assert failure_of(caught.value).kind is FailureKind.IO
    assert not failure_of(caught.value).kind.permanent


@pytest.mark.parametrize(
    ("submission", "message", "cure"),
    [
        ({"status": "MAINTENANCE"}, "the submission is MAINTENANCE", "some minutes"),
        ({"status": "ERROR"}, "the submission is ERROR", "an hour"),
        ({"status": "HUH"}, "the submission is HUH", "msa.server.url"),
        (b"<html>", "the submission is no JSON object", "msa.server.url"),
        ({"status": "PENDING", "id": "../../etc/passwd"}, "a ticket named", ""),
        (404, "404", ""),
    ],
)
def test_refused_submissions(server, clock, tmp_path, submission, message, cure):
    server.submissions = [submission]
    with pytest.raises(OSError, match=message) as caught:
        client(server, clock, tmp_path).search(QUERY)
    assert cure in " ".join(getattr(caught.value, "__notes__", [""]))
    assert len(server.requests) == 1


def test_a_ticket_that_fails_or_never_ends(server, clock, tmp_path):
    server.states = [{"status": "RUNNING"}, {"status": "ERROR"}]
    with pytest.raises(OSError, match="ticket T-1 is ERROR"):
        client(server, clock, tmp_path).search(QUERY)
    server.states = [{"status": "RUNNING"}]
    with pytest.raises(TimeoutError, match="ticket T-1 is RUNNING after 600 s"):
        client(server, clock, tmp_path, patience_s=600.0).search(QUERY)
    server.submissions = [{"status": "RATELIMIT"}]
    with pytest.raises(TimeoutError, match="the submission is RATELIMIT after 600 s"):
        client(server, clock, tmp_path, patience_s=600.0).search(QUERY)


WHOLE = archive({"uniref.a3m": UNIREF})


@pytest.mark.parametrize(
    ("download", "message"),
    [
        (WHOLE[:-30], "ticket T-1: broken archive"),
        (b"not an archive", "ticket T-1: broken archive"),
        (archive({"../uniref.a3m": UNIREF}), "the archive holds no uniref.a3m"),
        (archive({"uniref.a3m": ">101\nMKVLDA\n"}), "uniref.a3m: a3m text:1: the first row has 'A' at position 6"),
        (archive({"uniref.a3m": ">101\nMKVLDE\n>x\nMK\n"}), "uniref.a3m: a3m text:3: row 'x' has 2 columns"),
    ],
)
def test_results_that_are_none(server, clock, tmp_path, download, message):
    server.downloads = [download]
    with pytest.raises(OSError, match=message):
        client(server, clock, tmp_path).search(QUERY)
    assert [path.name for path in tmp_path.iterdir()] == ["pace"]


def test_archives_beyond_the_limits(server, clock, tmp_path, monkeypatch):
    monkeypatch.setattr("screening.msa.search_server._LARGEST_UNPACKED", 4000)
    server.downloads = [archive({"bomb": "0" * 100_000, "uniref.a3m": UNIREF})]
    with pytest.raises(OSError, match="MiB unpacked"):
        client(server, clock, tmp_path).search(QUERY)
    monkeypatch.setattr("screening.msa.search_server._LARGEST_ARCHIVE", 100)
    with pytest.raises(OSError, match="an archive of over"):
        client(server, clock, tmp_path).search(QUERY)
