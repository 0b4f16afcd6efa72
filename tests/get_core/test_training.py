import math

import numpy as np
import pytest
import torch

from get_core.attribution import gene_by_motif
from get_core.errors import InvalidInput
from get_core.evaluation import predict, regression_metrics
from get_core.model import GET, GetConfig
from get_core.training import FinetuneSettings, PretrainSettings, finetune, pretrain
from get_core.windows import around, leave_out, tile

CONFIG = GetConfig(features=12, embed=32, layers=2, heads=4)
CHROM = np.repeat([f"chr{i}" for i in range(6)], 100)
RNG = np.random.default_rng(5)
FEATURES = (RNG.random((600, 12)) * (RNG.random((600, 12)) < 0.4)).astype(np.float32)
TRAINING, VALIDATION = leave_out(tile(CHROM, 20, 10), CHROM, ["chr3"])
PLANTED = 4
QUICK = FinetuneSettings(epochs=12, batch_size=8, learning_rate=2e-3)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def fresh() -> GET:
    torch.manual_seed(0)
    return GET(CONFIG)


def test_defaults_are_the_published_ones() -> None:
    before, after = PretrainSettings(), FinetuneSettings()
    assert (before.epochs, before.batch_size, before.learning_rate, before.warmup_epochs) == (800, 256, 1.5e-4, 40)
    assert before.mask_ratio == 0.5
    assert (after.epochs, after.batch_size, after.learning_rate) == (100, 256, 1e-4)
    assert (after.weight_decay, after.betas) == (0.05, (0.9, 0.999))


