import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing
from torch.nn.utils import parametrize

from get_core.errors import InvalidInput
from get_core.model import GET, GetConfig
from get_core.training import FinetuneSettings, History, PretrainSettings, finetune, pretrain
from get_core.training.low_rank import add_low_rank, merge_low_rank
from get_core.training.replicas import Replicas
from get_core.windows import leave_out, tile

# Without stochastic depth nothing random depends on how a batch is cut or shared out.
CONFIG = GetConfig(features=6, embed=16, layers=2, heads=2, drop_path=0.0)
CHROM = np.repeat(["chr1", "chr2", "chr3"], 60)
FEATURES = np.random.default_rng(2).random((180, 6)).astype(np.float32)
TARGETS = np.stack([2 * FEATURES[:, 1], 2 * FEATURES[:, 3]], 1)
TRAINING, VALIDATION = leave_out(tile(CHROM, 12, 6), CHROM, ["chr2"])
SETTINGS = FinetuneSettings(epochs=3, batch_size=5, learning_rate=2e-3)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def start(config: GetConfig = CONFIG) -> GET:
    torch.manual_seed(1)
    return GET(config)


def tuned(settings: FinetuneSettings, **more: object) -> tuple[GET, History]:
    return finetune(start(), FEATURES, TARGETS, TRAINING, settings, validation=VALIDATION, **more)  # type: ignore[arg-type]


def difference(a: GET, b: GET) -> float:
    return max(
        float((x - y).abs().max()) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("drop_path", [0.0, 0.5])
@pytest.mark.parametrize("patience", [None, 3])
def test_a_stopped_run_goes_on_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drop_path: float, patience: int | None
) -> None:
    config = GetConfig(features=6, embed=16, layers=2, heads=2, drop_path=drop_path)
    settings = FinetuneSettings(epochs=4, batch_size=5, learning_rate=2e-3, patience=patience)

    def run(**more: object) -> tuple[GET, History]:
        return finetune(start(config), FEATURES, TARGETS, TRAINING, settings, validation=VALIDATION, **more)  # type: ignore[arg-type]

    whole, history = run()
    path, steps = tmp_path / "training.pt", math.ceil(len(TRAINING) / 5)

    def stop(done: int, _: int) -> None:
        if done == 2 * steps + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, progress=stop)
    seen: list[int] = []
    resumed, again = run(checkpoint=path, progress=lambda done, _: seen.append(done))
    assert seen[0] == 2 * steps + 1
    assert difference(resumed, whole) == 0
    assert again == history
    seen.clear()
    assert run(checkpoint=path, progress=lambda done, _: seen.append(done))[1] == history
    assert seen == []
    assert [item.name for item in tmp_path.iterdir()] == ["training.pt"]


def test_a_foreign_or_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "training.pt"
    tuned(SETTINGS, checkpoint=path)
    other = FinetuneSettings(epochs=3, batch_size=5, learning_rate=1e-3)
    with pytest.raises(InvalidInput, match="another run"):
        tuned(other, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InvalidInput, match="not a checkpoint") as refused:
        tuned(SETTINGS, checkpoint=path)
    assert refused.value.__notes__ == [f"delete it: rm {path}"]


def test_a_checkpoint_is_no_pickle(tmp_path: Path) -> None:
    path = tmp_path / "training.pt"
    torch.save({"identity": SimpleNamespace()}, path)
    with pytest.raises(InvalidInput, match="not a checkpoint"):
        tuned(SETTINGS, checkpoint=path)


@pytest.mark.parametrize("micro_batch", [1, 2, 5, 9])
def test_gradients_add_up_over_micro_batches(micro_batch: int) -> None:
    whole, _ = tuned(SETTINGS)
    cut, _ = tuned(FinetuneSettings(epochs=3, batch_size=5, learning_rate=2e-3, micro_batch=micro_batch))
    assert difference(cut, whole) < 2e-5
    assert difference(start(), whole) > 1e-3


def test_bfloat16_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, exact = tuned(SETTINGS)
    dtypes: set[torch.dtype] = set()
    original = GET._read

    def recorded(self: GET, tokens: torch.Tensor) -> torch.Tensor:
        values = original(self, tokens)
        if self.training:
            dtypes.add(self.head(tokens).dtype)
        return values

    monkeypatch.setattr(GET, "_read", recorded)
    rough, history = tuned(FinetuneSettings(epochs=3, batch_size=5, learning_rate=2e-3, precision="bfloat16"))
    assert dtypes == {torch.bfloat16}
    assert all(value.dtype == torch.float32 for value in rough.state_dict().values())
    assert history.epochs[-1].loss == pytest.approx(exact.epochs[-1].loss, rel=0.01)
    assert difference(rough, whole) > 0


