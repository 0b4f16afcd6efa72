"""Attribution per gene at GET's full size: the reference's flow against ours, in one process.

    python benchmarks/attribution.py [--batch 4] [--repeats 3] [--compile] [--device cuda]

The reference's flow, restated from its published code: one forward that is not used, then for each strand a forward and
a backward with the gradients of all weights. Ours: one forward and one backward of the gene's own output with respect
to the input alone, of which the last block sees the focus region only. Times are process CPU seconds on a CPU and
wall seconds on a GPU; weights are random, so the agreement has to be looked at again with a trained network.
"""

import argparse
import platform
import time
from collections.abc import Callable
from datetime import date

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from get_core.attribution import attribute
from get_core.model import GET, GetConfig
from get_core.windows import FeatureWindows, Windows

REGIONS, GENES, CELL_TYPES = 200, 20_000, 213  # paper: windows of 200 regions; 213 cell types
H200_BF16 = 790e12  # FLOP/s measured for bfloat16 matrix products on one H200 (docs/get.md)


def reference(model: GET, windows: FeatureWindows, device: str) -> np.ndarray:
    """Return the gene-by-motif rows of the reference's flow."""
    rows = []
    for batch in windows.batches(len(windows)):
        x = torch.from_numpy(batch.x).to(device).requires_grad_()
        model(x)
        slopes = []
        for strand in (0, 1):
            model.zero_grad()
            x.grad = None  # the reference forgets this; the published second strand holds both
            mask = torch.zeros(len(x), REGIONS, 2, device=device)
            mask[torch.arange(len(x)), torch.from_numpy(batch.focus), strand] = 1
            model(x).backward(mask)
            assert x.grad is not None
            slopes.append(x.grad.clone())
        own = torch.stack(slopes)[torch.from_numpy(batch.strand), torch.arange(len(x))]
        rows.append((own * x.detach()).sum(1).cpu().numpy())
    return np.concatenate(rows)


def own_gradient(model: GET, windows: FeatureWindows, device: str) -> None:
    """Do what `attribute` does, by `backward`, which the counter of operations can follow."""
    model.requires_grad_(False)
    for batch in windows.batches(len(windows)):
        x = torch.from_numpy(batch.x).to(device).requires_grad_()
        model.at(x, torch.from_numpy(batch.focus).to(device))[:, 0].sum().backward()
    model.requires_grad_(True)


def timed(run: Callable[[], np.ndarray], repeats: int, device: str) -> tuple[float, np.ndarray]:
    """Return the least seconds of some runs, after one to warm up, and the last result."""
    clock = time.perf_counter if device != "cpu" else time.process_time
    found, best = run(), float("inf")
    for _ in range(repeats):
        begin = clock()
        found = run()
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, clock() - begin)
    return best, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=4, help="genes per backward pass")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="compile the blocks, too")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = GET(GetConfig()).eval().to(options.device)
    generator = np.random.default_rng(0)
    count = options.batch
    table = (generator.random((count * REGIONS, 283)) * (generator.random((count * REGIONS, 283)) < 0.3)).astype("f4")
    windows = Windows(
        np.arange(count * REGIONS).reshape(count, REGIONS), np.full(count, REGIONS // 2), np.arange(count) % 2
    ).over(table)

    def ours(**more: str) -> Callable[[], np.ndarray]:
        return lambda: attribute(model, windows, batch_size=count, **more).by_motif  # pyright: ignore[reportArgumentType]

    flows: dict[str, Callable[[], np.ndarray]] = {
        "reference flow, float32": lambda: reference(model, windows, options.device),
        "ours, float32": ours(),
        "ours, bfloat16": ours(precision="bfloat16"),
    }
    results = {}
    counted = {"reference flow, float32": flows["reference flow, float32"]}
    for name, run in flows.items():
        with FlopCounterMode(display=False) as counter:
            counted.get(name, lambda: own_gradient(model, windows, options.device))()
        results[name] = (*timed(run, options.repeats, options.device), counter.get_total_flops() / count)
    if options.compile:
        for block in model.blocks:
            block.compile()
        name = "ours, bfloat16, compiled"
        results[name] = (*timed(flows["ours, bfloat16"], options.repeats, options.device), float("nan"))
    base_time, base, _ = results["reference flow, float32"]
    print(f"{platform.processor() or platform.machine()}, {options.threads} thread(s), torch {torch.__version__},")
    print(f"{options.device}, {count} genes per batch, {date.today()}\n")
    print("| flow | s / gene | ratio | GFLOP / gene | correlation of gene-by-motif | largest difference |")
    print("|---|---|---|---|---|---|")
    for name, (seconds, matrix, flops) in results.items():
        correlation = np.corrcoef(matrix.ravel(), base.ravel())[0, 1]
        difference = abs(matrix - base).max() / abs(base).max()
        print(
            f"| {name} | {seconds / count:.3f} | {base_time / seconds:.2f} | {flops / 1e9:.1f} | {correlation:.6f} "
            f"| {difference:.1e} |"
        )
    flops = results["ours, float32"][2]
    hours = flops * GENES * CELL_TYPES / H200_BF16 / 3600
    print(
        f"\n{GENES:,} genes x {CELL_TYPES} cell types: {flops * GENES * CELL_TYPES:.2e} FLOP; at "
        f"{H200_BF16:.1e} FLOP/s (not reached in practice) {hours * 60:.0f} min on one H200: from the count, not run"
    )


if __name__ == "__main__":
    main()
