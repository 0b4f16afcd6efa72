"""What folding a pair takes of memory and time, before it is tried."""

from screening.folding.colabfold.settings import ColabFoldSettings

__all__ = ["cpu_seconds", "gpu_memory_gb", "host_memory_gb"]

GPU_FIXED_GB = 16.0
GPU_GB_PER_SQUARE_RESIDUE = 5.5e-6
"""AlphaPulldownSnakemake's estimate for AlphaFold-Multimer: 16 GB + 5.5 kB for each pair of residues."""

HOST_FIXED_GB = 2.8
"""Largest resident set at 60 residues on a processor, full network, measured with random weights; 3.0 at 200."""

CPU_COMPILE_S = 17.5
CPU_PASS_S = 4.1
CPU_PASS_S_PER_ROW = 0.223
CPU_RESIDUES = 60
"""One core, full network, 60 residues, measured with random weights: a pass takes 5.9 s with 8 rows of alignment and
71 s with 300; it grows with the square of the residues."""


def gpu_memory_gb(residues: int) -> float:
    """Estimate the GPU memory that a pair of so many residues needs, 10^9 bytes."""
    return GPU_FIXED_GB + GPU_GB_PER_SQUARE_RESIDUE * residues**2


def host_memory_gb(residues: int) -> float:
    """Estimate the memory that it needs on a processor, 10^9 bytes."""
    return HOST_FIXED_GB + GPU_GB_PER_SQUARE_RESIDUE * residues**2


def cpu_seconds(residues: int, settings: ColabFoldSettings) -> float:
    """Estimate the core seconds of a pair padded to so many residues, compiled already: an order of magnitude."""
    rows = settings.max_msa + settings.max_extra_msa
    each = (CPU_PASS_S + CPU_PASS_S_PER_ROW * rows) * (residues / CPU_RESIDUES) ** 2
    return each * settings.runs * (settings.recycles + 1)
