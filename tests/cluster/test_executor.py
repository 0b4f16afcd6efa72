from toy_stages import act, task

from catalog.store import Store
from screening.cluster.executor import InlineExecutor
from screening.errors import FailureKind
from screening.task import Resources


def inline(folder) -> InlineExecutor:
    return InlineExecutor(folder, "run", act)


def test_runs_one_task_at_a_time_and_says_how_it_went(tmp_path):
    executor = inline(tmp_path)
    first, second = task("a", do="sleep", seconds=0.1), task("b")
    assert executor.has_room(first, Resources())
    executor.submit(first, Resources(), 3)
    assert not executor.has_room(second, Resources())
    [ended] = executor.wait(0)
    assert (ended.task, ended.attempt, ended.loss) == (first, 3, None)
    assert ended.report is not None
    assert ended.report.settled
    assert ended.wall_s >= 0.1
    assert Store(tmp_path).get(first.key) is not None
    assert executor.has_room(second, Resources())


def test_what_goes_wrong_around_the_task_is_a_loss(tmp_path):
    executor = inline(tmp_path)
    executor.submit(task("a", do="raise"), Resources(), 1)
    [ended] = executor.wait(0)
    assert ended.report is None
    assert ended.loss is not None
    assert ended.loss.kind is FailureKind.IO
    assert "No space left" in ended.loss.message


def test_waiting_for_nothing_takes_its_time_and_ends(tmp_path):
    assert inline(tmp_path).wait(0.01) == []


def test_closed_it_forgets(tmp_path):
    executor = inline(tmp_path)
    executor.submit(task("a"), Resources(), 1)
    executor.close()
    assert executor.wait(0) == []
    assert not (tmp_path / "traces").exists()
