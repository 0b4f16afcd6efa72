from collections import Counter

import pyarrow as pa
import pytest

from screening.frontier import State
from screening.plan import Plan, StagePlan
from screening.progress import Bars, ScreenReporter, print_plan, print_table


def test_narrow_answer_is_a_table(capsys):
    print_table(pa.table({"gene": ["PAX5", "RORA"], "pdockq": [0.51234567, None]}))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["gene", "pdockq"],
        ["PAX5", "0.5123"],
        ["RORA", "–"],
    ]


def test_wide_answer_is_a_block_for_each_row(capsys):
    print_table(pa.table({f"column_{i}": ["x" * 20] for i in range(12)}))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["column_0", "x" * 20]
    assert len([line for line in lines if line]) == 12


def test_long_answer_says_how_much_is_left_out(capsys):
    print_table(pa.table({"n": list(range(7))}), limit=5)
    assert "2 more rows" in capsys.readouterr().out


def test_plan_hides_stages_without_tasks_and_marks_what_is_open(capsys):
    empty = StagePlan("atlas", 0, 0, 0, 0, False, 1.0, True, 0.0, 0.0, 0.0)
    known = StagePlan("causal", 2, 0, 1, 0, False, 7200.0, True, 2.0, 0.0, 0.0)
    later = StagePlan("score", 0, 0, 0, 0, True, 2.0, False, 0.0, 0.0, 0.0)
    print_plan(Plan((empty, known, later)))
    text = capsys.readouterr().out
    assert "atlas" not in text
    assert "≥ 0" in text
    assert "1 task to run" in text


def test_log_has_the_resume_command_on_one_line_and_failures_in_the_counts(capsys):
    reporter = ScreenReporter()
    command = "screening run screen.toml " + "--set structure.seed=1 " * 12
    reporter.start(command)
    reporter.update({"score": Counter({State.DONE: 1, State.FAILED: 1, State.READY: 2})}, {})
    reporter.end()
    text = capsys.readouterr().err
    assert command.strip() in text
    assert "score 1/4 (1 without result)" in text


def test_bars_say_what_takes_long(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 2.0, 4.0, 31.0, 40.0])
    monkeypatch.setattr("screening.progress.time.monotonic", lambda: next(clock))
    with Bars() as bars:
        for done in range(1, 5):
            bars.update("scanning", done, 9)
        bars.update("counting", 1, 3)
    assert capsys.readouterr().err == "scanning: 44%\n"
