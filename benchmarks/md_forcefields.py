"""What the O···H well of a99SB-disp costs: as `md` writes it, against none, and against an NBFix in XML.

    python benchmarks/md_forcefields.py [--steps 100] [--repeats 3]

One system (villin in a99SB-disp water) and one set of positions for all three. Plain: the well left out, which is
another physics at the same number of pairs. NBFix: the same force field through OpenMM's own element for exceptions to
the mixing rule, whose forces must be the same; its few steps are enough, a step takes so long.
"""

import argparse
import io
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import SubElement, tostring

import numpy as np
from md_villin import cpu, environment, solvated, table

from md.forcefields import disp
from md.settings import MdSettings

if TYPE_CHECKING:
    from openmm import System
    from openmm.app import ForceField


def by_nbfix() -> "ForceField":
    """Return a99SB-disp with its Lennard-Jones terms in a <LennardJonesForce>."""
    from xml.etree.ElementTree import fromstring

    from openmm import app

    roots = [disp._protein(disp.read_delta()), fromstring(disp._WATER), fromstring(disp._ions())]
    oxygens, hydrogens = disp._backbone_types(roots[0])
    for root in roots:
        nonbonded = disp._child(root, "NonbondedForce")
        force = SubElement(root, "LennardJonesForce", lj14scale=str(disp.LJ_14_SCALE))
        for atom in nonbonded:
            keys = {key: atom.attrib[key] for key in ("type", "sigma", "epsilon")}
            SubElement(force, "Atom", keys)
            atom.set("epsilon", "0")
        if root is roots[0]:
            for oxygen in sorted(oxygens):
                for hydrogen in sorted(hydrogens):
                    pair = {"type1": oxygen, "type2": hydrogen}
                    pair |= {"sigma": str(disp.WELL_SIGMA_NM), "epsilon": str(disp.WELL_EPSILON_KJ_MOL)}
                    SubElement(force, "NBFixPair", pair)
    return app.ForceField(*(io.StringIO(tostring(root, encoding="unicode")) for root in roots))


def ms_per_step(system: "System", positions: np.ndarray, steps: int) -> float:
    """Return CPU milliseconds a step, after a few to warm up."""
    import openmm

    integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.002)
    context = openmm.Context(system, integrator, *cpu())
    context.setPositions(positions)
    integrator.step(max(1, steps // 10))
    began = time.process_time()
    integrator.step(steps)
    return (time.process_time() - began) / steps * 1000.0


def forces(system: "System", positions: np.ndarray) -> np.ndarray:
    """Return forces on the CPU platform."""
    import openmm

    context = openmm.Context(system, openmm.VerletIntegrator(0.001), *cpu())
    context.setPositions(positions)
    return np.array(context.getState(forces=True).getForces(asNumpy=True)._value)


def main() -> None:
    import openmm
    from openmm import app

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepared, positions = solvated(Path(folder), MdSettings(box_shape="dodecahedron"))
    plain = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(prepared.system))
    plain.removeForce(next(i for i, f in enumerate(plain.getForces()) if f.getName() == "BackboneWell"))
    nbfix = by_nbfix().createSystem(
        prepared.topology,
        nonbondedMethod=app.PME,  # pyright: ignore[reportArgumentType]
        nonbondedCutoff=1.0,
        constraints=app.HBonds,
    )
    ours, peer = forces(prepared.system, positions), forces(nbfix, positions)
    systems = {"plain Lennard-Jones": plain, "a99SB-disp of md": prepared.system}
    costs = {name: float("inf") for name in systems}
    for _ in range(arguments.repeats):
        for name, system in systems.items():
            costs[name] = min(costs[name], ms_per_step(system, positions, arguments.steps))
    costs["a99SB-disp by NBFix"] = ms_per_step(nbfix, positions, max(2, arguments.steps // 25))
    base, own = costs["plain Lennard-Jones"], costs["a99SB-disp of md"]
    print(f"{environment()}\n{prepared.system.getNumParticles()} particles, PME, cutoff 1.0 nm\n")
    rows = [[name, f"{cost:.2f}", f"{cost / base:.3f}", f"{cost / own:.2f}"] for name, cost in costs.items()]
    print(table(["route", "ms a step", "over plain", "over ours"], rows))
    print(f"\nlargest difference of forces, ours against NBFix: {np.abs(ours - peer).max():.4f} kJ/mol/nm ", end="")
    print(f"(root mean square force {np.sqrt((ours**2).mean()):.0f})")


if __name__ == "__main__":
    main()
