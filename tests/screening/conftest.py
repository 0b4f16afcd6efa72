"""A screen of toy stages: numbers are added, so that every result can be worked out by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import screening.execution
import screening.frontier
import screening.screen
from catalog.record import Record
from screening.errors import InvalidInput
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.task import Resources, Result, Stage, Task, Workspace
from tests.screening.predictions import pdb, scores, write


@dataclass
class Toy:
    """The toy screen and a log of the stage functions that ran."""

    screen: Screen
    ran: list[str] = field(default_factory=list)
    crash: dict[str, Exception] = field(default_factory=dict)

    def first(self) -> Sequence[Task]:
        """Three numbers, each to be doubled; `after` makes a further task of each double."""
        numbers = [self.screen.task("atlas", f"n{n}", inputs={"n": n}) for n in (1, 2, 3)]
        doubles = [
            self.screen.task("pretrain", f"d{number.subject}", upstream={"number": number.key}) for number in numbers
        ]
        return [*numbers, *doubles]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """Stages `atlas` (a number), `pretrain` (doubles it), `causal` (adds ten), `select` (sums all)."""
    world = Toy(Screen(ScreenSettings(), tmp_path, {}))

    def run_of(name: str, compute: Callable[[Workspace], int]):
        def run(workspace: Workspace, settings: object) -> Result:
            world.ran.append(f"{name}:{workspace.task.subject}")
            if workspace.task.subject in world.crash:
                raise world.crash[workspace.task.subject]
            return Result({"value": compute(workspace)})

        return run

    def value(workspace: Workspace, role: str) -> int:
        return int(str(workspace.upstream(role).outputs["value"]))

    def after(record: Record, screen: Screen) -> Sequence[Task]:
        return [screen.task("causal", f"t{record.subject}", upstream={"double": record.key})]

    def gather(records: Sequence[Record], screen: Screen) -> Sequence[Task]:
        upstream = {f"part{i}": record.key for i, record in enumerate(records)}
        return [screen.task("select", "sum", upstream=upstream)]

    def needs(settings: object) -> Resources:
        return Resources()

    stages = (
        Stage("atlas", 1, (), needs, run_of("number", lambda w: int(str(w.task.inputs["n"])))),
        Stage(
            "pretrain",
            1,
            ("atlas",),
            needs,
            run_of("double", lambda w: 2 * value(w, "number")),
            follow={"causal": after},
        ),
        Stage("causal", 1, ("pretrain",), needs, run_of("ten", lambda w: 10 + value(w, "double"))),
        Stage(
            "select",
            1,
            ("causal",),
            needs,
            run_of("sum", lambda w: sum(value(w, role) for role in w.task.upstream)),
            gathers=gather,
        ),
    )
    by_name = {stage.name: stage for stage in stages}
    monkeypatch.setattr(screening.frontier, "STAGES", stages)
    for module in (screening.frontier, screening.execution, screening.screen):
        monkeypatch.setattr(module, "stage_named", by_name.__getitem__)
    return world


@pytest.fixture
def bad_input() -> Exception:
    """A failure that a repetition would repeat."""
    return InvalidInput("no such number", cure="give another")


@pytest.fixture
def colabfold(tmp_path: Path) -> Path:
    """A folder of two jobs as ColabFold leaves it."""
    folder = tmp_path / "colabfold"
    for job, chains in {"x_y": ("GA", "L"), "z": ("LL", "A")}.items():
        for rank in (1, 2):
            stem = f"rank_{rank:03}_alphafold2_multimer_v3_model_{rank + 2}_seed_000"
            write(
                folder,
                **{
                    f"{job}_unrelaxed_{stem}__pdb": pdb(*chains),
                    f"{job}_relaxed_{stem}__pdb": pdb(*chains),
                    f"{job}_scores_{stem}__json": scores(3),
                },
            )
    write(folder, config__json="{}", x_y__a3m=">x\nGA\n")
    return folder