def test_learning_rate_rises_then_falls() -> None:
    settings = FinetuneSettings(epochs=6, warmup_epochs=2, learning_rate=1.0)
    rates = [settings.rate(step, 5) for step in range(30)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[10] == 1
    assert rates[20] == pytest.approx(0.5)
    assert np.all(np.diff(rates[10:]) < 0)
    assert rates[29] == pytest.approx(0.5 * (1 + math.cos(math.pi * 19 / 20)))


def test_expression_recovers_a_planted_motif() -> None:
    targets = np.stack([3 * FEATURES[:, PLANTED], 3 * FEATURES[:, 9]], 1)
    steps: list[tuple[int, int]] = []
    start = fresh()
    before = {name: value.clone() for name, value in start.state_dict().items()}
    model, history = finetune(
        start, FEATURES, targets, TRAINING, QUICK, validation=VALIDATION, progress=lambda *at: steps.append(at)
    )
    assert history.epochs[-1].loss < history.epochs[0].loss
    assert history.best == 11
    pearson = history.epochs[-1].metrics["pearson"]
    assert pearson is not None
    assert pearson > 0.9
    assert steps[-1] == (12 * math.ceil(len(TRAINING) / 8),) * 2
    assert all(torch.equal(value, before[name]) for name, value in start.state_dict().items())
    rows = np.flatnonzero(CHROM == "chr3")
    for strand, motif in ((0, PLANTED), (1, 9)):
        importance = gene_by_motif(model, around(CHROM, rows, strand, 20).over(FEATURES)).mean(0)
        assert importance.argmax() == motif
        assert importance[motif] > 4 * np.sort(abs(importance))[-2]


def test_accessibility_recovers_a_planted_motif_from_pretrained_weights() -> None:
    labels = (FEATURES[:, PLANTED] > 0.2).astype(np.float32)
    masked = PretrainSettings(epochs=1, warmup_epochs=0, batch_size=16, learning_rate=1e-3)
    trunk, _ = pretrain(FEATURES, TRAINING, CONFIG, masked)
    settings = FinetuneSettings(epochs=12, batch_size=8, learning_rate=2e-3, head="accessibility")
    model, history = finetune(trunk, FEATURES, labels, TRAINING, settings, validation=VALIDATION)
    assert (model.config.head, model.config.outputs) == ("accessibility", 1)
    auroc = history.epochs[-1].metrics["auroc"]
    assert auroc is not None
    assert auroc > 0.95
    importance = gene_by_motif(model, around(CHROM, np.arange(600), 0, 20).over(FEATURES)).mean(0)
    assert importance.argmax() == PLANTED


def test_pretraining_beats_the_mean_by_reading_the_neighbours() -> None:
    shared = np.repeat(RNG.random((30, 12)), 20, axis=0)  # what a hidden region has in common with its window
    features = (shared + 0.1 * RNG.random((600, 12))).astype(np.float32)
    windows = tile(CHROM, 20, 20)
    training, validation = leave_out(windows, CHROM, ["chr3"])
    settings = PretrainSettings(epochs=150, warmup_epochs=5, batch_size=8, learning_rate=3e-3)
    model, history = pretrain(features, training, CONFIG, settings, validation=validation)
    assert model.config.head == "pretrain"
    assert history.epochs[-1].loss < 0.5 * history.epochs[0].loss
    explained = history.epochs[-1].metrics["explained"]
    assert explained is not None
    assert explained > 0.2


@pytest.mark.parametrize("seed", [0, 1])
def test_same_seed_same_bits(seed: int) -> None:
    def run(number: int) -> tuple[list[torch.Tensor], object]:
        torch.rand(3)  # the caller's own random state must not matter
        settings = PretrainSettings(epochs=2, warmup_epochs=0, batch_size=16, learning_rate=1e-3, seed=number)
        trunk, first = pretrain(FEATURES, TRAINING, CONFIG, settings, validation=VALIDATION)
        targets = FEATURES[:, [PLANTED, 9]]
        tuned, second = finetune(
            trunk, FEATURES, targets, TRAINING, FinetuneSettings(epochs=2, batch_size=16, seed=number)
        )
        return [*trunk.parameters(), *tuned.parameters()], (first, second)

    a, b, other = run(seed), run(seed), run(seed + 10)
    assert all(torch.equal(p, q) for p, q in zip(a[0], b[0], strict=True))
    assert a[1] == b[1]
    assert not all(torch.equal(p, q) for p, q in zip(a[0], other[0], strict=True))


def test_callers_random_state_is_left_alone() -> None:
    model = fresh()
    before = torch.random.get_rng_state()
    finetune(model, FEATURES, FEATURES[:, :2], TRAINING, FinetuneSettings(epochs=1))
    assert torch.equal(before, torch.random.get_rng_state())


def test_training_never_sees_the_held_out_targets() -> None:
    targets = FEATURES[:, [PLANTED, 9]].copy()
    poisoned = targets.copy()
    poisoned[CHROM == "chr3"] = 1e6
    settings = FinetuneSettings(epochs=2, batch_size=16)
    clean, _ = finetune(fresh(), FEATURES, targets, TRAINING, settings, validation=VALIDATION)
    other, _ = finetune(fresh(), FEATURES, poisoned, TRAINING, settings, validation=VALIDATION)
    assert all(torch.equal(p, q) for p, q in zip(clean.parameters(), other.parameters(), strict=True))


def test_patience_returns_the_best_epoch() -> None:
    noise = np.random.default_rng(1).random((600, 2))  # nothing to learn: validation soon gets worse
    settings = FinetuneSettings(epochs=60, batch_size=4, learning_rate=5e-3, patience=3)
    model, history = finetune(fresh(), FEATURES, noise, TRAINING, settings, validation=VALIDATION)
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert None not in losses
    assert history.best == int(np.argmin(np.array(losses, float)))
    assert len(losses) == history.best + 4 < 60
    predicted = predict(model, VALIDATION.over(FEATURES))
    rows = np.unique(VALIDATION.index)
    loss = (predicted[rows] - noise[rows] * np.log(predicted[rows] + 1e-8)).mean()
    assert loss == pytest.approx(losses[history.best], rel=1e-4)


def test_scored_entries_alone_enter_the_metrics() -> None:
    targets = FEATURES[:, [PLANTED, 9]]
    scored = np.zeros((600, 2), bool)
    scored[::3, 1] = True
    model, history = finetune(
        fresh(), FEATURES, targets, TRAINING, FinetuneSettings(epochs=1), validation=VALIDATION, scored=scored
    )
    chosen = scored & (CHROM == "chr3")[:, None]
    expected = regression_metrics(targets[chosen], predict(model, VALIDATION.over(FEATURES))[chosen])
    assert history.epochs[0].metrics == expected


def test_bad_input_is_named() -> None:
    targets = FEATURES[:, :2]
    with pytest.raises(InvalidInput, match="trained on and validated on"):
        finetune(fresh(), FEATURES, targets, TRAINING, QUICK, validation=TRAINING[:1])
    with pytest.raises(InvalidInput, match="11 features, the model takes 12"):
        finetune(fresh(), FEATURES[:, :11], targets, TRAINING, QUICK)
    with pytest.raises(InvalidInput, match="first in row 0"):
        finetune(fresh(), FEATURES, targets - 5, TRAINING, QUICK)
    with pytest.raises(InvalidInput, match="labels from 0 to 1"):
        finetune(fresh(), FEATURES, targets + 2, TRAINING, FinetuneSettings(head="accessibility"))
    with pytest.raises(InvalidInput, match=r"shape \(5, 2\); there are 600"):
        finetune(fresh(), FEATURES, targets[:5], TRAINING, QUICK)
    with pytest.raises(InvalidInput, match="patience needs"):
        finetune(fresh(), FEATURES, targets, TRAINING, FinetuneSettings(patience=2))
    with pytest.raises(InvalidInput, match="no training windows"):
        pretrain(FEATURES, TRAINING[:0], CONFIG, PretrainSettings())
    with pytest.raises(InvalidInput, match="not finite in epoch"):
        finetune(fresh(), FEATURES, targets, TRAINING, FinetuneSettings(epochs=3, learning_rate=1e30))
    with pytest.raises(InvalidInput, match="mask_ratio"):
        PretrainSettings(mask_ratio=1)
    with pytest.raises(InvalidInput, match="warmup_epochs"):
        FinetuneSettings(epochs=2, warmup_epochs=3)
