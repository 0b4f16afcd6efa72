"""The map on Ray against the built-in one, in one session."""

from functools import partial

import pytest

from screening.cluster.mapping import map_on_ray
from screening.errors import InvalidInput


def add(a: int, *, b: int) -> int:
    return a + b


def refuse(a: int) -> int:
    if a == 3:
        raise InvalidInput("three is refused", cure="give four")
    return a


@pytest.mark.ray
def test_as_the_builtin_map() -> None:
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
        assert ray.get_runtime_context().get_job_id() == first  # one Ray for all maps
    assert not ray.is_initialized()
