from dataclasses import replace

import pytest

import screening.frontier
from screening.errors import InvalidInput
from screening.execution import execute
from screening.frontier import Frontier, State
from screening.stages import STAGES, stages_until
from screening.task import Resources

TOY_STAGES = ("atlas", "pretrain", "causal", "select")


def run_all(toy, until: str | None = None) -> Frontier:
    frontier = Frontier(toy.screen, until)
    frontier.add(toy.first())
    while not frontier.gather_if_idle():
        task = frontier.take(lambda task: True)
        assert task is not None
        execute(task, toy.screen.store.root, "run", 1, Resources())
        frontier.finish(task.key)
    return frontier


def states(frontier: Frontier, stage: str) -> dict[State, int]:
    return {state: n for state, n in frontier.counts()[stage].items() if n}


def test_every_task_runs_once_and_the_sum_is_right(toy):
    frontier = run_all(toy)
    assert sorted(toy.ran) == sorted(
        [f"{kind}:{pre}{n}" for n in (1, 2, 3) for kind, pre in (("number", "n"), ("double", "dn"), ("ten", "tdn"))]
        + ["sum:sum"]
    )
    record = toy.screen.store.get(next(k for k, t in frontier.tasks.items() if t.stage == "select"))
    assert record.outputs["value"] == (2 + 10) + (4 + 10) + (6 + 10)


def test_second_run_does_no_work(toy):
    run_all(toy)
    toy.ran.clear()
    frontier = run_all(toy)
    assert toy.ran == []
    assert set(frontier.states.values()) == {State.CACHED}


def test_killed_anywhere_the_rest_runs_once_and_gives_the_same(toy):
    finished = {task.key: toy.screen.store.get(task.key) for task in run_all(toy).tasks.values()}
    for key in finished:
        toy.screen.store.record_path(key).unlink()
        toy.ran.clear()
        frontier = run_all(toy)
        assert len(toy.ran) == 1
        again = toy.screen.store.get(key)
        assert again.outputs == finished[key].outputs
        assert set(frontier.tasks) == set(finished)


def test_later_stages_come_first(toy):
    run_all(toy)
    first_ten = toy.ran.index("ten:tdn1")
    assert first_ten < toy.ran.index("double:dn2")


def test_recorded_failure_blocks_its_dependents_alone_and_is_not_repeated(toy, bad_input):
    toy.crash["dn2"] = bad_input
    frontier = run_all(toy)
    assert states(frontier, "pretrain") == {State.DONE: 2, State.FAILED: 1}
    assert states(frontier, "causal") == {State.DONE: 2}
    total = next(t for t in frontier.tasks.values() if t.stage == "select")
    assert toy.screen.store.get(total.key).outputs["value"] == 12 + 16
    toy.ran.clear()
    run_all(toy)
    assert toy.ran == []


def test_failure_of_an_input_blocks_what_waits_for_it(toy, bad_input):
    toy.crash["n1"] = bad_input
    frontier = run_all(toy)
    assert states(frontier, "pretrain") == {State.DONE: 2, State.BLOCKED: 1}


def test_passing_failure_leaves_the_task_open_for_the_next_run(toy):
    toy.crash["dn2"] = OSError("disk is gone")
    frontier = run_all(toy)
    assert states(frontier, "pretrain") == {State.DONE: 2, State.FAILED: 1}
    toy.crash.clear()
    toy.ran.clear()
    run_all(toy)
    assert toy.ran == ["double:dn2", "ten:tdn2", "sum:sum"]


def test_nothing_fits_gives_none(toy):
    frontier = Frontier(toy.screen)
    frontier.add(toy.first())
    assert frontier.take(lambda task: False) is None
    assert frontier.take(lambda task: task.stage == "atlas").subject == "n1"


def test_task_on_a_result_of_an_earlier_run(toy):
    run_all(toy)
    toy.ran.clear()
    number = toy.first()[0]
    frontier = Frontier(toy.screen)
    frontier.add([toy.screen.task("causal", "other", inputs={"again": True}, upstream={"double": toy.first()[3].key})])
    task = frontier.take(lambda task: True)
    assert task.subject == "other"
    assert number.key not in frontier.tasks


@pytest.mark.parametrize("until", [stage.name for stage in STAGES])
def test_until_a_stage_runs_what_is_not_after_it_and_a_later_run_the_rest(toy, until):
    names = [stage.name for stage in stages_until(until)]
    first = run_all(toy, until)
    ran = list(toy.ran)
    assert {task.stage for task in first.tasks.values()} == {name for name in TOY_STAGES if name in names}
    assert set(first.states.values()) == {State.DONE}
    toy.ran.clear()
    whole = run_all(toy)
    assert {key for key, task in whole.tasks.items() if task.stage in names} == set(first.tasks)
    assert all((whole.states[key] is State.CACHED) == (key in first.tasks) for key in whole.tasks)
    assert len(whole.tasks) == 10 and len(ran) + len(toy.ran) == 10 and not set(ran) & set(toy.ran)


def test_until_a_stage_that_is_done_plans_nothing(toy):
    run_all(toy)
    toy.ran.clear()
    frontier = run_all(toy, "pretrain")
    assert toy.ran == [] and states(frontier, "pretrain") == {State.CACHED: 3} and states(frontier, "causal") == {}


def test_what_would_follow_the_last_stage_is_not_even_made(toy, monkeypatch):
    """It may need inputs that stages to come read: a database, the parameters of a network."""

    def refuse(*_: object):
        raise InvalidInput("no such database", cure="fetch it")

    refusing = {
        stage.name: replace(stage, follow=dict.fromkeys(stage.follow, refuse), gathers=stage.gathers and refuse)
        for stage in screening.frontier.STAGES
    }
    monkeypatch.setattr(screening.frontier, "STAGES", tuple(refusing.values()))
    monkeypatch.setattr(screening.frontier, "stage_named", refusing.__getitem__)
    assert states(run_all(toy, "pretrain"), "pretrain") == {State.DONE: 3}
    with pytest.raises(InvalidInput, match="no such database"):
        run_all(toy, "causal")


def test_no_such_stage_is_told_with_those_there_are(toy):
    with pytest.raises(InvalidInput, match="no stage 'casual'") as caught:
        Frontier(toy.screen, "casual")
    (cure,) = caught.value.__notes__
    assert cure.endswith(", ".join(stage.name for stage in STAGES))


def test_stages_read_earlier_ones_alone():
    """So none that runs waits for one that is left out."""
    for place, stage in enumerate(STAGES):
        assert set(stage.reads) <= {earlier.name for earlier in STAGES[:place]}
