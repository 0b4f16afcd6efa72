"""Chains of beads from random starts: relaxation, replicas, frames."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from screening.errors import Unstable
from screening.folding.backend import Progress
from screening.folding.binding import Trajectory
from screening.folding.calvados import BOND_LENGTH_NM, Chain, Solution, build_system
from screening.folding.protocol import FRICTION_PER_PS, ResidueMdSettings, box_edge_nm

__all__ = ["simulate"]

STEPS_AT_ONCE = 500
"""Random numbers are drawn for this many steps: megabytes whatever the frame interval."""


def simulate(
    chains: Sequence[Chain],
    starts: Sequence[NDArray[np.float64] | None],
    settings: ResidueMdSettings,
    seed: int,
    progress: Progress | None = None,
    *,
    stream: int = 0,
) -> Trajectory:
    """Run all replicas.

    Parameters
    ----------
    chains : sequence of Chain
        One chain or more; the backend gives two, A and B.
    starts : sequence of ndarray, shape (L, 3), float64, or None
        Positions to start from, nm; None starts from a random self-avoiding walk.
    settings : ResidueMdSettings
        Lengths and conditions.
    seed : int
        Same seed, stream and machine: same bits.
    progress : callable, optional
        Called with (frames done, frames in all).
    stream : int
        Runs of one seed with different streams have independent random numbers.

    Returns
    -------
    Trajectory
        Without the equilibration.

    Raises
    ------
    Unstable
        A position stopped being finite.
    """
    from screening.folding.bead_dynamics import advance, beads_of

    box_nm = box_edge_nm(settings, [len(chain.sequence) for chain in chains])
    beads = beads_of(chains, settings.solution, box_nm)
    relax = _relaxation(chains, settings.solution, box_nm)
    frames_each = settings.equilibration_frames + settings.frames
    positions = np.empty((settings.replicas, settings.frames, len(beads.masses_dalton), 3), np.float32)
    energy = settings.solution.thermal_energy
    doubled_kinetic = 0.0
    for replica in range(settings.replicas):
        generator = np.random.default_rng([seed, replica, stream])
        x = np.ascontiguousarray(relax(_start(chains, starts, box_nm, generator)).T)
        v = generator.standard_normal(x.shape) * np.sqrt(energy / beads.masses_dalton)
        for frame in range(frames_each):
            for first in range(0, settings.steps_per_frame, STEPS_AT_ONCE):
                steps = min(STEPS_AT_ONCE, settings.steps_per_frame - first)
                kicks = generator.standard_normal((steps, *x.shape))
                advance(beads, x, v, kicks, settings.timestep_fs * 1e-3, FRICTION_PER_PS, energy)
            if not np.isfinite(x).all():
                raise Unstable(
                    f"positions of replica {replica} are not finite after {frame * settings.frame_interval_ps:g} ps",
                    cure="set a shorter timestep_fs",
                )
            if frame >= settings.equilibration_frames:
                positions[replica, frame - settings.equilibration_frames] = x.T
                doubled_kinetic += float(np.sum(beads.masses_dalton * v**2))
            if progress is not None:
                progress(replica * frames_each + frame + 1, settings.replicas * frames_each)
    per_component = doubled_kinetic / (settings.replicas * settings.frames * 3 * len(beads.masses_dalton))
    return Trajectory(positions, len(chains[0].sequence), box_nm, settings.temperature_kelvin * per_component / energy)


def _relaxation(
    chains: Sequence[Chain], solution: Solution, box_nm: float
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return a function that takes the overlaps out of a start, which is random."""
    import openmm

    platform = openmm.Platform.getPlatformByName("CPU")
    properties = {"Threads": "1", "DeterministicForces": "true"}
    system = build_system(chains, solution, box_nm)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform, properties)

    def relax(start: NDArray[np.float64]) -> NDArray[np.float64]:
        context.setPositions(start)
        openmm.LocalEnergyMinimizer.minimize(context, 10, 200)
        return np.array(context.getState(positions=True).getPositions(asNumpy=True)._value)

    return relax


def _start(
    chains: Sequence[Chain],
    starts: Sequence[NDArray[np.float64] | None],
    box_nm: float,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Place the chains with their centres half a box diagonal apart, randomly turned."""
    placed = []
    for index, (chain, given) in enumerate(zip(chains, starts, strict=True)):
        positions = _random_walk(len(chain.sequence), generator) if given is None else given
        turn = _random_rotation(generator)
        placed.append((positions - positions.mean(axis=0)) @ turn.T + index * box_nm / 2)
    return np.concatenate(placed)


def _random_rotation(generator: np.random.Generator) -> NDArray[np.float64]:
    """Uniform proper rotation from the QR factors of a Gaussian matrix (Mezzadri 2007, arXiv math-ph/0609050)."""
    q, r = np.linalg.qr(generator.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def _random_walk(residues: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Walk in steps of the bond length that keeps beads two or more apart at 0.5 nm, the size of the smaller beads."""
    walk = np.zeros((residues, 3))
    index = 1
    while index < residues:
        steps = generator.normal(size=(50, 3))
        tries = walk[index - 1] + BOND_LENGTH_NM * steps / np.linalg.norm(steps, axis=1, keepdims=True)
        gaps = np.linalg.norm(tries[:, None] - walk[None, : index - 1], axis=-1)
        free = (gaps > 0.5).all(axis=1)
        if free.any():
            walk[index] = tries[int(np.argmax(free))]
            index += 1
        else:
            index = max(1, index - 10)
    return walk
