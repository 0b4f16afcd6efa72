"""Attribution per gene at GET's full size: the reference's flow against ours, in one process, and the memory it takes.

    python benchmarks/attribution.py                       # on a processor: batches of 4 genes, 15 minutes
    python benchmarks/attribution.py --device cuda         # on a GPU: batches of 64 and 256, TF32, bfloat16, compiled
    python benchmarks/attribution.py --part memory         # only the memory, a minute
    python benchmarks/attribution.py --part bound          # only what no flow here can be faster than, seconds

The reference's flow, restated from its published code: one forward that is not used, then for each strand a forward and
a backward with the gradients of all weights. Ours: one forward and one backward of the gene's own output with respect
to the input alone, of which the last block sees the focus region only. Weights are random, so the agreement of
bfloat16 has to be looked at again with a trained network.

Times are process CPU seconds on a processor and wall seconds on a GPU, the copies to and from it included. Memory on a
GPU is torch's own peak. On a processor it is what the graph keeps for the backward pass (each storage once, weights
left out) and, beside it, by how much two passes raise the peak of resident memory of a fresh process.
"""

import argparse
import multiprocessing
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from get_core.attribution import attribute
from get_core.model import GET, GetConfig
from get_core.precision import bfloat16_is_slow
from get_core.windows import FeatureWindows, Windows

REGIONS, GENES, CELL_TYPES = 200, 20_000, 213  # paper: windows of 200 regions; 213 cell types
H200_BF16 = 790e12  # FLOP/s measured for bfloat16 matrix products on one H200; torch's own, not this project's
REFERENCE, FLOAT, TF32, HALF, COMPILED = (
    *("reference flow, float32", "ours, float32", "ours, float32 with TF32", "ours, bfloat16"),
    "ours, bfloat16, compiled",
)


@dataclass(frozen=True)
class Timing:
    """Least seconds of some runs of one batch, and the gene-by-motif rows; None where memory ran out."""

    flow: str
    genes: int
    seconds: float | None
    rows: np.ndarray | None


