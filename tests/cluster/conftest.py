"""Toy stages under the real frontier and driver; a Ray head with the jobs API."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import screening.cluster.bookkeeping
import screening.frontier
import screening.screen

sys.path.insert(0, str(Path(__file__).parent))  # for toy_stages, which the tests beside it import

from toy_stages import toy_stages

RAY = Path(sys.executable).with_name("ray")
HEAD_PATIENCE_S = 120.0


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the toy stages in the place of the real ones, for the driver's process."""
    stages = toy_stages()
    by_name = {stage.name: stage for stage in stages}
    monkeypatch.setattr(screening.frontier, "STAGES", stages)
    for module in (screening.frontier, screening.screen, screening.cluster.bookkeeping):
        monkeypatch.setattr(module, "stage_named", by_name.__getitem__)


@dataclass(frozen=True)
class RayHead:
    """A running head: where its jobs API answers, and the environment its clients need."""

    address: str
    env: dict[str, str]


@pytest.fixture(scope="session")
def ray_head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayHead]:
    """A Ray head of 2 cores and 2 pretended GPUs, on ports and with a token of its own."""
    folder = tmp_path_factory.mktemp("ray-head")
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    env = {
        **outside,
        "PATH": f"{RAY.parent}{os.pathsep}{os.environ.get('PATH', '')}",  # a job's `python` is the one with ray
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_JOB_STOP_WAIT_TIME_S": "30",
    }
    gcs, dashboard, client, agent = free_ports(4)
    command = [
        *(str(RAY), "start", "--head", "--block", "--disable-usage-stats", "--include-dashboard=true"),
        *(f"--port={gcs}", f"--dashboard-port={dashboard}", f"--ray-client-server-port={client}"),
        *("--dashboard-host=127.0.0.1", "--node-ip-address=127.0.0.1", f"--dashboard-agent-listen-port={agent}"),
        *("--num-cpus=2", "--num-gpus=2", "--object-store-memory=200000000"),
    ]
    address = f"http://127.0.0.1:{dashboard}"
    with (folder / "head.log").open("w") as log:
        head = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        wait_for_jobs_api(address, token.read_text(), head, folder / "head.log")
        yield RayHead(address, env)
    finally:
        head.send_signal(signal.SIGTERM)
        try:
            head.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(head.pid, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def wait_for_jobs_api(address: str, token: str, head: subprocess.Popen, log: Path) -> None:
    request = urllib.request.Request(f"{address}/api/jobs/", headers={"Authorization": f"Bearer {token}"})
    until, last = time.monotonic() + HEAD_PATIENCE_S, None
    while time.monotonic() < until:
        assert head.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError) as error:
            last = error
            time.sleep(0.3)
    raise TimeoutError(f"no jobs API after {HEAD_PATIENCE_S} s: {last}: {log.read_text()}")