def test_low_rank_training_moves_each_matrix_by_that_rank() -> None:
    begin = start()
    settings = FinetuneSettings(epochs=3, batch_size=5, learning_rate=5e-3, low_rank=2)
    model, history = finetune(begin, FEATURES, TARGETS, TRAINING, settings)
    assert history.epochs[-1].loss < history.epochs[0].loss
    assert model.state_dict().keys() == begin.state_dict().keys()
    assert all(parameter.requires_grad for parameter in model.parameters())
    for name, before in begin.state_dict().items():
        moved = model.state_dict()[name] - before
        if name.startswith("head"):
            assert moved.abs().max() > 0
        elif moved.ndim == 2:
            singular = torch.linalg.svdvals(moved.double())
            assert singular[0] > 1e-4
            assert singular[2] < 1e-5 * singular[0]
        else:
            assert torch.equal(moved, torch.zeros_like(moved))


def test_merging_keeps_the_function() -> None:
    model = start().eval()
    add_low_rank(model, 3)
    for module in model.modules():
        if hasattr(module, "lora_B"):
            torch.nn.init.normal_(module.lora_B)  # type: ignore[arg-type]
    x = torch.rand(2, 7, 6)
    with torch.no_grad():
        corrected = model(x)
        merge_low_rank(model)
        assert not any(parametrize.is_parametrized(module) for module in model.modules())
        torch.testing.assert_close(model(x), corrected, rtol=0, atol=1e-6)
        assert (start().eval()(x) - corrected).abs().max() > 1e-3


def test_pretraining_can_stop_early() -> None:
    settings = PretrainSettings(epochs=30, batch_size=8, learning_rate=0.05, warmup_epochs=0, patience=2)
    _, history = pretrain(FEATURES, TRAINING, CONFIG, settings, validation=VALIDATION)
    held = [epoch.validation_loss for epoch in history.epochs]
    assert len(held) < 30
    assert held[history.best] == min(value for value in held if value is not None)
    with pytest.raises(InvalidInput, match="patience needs validation"):
        pretrain(FEATURES, TRAINING, CONFIG, settings)


@pytest.mark.parametrize("wrong", [{"patience": 0}, {"micro_batch": 0}, {"precision": "half"}, {"low_rank": 0}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        FinetuneSettings(**wrong)  # type: ignore[arg-type]


def test_shares_cover_a_batch_once() -> None:
    for count in range(8):
        shares = torch.cat([Replicas(rank, 3).share(count) for rank in range(3)])
        assert sorted(shares.tolist()) == list(range(count))


def _train_share(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    masked = PretrainSettings(epochs=2, batch_size=3, learning_rate=2e-3, warmup_epochs=0)
    trunk, first = pretrain(FEATURES, TRAINING, CONFIG, masked)
    model, second = finetune(trunk, FEATURES, TARGETS, TRAINING, SETTINGS, validation=VALIDATION)
    torch.save(
        {
            "trunk": trunk.state_dict(),
            "model": model.state_dict(),
            "losses": [first.epochs[-1].loss, second.epochs[-1].loss],
        },
        f"{folder}/{rank}.pt",
    )
    distributed.destroy_process_group()


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    multiprocessing.spawn(_train_share, (str(tmp_path),), nprocs=2)
    masked = PretrainSettings(epochs=2, batch_size=3, learning_rate=2e-3, warmup_epochs=0)
    trunk, first = pretrain(FEATURES, TRAINING, CONFIG, masked)
    model, second = finetune(trunk, FEATURES, TARGETS, TRAINING, SETTINGS, validation=VALIDATION)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found["losses"] == pytest.approx([first.epochs[-1].loss, second.epochs[-1].loss], rel=1e-5)
        for part, expected in (("trunk", trunk), ("model", model)):
            for name, value in expected.state_dict().items():
                torch.testing.assert_close(found[part][name], value, rtol=0, atol=2e-5)


def test_a_write_that_fails_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "training.pt"
    tuned(SETTINGS, checkpoint=path)
    before = path.read_bytes()
    longer = FinetuneSettings(epochs=3, batch_size=5, learning_rate=2e-3)
    path.unlink()
    path.write_bytes(before)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    other = tmp_path / "other.pt"
    with pytest.raises(OSError, match="disk full"):
        tuned(longer, checkpoint=other)
    assert path.read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["training.pt"]
