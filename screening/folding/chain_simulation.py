"""Chains of beads from random starts: relaxation, replicas, frames, and going on where a killed run stopped."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Self

import numpy as np
from numpy.typing import NDArray

from get_core import jit
from screening.errors import Unstable
from screening.folding import calvados, protocol
from screening.folding.backend import Progress
from screening.folding.binding import Trajectory
from screening.folding.calvados import BOND_LENGTH_NM, Chain, Solution, build_system
from screening.folding.checkpoint import read_checkpoint, write_checkpoint
from screening.folding.protocol import FRICTION_PER_PS, ResidueMdSettings, box_edge_nm

__all__ = ["run_identity", "simulate"]

STEPS_AT_ONCE = 500
"""Random numbers are drawn for this many steps: megabytes whatever the frame interval."""
SAVE_SECONDS = 20.0
"""Wall time between checkpoints: what a kill may cost."""
SAVE_SHARE = 0.005
"""Most of the wall time that checkpoints may take: a large trajectory is written more seldom."""


def simulate(
    chains: Sequence[Chain],
    starts: Sequence[NDArray[np.float64] | None],
    settings: ResidueMdSettings,
    seed: int,
    progress: Progress | None = None,
    *,
    stream: int = 0,
    checkpoint: Path | None = None,
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
        Same seed, stream and machine: same bits, however often the run was killed in between.
    progress : callable, optional
        Called with (frames done, frames in all).
    stream : int
        Runs of one seed with different streams have independent random numbers.
    checkpoint : Path, optional
        Where the state is sealed while it runs and once it is complete. A state of the same run that lies there is
        taken up; anything else there is discarded.

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
    frames_each = settings.equilibration_frames + settings.frames
    total = settings.replicas * frames_each
    energy = settings.solution.thermal_energy
    state = _State.begin((settings.replicas * settings.frames, len(beads.masses_dalton), 3))
    identity = ""
    if checkpoint is not None:
        identity = run_identity(chains, starts, settings, seed, stream)
        state.take_up(read_checkpoint(checkpoint, identity))
        if state.done and progress is not None:
            progress(state.done, total)
    due = monotonic() + SAVE_SECONDS
    while state.done < total:
        replica, frame = divmod(state.done, frames_each)
        if frame == 0:
            state.generator = np.random.default_rng([seed, replica, stream])
            start = _start(chains, starts, box_nm, state.generator)
            state.x = np.ascontiguousarray(_relaxed(start, chains, settings.solution, box_nm).T)
            state.v = state.generator.standard_normal(state.x.shape) * np.sqrt(energy / beads.masses_dalton)
        for first in range(0, settings.steps_per_frame, STEPS_AT_ONCE):
            steps = min(STEPS_AT_ONCE, settings.steps_per_frame - first)
            kicks = state.generator.standard_normal((steps, *state.x.shape))
            advance(beads, state.x, state.v, kicks, settings.timestep_fs * 1e-3, FRICTION_PER_PS, energy)
        if not np.isfinite(state.x).all():
            raise Unstable(
                f"positions of replica {replica} are not finite after {frame * settings.frame_interval_ps:g} ps",
                cure="set a shorter timestep_fs",
            )
        if frame >= settings.equilibration_frames:
            state.keep(float(np.sum(beads.masses_dalton * state.v**2)))
        state.done += 1
        if progress is not None:
            progress(state.done, total)
        if checkpoint is not None and (state.done == total or monotonic() >= due):
            began = monotonic()
            write_checkpoint(checkpoint, identity, state.arrays())
            ended = monotonic()
            due = ended + max(SAVE_SECONDS, (ended - began) / SAVE_SHARE)
    per_component = state.doubled_kinetic / (state.positions.shape[0] * 3 * len(beads.masses_dalton))
    return Trajectory(
        state.positions.reshape(settings.replicas, settings.frames, -1, 3),
        len(chains[0].sequence),
        box_nm,
        settings.temperature_kelvin * per_component / energy,
    )


def run_identity(
    chains: Sequence[Chain],
    starts: Sequence[NDArray[np.float64] | None],
    settings: ResidueMdSettings,
    seed: int,
    stream: int = 0,
) -> str:
    """Name what determines the bits of a run.

    Parameters
    ----------
    chains, starts, settings, seed, stream
        As `simulate` takes them.

    Returns
    -------
    str
        SHA-256 over them, the code of the dynamics, and the versions of the libraries that draw, relax and compile.
    """
    from screening.folding import bead_dynamics, bead_kernels

    digest = hashlib.sha256()
    code = (bead_dynamics.__file__, bead_kernels.__file__, calvados.__file__, protocol.__file__, jit.__file__, __file__)
    for path in code:
        digest.update(Path(path).read_bytes())
    libraries = {name: version(name) for name in ("numpy", "numba", "openmm")}
    shapes = [None if start is None else start.shape for start in starts]
    run = [libraries, [asdict(chain) for chain in chains], shapes, settings.model_dump(mode="json"), seed, stream]
    digest.update(json.dumps(run, sort_keys=True).encode())
    for start in starts:
        digest.update(b"" if start is None else np.ascontiguousarray(start, np.float64).tobytes())
    return digest.hexdigest()


@dataclass
class _State:
    """Everything that the rest of a run depends on.

    Attributes
    ----------
    positions : ndarray, shape (frames of all replicas, n, 3), float32
        Frames after equilibration; the first `kept` of them are there.
    x, v : ndarray, shape (3, n), float64
        Positions and velocities of the replica under way.
    generator : Generator
        Its random numbers.
    doubled_kinetic : float
        Sum of m v^2 over the frames kept.
    done, kept : int
        Frames computed, and those of them after equilibration.
    """

    positions: NDArray[np.float32]
    x: NDArray[np.float64]
    v: NDArray[np.float64]
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    doubled_kinetic: float = 0.0
    done: int = 0
    kept: int = 0

    @classmethod
    def begin(cls, shape: tuple[int, int, int]) -> Self:
        """Make room for all frames."""
        return cls(np.empty(shape, np.float32), np.empty((3, shape[1])), np.empty((3, shape[1])))

    def keep(self, doubled_kinetic: float) -> None:
        """Add the present frame to those that are analysed."""
        self.positions[self.kept] = self.x.T
        self.doubled_kinetic += doubled_kinetic
        self.kept += 1

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the state as a checkpoint stores it."""
        return {
            "positions": self.positions[: self.kept],
            "x": self.x,
            "v": self.v,
            # As text, since numpy has no integer of the 128 bits of a PCG64 state.
            "generator": np.array(json.dumps(self.generator.bit_generator.state)),
            "doubled_kinetic": np.array(self.doubled_kinetic),
            "done": np.array(self.done),
        }

    def take_up(self, stored: Mapping[str, NDArray[np.generic]] | None) -> None:
        """Go on from a checkpoint, if there is one."""
        if stored is None:
            return
        self.kept, self.done = len(stored["positions"]), int(stored["done"])
        self.positions[: self.kept] = stored["positions"]
        self.x[:], self.v[:] = stored["x"], stored["v"]
        self.generator.bit_generator.state = json.loads(str(stored["generator"]))
        self.doubled_kinetic = float(stored["doubled_kinetic"])


def _relaxed(
    start: NDArray[np.float64], chains: Sequence[Chain], solution: Solution, box_nm: float
) -> NDArray[np.float64]:
    """Take the overlaps out of a random start; no context is shared, so each replica depends on itself only."""
    import openmm

    platform = openmm.Platform.getPlatformByName("CPU")
    properties = {"Threads": "1", "DeterministicForces": "true"}
    system = build_system(chains, solution, box_nm)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform, properties)
    context.setPositions(start)
    openmm.LocalEnergyMinimizer.minimize(context, 10, 200)
    return np.array(context.getState(positions=True).getPositions(asNumpy=True)._value)


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
