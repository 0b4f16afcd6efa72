import pytest

from screening.cluster.retry import LADDER, Circuit, GiveUp, Retry, decide
from screening.errors import PERMANENT, Failure, FailureKind


def fail(kind: FailureKind, times: int) -> list[Retry | GiveUp]:
    """Answers to the same failure again and again."""
    return [decide(Failure(kind, "why", "cure"), [kind] * n) for n in range(times)]


def delays(answers: list[Retry | GiveUp]) -> list[float]:
    return [answer.delay_s for answer in answers if isinstance(answer, Retry)]


def test_preempted_is_tried_for_ever():
    assert all(answer == Retry(0.0, 1.0) for answer in fail(FailureKind.PREEMPTED, 100))


def test_node_lost_ten_times():
    answers = fail(FailureKind.NODE_LOST, 11)
    assert answers[:10] == [Retry(0.0, 1.0)] * 10
    assert isinstance(answers[10], GiveUp)
    assert answers[10].failure.kind is FailureKind.NODE_LOST
    assert not answers[10].failure.kind.permanent


def test_third_lost_worker_makes_a_task_poison():
    answers = fail(FailureKind.WORKER_LOST, 3)
    assert answers[:2] == [Retry(0.0, 1.0)] * 2
    assert isinstance(answers[2], GiveUp)
    assert answers[2].failure.kind is FailureKind.POISON
    assert answers[2].failure.kind.permanent
    assert "3 attempts" in answers[2].failure.message
    assert "why" in answers[2].failure.message


def test_out_of_memory_doubles_twice():
    answers = fail(FailureKind.OUT_OF_MEMORY, 3)
    assert answers[:2] == [Retry(0.0, 2.0)] * 2
    assert isinstance(answers[2], GiveUp)
    assert answers[2].failure.kind is FailureKind.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("kind", "retries"),
    [(FailureKind.DEVICE_ERROR, 2), (FailureKind.TIMEOUT, 1), (FailureKind.UNEXPECTED, 1)],
)
def test_plain_retries(kind, retries):
    answers = fail(kind, retries + 1)
    assert answers[:-1] == [Retry(0.0, 1.0)] * retries
    assert isinstance(answers[-1], GiveUp)
    assert answers[-1].failure.kind is kind
    assert answers[-1].failure.cure == "cure"


def test_io_backs_off_six_times():
    answers = fail(FailureKind.IO, 7)
    assert delays(answers) == [1, 2, 4, 8, 16, 32]
    assert isinstance(answers[-1], GiveUp)


@pytest.mark.parametrize("kind", sorted(PERMANENT))
def test_permanent_kinds_end_at_once(kind):
    assert decide(Failure(kind, "why"), []) == GiveUp(Failure(kind, "why"))


def test_every_other_kind_has_a_row():
    assert set(LADDER) | PERMANENT == set(FailureKind)
    assert not set(LADDER) & PERMANENT


def test_kinds_are_counted_apart():
    history = [FailureKind.WORKER_LOST, FailureKind.NODE_LOST, FailureKind.WORKER_LOST, FailureKind.PREEMPTED]
    assert isinstance(decide(Failure(FailureKind.NODE_LOST, ""), history), Retry)
    assert isinstance(decide(Failure(FailureKind.WORKER_LOST, ""), history), GiveUp)


TIMEOUT, BROKEN = Failure(FailureKind.TIMEOUT, "slow"), Failure(FailureKind.DEVICE_ERROR, "cuda")


def test_circuit_opens_above_a_fifth_of_fifty():
    circuit = Circuit()
    outcomes = [None] * 40 + [TIMEOUT] * 4 + [BROKEN] * 6
    assert not any(circuit.record("structure", outcome) for outcome in outcomes)
    assert circuit.record("structure", BROKEN)
    assert circuit.paused == {"structure": BROKEN}
    assert not circuit.record("structure", BROKEN)


def test_circuit_waits_for_fifty_attempts():
    circuit = Circuit()
    assert [circuit.record("structure", BROKEN) for _ in range(50)] == [False] * 49 + [True]


def test_circuit_forgets_what_is_older_than_fifty_attempts():
    circuit = Circuit()
    outcomes = [BROKEN] * 10 + [None] * 40 + [BROKEN] * 10 + [None] * 40
    assert not any(circuit.record("structure", outcome) for outcome in outcomes)


def test_circuit_ignores_what_says_nothing_about_the_stage():
    circuit = Circuit()
    for kind in (FailureKind.PREEMPTED, FailureKind.NODE_LOST, FailureKind.UNSUPPORTED, FailureKind.INVALID_INPUT):
        assert not any(circuit.record("structure", Failure(kind, "")) for _ in range(60))


def test_stages_have_circuits_of_their_own():
    circuit = Circuit()
    for n in range(60):
        circuit.record("structure" if n % 2 else "md", BROKEN)
    assert circuit.paused == {}
