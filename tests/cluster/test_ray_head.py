"""The head that tests of jobs share does what a cluster does."""

import subprocess
import urllib.error
import urllib.request

import pytest

pytestmark = pytest.mark.ray

JOB = """
import ray
from screening.cluster.job import connect, submission_id
with connect():
    print("resources", ray.cluster_resources()["CPU"], ray.cluster_resources()["GPU"], "job", submission_id())
"""


def test_a_job_runs_and_knows_its_name(ray_head, tmp_path):
    (tmp_path / "job.py").write_text(JOB)
    command = ["ray", "job", "submit", "--address", ray_head.address, "--submission-id", "screen-toy"]
    done = subprocess.run(
        [*command, "--working-dir", ".", "--", "python", "job.py"],
        cwd=tmp_path,
        env=ray_head.env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "resources 2.0 2.0 job screen-toy" in done.stdout
    again = subprocess.run(
        [*command, "--no-wait", "--", "true"], cwd=tmp_path, env=ray_head.env, capture_output=True, text=True
    )
    assert again.returncode != 0  # a name is good for one job: no screen is submitted twice by mistake


def test_without_the_token_there_is_no_way_in(ray_head):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{ray_head.address}/api/jobs/", timeout=10)
    assert refused.value.code in (401, 403)