def workload(count: int) -> FeatureWindows:
    """Return windows of random features, 30 % of them not zero."""
    generator = np.random.default_rng(0)
    table = (generator.random((count * REGIONS, 283)) * (generator.random((count * REGIONS, 283)) < 0.3)).astype("f4")
    index = np.arange(count * REGIONS).reshape(count, REGIONS)
    return Windows(index, np.full(count, REGIONS // 2), np.arange(count) % 2).over(table)


def reference(model: GET, windows: FeatureWindows, device: str) -> np.ndarray:
    """Return the gene-by-motif rows of the reference's flow."""
    rows = []
    for batch in windows.batches(len(windows)):
        x = torch.from_numpy(batch.x).to(device).requires_grad_()
        focus, strands = (torch.from_numpy(each).to(device) for each in (batch.focus, batch.strand))
        samples = torch.arange(len(x), device=device)
        model(x)
        slopes = []
        for strand in (0, 1):
            model.zero_grad()
            x.grad = None  # the reference forgets this; the published second strand holds both
            mask = torch.zeros(len(x), REGIONS, 2, device=device)
            mask[samples, focus, strand] = 1
            model(x).backward(mask)
            assert x.grad is not None
            slopes.append(x.grad.clone())
        own = torch.stack(slopes)[strands, samples]
        rows.append((own * x.detach()).sum(1).cpu().numpy())
    model.zero_grad()
    return np.concatenate(rows)


def own_gradient(model: GET, windows: FeatureWindows, device: str) -> None:
    """Do what `attribute` does, by `backward`, which the counter of operations can follow."""
    model.requires_grad_(False)
    for batch in windows.batches(len(windows)):
        x = torch.from_numpy(batch.x).to(device).requires_grad_()
        model.at(x, torch.from_numpy(batch.focus).to(device))[:, 0].sum().backward()
    model.requires_grad_(True)


def flow_of(name: str, model: GET, windows: FeatureWindows, device: str) -> Callable[[], np.ndarray]:
    """Return what runs one batch."""
    if name == REFERENCE:
        return lambda: reference(model, windows, device)
    precision = "bfloat16" if name in (HALF, COMPILED) else "float32"
    return lambda: attribute(model, windows, batch_size=len(windows), precision=precision).by_motif


def timed(name: str, model: GET, genes: int, repeats: int, device: str) -> Timing:
    """Time one flow after one run to warm up."""
    clock = time.perf_counter if device != "cpu" else time.process_time
    run = flow_of(name, model, workload(genes), device)
    torch.set_float32_matmul_precision("high" if name == TF32 else "highest")
    try:
        rows, best = run(), float("inf")
        for _ in range(repeats):
            begin = clock()
            rows = run()
            if device != "cpu":
                torch.cuda.synchronize()
            best = min(best, clock() - begin)
    except torch.OutOfMemoryError:
        return Timing(name, genes, None, None)
    return Timing(name, genes, best, rows)


def flops_per_gene(model: GET, device: str) -> dict[str, float]:
    """Count the operations of the reference's flow and of ours."""
    windows = workload(1)
    counted = {}
    for name, run in (
        (REFERENCE, lambda: reference(model, windows, device)),
        (FLOAT, lambda: own_gradient(model, windows, device)),
    ):
        with FlopCounterMode(display=False) as counter:
            run()
        counted[name] = float(counter.get_total_flops())
    return counted


def timings(model: GET, options: argparse.Namespace) -> Iterator[Timing]:
    """Time all flows that make sense here; compilation changes the network, so it comes last."""
    cuda = options.device != "cpu"
    names = [REFERENCE, FLOAT, *([TF32] if cuda else [])]
    names += [HALF] if options.all_precisions or not bfloat16_is_slow(options.device) else []
    for genes in options.batch:
        for name in names:
            yield timed(name, model, genes, options.repeats, options.device)
    if HALF in names and (cuda or options.compile):
        for block in model.blocks:
            block.compile()
        for genes in options.batch:
            yield timed(COMPILED, model, genes, options.repeats, options.device)


def print_timings(found: Sequence[Timing], flops: dict[str, float]) -> None:
    """Print the table of times; ratios and differences are to the reference's flow at the same batch."""
    print("| flow | genes per batch | s / gene | ratio | GFLOP / gene | TFLOP / s | correlation | largest difference |")
    print("|---|---|---|---|---|---|---|---|")
    base = {each.genes: each for each in found if each.flow == REFERENCE}
    for each in found:
        count = flops[REFERENCE if each.flow == REFERENCE else FLOAT]
        if each.seconds is None or each.rows is None:
            print(f"| {each.flow} | {each.genes} | out of memory | | {count / 1e9:.1f} | | | |")
            continue
        speed = f"{each.seconds / each.genes:.4g}"
        rate = f"{count * each.genes / each.seconds / 1e12:.3g}"
        other = base[each.genes]
        agreement = ("", "", "")
        if other.seconds is not None and other.rows is not None:
            agreement = (
                f"{other.seconds / each.seconds:.2f}",
                f"{np.corrcoef(each.rows.ravel(), other.rows.ravel())[0, 1]:.6f}",
                f"{abs(each.rows - other.rows).max() / abs(other.rows).max():.1e}",
            )
        ratio, correlation, difference = agreement
        print(
            f"| {each.flow} | {each.genes} | {speed} | {ratio} | {count / 1e9:.1f} | {rate} "
            f"| {correlation} | {difference} |"
        )
    total = flops[FLOAT] * GENES * CELL_TYPES
    print(
        f"\n{GENES:,} genes x {CELL_TYPES} cell types: {total:.2e} FLOP; at {H200_BF16:.1e} FLOP/s (not reached in "
        f"practice) {total / H200_BF16 / 60:.0f} min on one H200: from the count, not run"
    )


def product_rate(device: str, precision: torch.dtype) -> float:
    """Return FLOP/s of the network's largest matrix product, a window's regions by its feed-forward weights."""
    batch = 16 if device == "cpu" else 256
    x = torch.randn(batch * REGIONS, GetConfig().embed, device=device, dtype=precision)
    weight = torch.randn(4 * GetConfig().embed, GetConfig().embed, device=device, dtype=precision)
    best = float("inf")
    for _ in range(20):
        begin = time.perf_counter()
        torch.nn.functional.linear(x, weight)
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - begin)
    return 2 * x.numel() * len(weight) / best


def print_bound(device: str) -> None:
    """Print the largest ratio that arithmetic allows: both flows at the rate of matrix products alone."""
    flops = flops_per_gene(GET(GetConfig()).eval(), "cpu")
    rate = product_rate(device, torch.float32)
    print(f"float32 matrix products: {rate / 1e9:.3g} GFLOP/s.")
    for precision in (torch.float32, torch.bfloat16):
        own = product_rate(device, precision)
        ratio = (flops[REFERENCE] / rate) / (flops[FLOAT] / own)
        print(
            f"{str(precision).removeprefix('torch.')}: products at {own / 1e9:.3g} GFLOP/s, so a gene takes at least "
            f"{flops[FLOAT] / own:.3g} s; with the reference at its own bound the ratio is {ratio:.2f}"
        )
    needed = 10 * rate * flops[FLOAT] / flops[REFERENCE]
    print(f"10 times the reference's bound needs products at {needed / 1e9:.3g} GFLOP/s")


def saved_bytes(model: GET, genes: int, precision: str) -> int:
    """Return what one forward pass keeps for its backward pass, each storage once, weights left out."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    batch = next(workload(genes).batches(genes))
    model.requires_grad_(False)
    x = torch.from_numpy(batch.x).requires_grad_()
    with (
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"),
    ):
        value = model.at(x, torch.from_numpy(batch.focus))[:, 0].sum()
    del value
    model.requires_grad_(True)
    return sum(kept.values())


def peak_rise(genes: int, precision: str, threads: int) -> int:
    """Return by how many bytes two passes raise this process's peak of resident memory."""
    torch.set_num_threads(threads)
    model, windows = GET(GetConfig()).eval(), workload(genes)
    before = peak_resident()
    run = flow_of(HALF if precision == "bfloat16" else FLOAT, model, windows, "cpu")
    for _ in range(2):
        run()
    return peak_resident() - before


def peak_resident() -> int:
    """Return the peak of this process's resident memory, bytes; that of getrusage begins with the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def peak_on_gpu(model: GET, genes: int, precision: str) -> int | None:
    """Return torch's peak of allocated bytes less what is allocated before; None where it is not enough."""
    run = flow_of(HALF if precision == "bfloat16" else FLOAT, model, workload(genes), "cuda")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    try:
        run()
    except torch.OutOfMemoryError:
        return None
    return torch.cuda.max_memory_allocated() - held


def print_memory(model: GET, options: argparse.Namespace, precisions: Sequence[str]) -> None:
    """Print what one batch of ours takes beside the weights."""
    torch.set_float32_matmul_precision("highest")
    print(f"Weights: {sum(parameter.nbytes for parameter in model.parameters()) / 1e6:.0f} MB.\n")
    if options.device == "cpu":
        print(
            "| ours | genes per batch | kept for the backward pass, MB | per gene | rise of peak resident memory, MB |"
        )
        print("|---|---|---|---|---|")
        # A heap does not give everything back, so every peak is that of a process of its own.
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as fresh:
            for precision in precisions:
                for genes in options.memory_batch:
                    kept = saved_bytes(model, genes, precision) / 1e6
                    rise = fresh.apply(peak_rise, (genes, precision, options.threads)) / 1e6
                    print(f"| {precision} | {genes} | {kept:.0f} | {kept / genes:.1f} | {rise:.0f} |", flush=True)
        return
    print("| ours | genes per batch | peak on the GPU less the weights, MB | per gene |")
    print("|---|---|---|---|")
    for precision in precisions:
        for genes in options.memory_batch:
            peak = peak_on_gpu(model, genes, precision)
            told = "out of memory | |" if peak is None else f"{peak / 1e6:.0f} | {peak / 1e6 / genes:.1f} |"
            print(f"| {precision} | {genes} | {told}", flush=True)


def processor() -> str:
    """Return what the processor calls itself, and what it has for bfloat16."""
    known = torch.cpu.get_capabilities()
    has = [name for name in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if known.get(name)]
    return f"{known.get('cpu_name') or platform.machine()} ({', '.join(has) or 'no vector extension named'})"


def environment(options: argparse.Namespace) -> str:
    """Say where this runs."""
    if options.device == "cpu":
        return f"{processor()}, {options.threads} thread(s), torch {torch.__version__}, {date.today()}"
    gpu = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, torch {torch.__version__}, {date.today()}"
    return f"{gpu}; float32 is without TF32, which is torch's default, unless a row says otherwise"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--batch", type=int, nargs="+", help="genes per backward pass: 4, on a GPU 64 256")
    parser.add_argument("--memory-batch", type=int, nargs="+", help="the same for memory: 1 4 8, on a GPU 64 256")
    parser.add_argument("--part", default="all", choices=("all", "time", "memory", "bound"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="compile the blocks on a processor, too")
    parser.add_argument(
        "--all-precisions", action="store_true", help="bfloat16 also where the processor has no instructions for it"
    )
    options = parser.parse_args()
    cuda = options.device == "cuda"
    options.batch = options.batch or ([64, 256] if cuda else [4])
    options.memory_batch = options.memory_batch or ([64, 256] if cuda else [1, 4, 8])
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = GET(GetConfig()).eval().to(options.device)
    imitated = bfloat16_is_slow(options.device)
    print(f"{environment(options)}\n")
    if imitated and not options.all_precisions:
        print("bfloat16 is left out: this processor has no instructions for it (--all-precisions)\n")
    if options.part in ("all", "bound"):
        print_bound(options.device)
        print(flush=True)
    if options.part in ("all", "memory"):
        precisions = ["float32"] if imitated and not options.all_precisions else ["float32", "bfloat16"]
        print_memory(model, options, precisions)
        print(flush=True)
    if options.part in ("all", "time"):
        print_timings(list(timings(model, options)), flops_per_gene(GET(GetConfig()).eval(), "cpu"))


if __name__ == "__main__":
    main()
