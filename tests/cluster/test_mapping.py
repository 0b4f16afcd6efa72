"""The map on Ray against the built-in one, in one session."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from screening.cluster.mapping import map_on_ray
from screening.errors import InvalidInput


def add(a: int, *, b: int) -> int:
    return a + b


def refuse(a: int) -> int:
    if a == 3:
        raise InvalidInput("three is refused", cure="give four")
    return a


def count_up(end: int, *, gate: Path) -> Iterator[int | str]:
    """Goes on only when the gate is there; refuses three."""
    yield 0
    while not gate.exists():
        time.sleep(0.01)
    yield from (refuse(number) for number in range(1, end))
    yield "done"


@pytest.mark.ray
def test_as_the_builtin_map(tmp_path: Path) -> None:
    import ray

    with map_on_ray(cpus=2) as run:
        assert not ray.is_initialized()  # nothing starts before there is work
        jobs = list(range(20))
        assert list(run(partial(add, b=7), jobs)) == list(map(partial(add, b=7), jobs))
        first = ray.get_runtime_context().get_job_id()
        taken = iter(run(refuse, jobs))
        assert [next(taken), next(taken), next(taken)] == [0, 1, 2]
        with pytest.raises(InvalidInput, match="three is refused") as caught:
            next(taken)
        assert caught.value.__notes__ == ["give four"]
        assert list(run(refuse, [])) == []
        first_of_two, second = run(partial(count_up, gate=tmp_path / "open"), [3, 9])
        assert next(first_of_two) == 0  # told while the job waits for what comes next
        (tmp_path / "open").touch()
        assert list(first_of_two) == [1, 2, "done"]
        assert [next(second), next(second), next(second)] == [0, 1, 2]
        with pytest.raises(InvalidInput, match="three is refused"):
            next(second)
        assert ray.get_runtime_context().get_job_id() == first  # one Ray for all maps
    assert not ray.is_initialized()
