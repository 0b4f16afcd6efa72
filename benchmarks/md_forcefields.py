"""What the O···H well of a99SB-disp costs: as `md` writes it, against none, and against an NBFix in XML.

    python benchmarks/md_forcefields.py [--steps 100] [--repeats 3] [--residues 14]
    python benchmarks/md_forcefields.py --nbfix a99SB-disp.xml a99SB-disp_water.xml

One system (villin in a99SB-disp water) and one set of positions for all. Plain: the well left out, which is another
physics at the same number of pairs. NBFix: the same force field through OpenMM's own element for exceptions to the
mixing rule, whose forces must be the same; its few steps are enough, a step takes so long. With ``--nbfix`` a
published file of that kind is one more peer, for example that of JuliaMolSim/Molly.jl (data/force_fields, MIT); it
knows no ions, so all go without. It is taken apart by force, and timed on the Reference platform and without a cutoff.
"""

import argparse
import io
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import SubElement, tostring

import numpy as np
from md_villin import cpu, environment, solvated, table

from md.forcefields import FORCE_FIELDS, disp
from md.forcefields.backbone_well import LJ_14_SCALE, WELL_EPSILON_KJ_MOL, WELL_SIGMA_NM
from md.settings import MdSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from openmm import System
    from openmm.app import ForceField, Topology


def by_nbfix() -> "ForceField":
    """Return a99SB-disp with its Lennard-Jones terms in a <LennardJonesForce>."""
    from xml.etree.ElementTree import fromstring

    from openmm import app

    roots = [disp._protein(disp.read_delta()), fromstring(disp._WATER), fromstring(disp._ions())]
    oxygens, hydrogens = disp._backbone_types(roots[0])
    for root in roots:
        nonbonded = disp._child(root, "NonbondedForce")
        force = SubElement(root, "LennardJonesForce", lj14scale=str(LJ_14_SCALE))
        for atom in nonbonded:
            keys = {key: atom.attrib[key] for key in ("type", "sigma", "epsilon")}
            SubElement(force, "Atom", keys)
            atom.set("epsilon", "0")
        if root is roots[0]:
            for oxygen in sorted(oxygens):
                for hydrogen in sorted(hydrogens):
                    pair = {"type1": oxygen, "type2": hydrogen}
                    pair |= {"sigma": str(WELL_SIGMA_NM), "epsilon": str(WELL_EPSILON_KJ_MOL)}
                    SubElement(force, "NBFixPair", pair)
    return app.ForceField(*(io.StringIO(tostring(root, encoding="unicode")) for root in roots))


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds: of the first force of a new Context, of each further one, and of a step."""

    first: float
    force: float
    step: float


def cost(system: "System", positions: np.ndarray, steps: int) -> Cost:
    """Time a system; a step's time is the mean of some, after a few to warm up."""
    import openmm

    integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.002)
    context = openmm.Context(system, integrator, *cpu())
    context.setPositions(positions)
    first, *further = (timed(lambda: context.getState(forces=True)) for _ in range(4))
    integrator.step(max(1, steps // 10))
    return Cost(first, min(further), timed(lambda: integrator.step(steps)) / steps)


def timed(function: "Callable[[], object]") -> float:
    """Return the CPU milliseconds of a call."""
    began = time.process_time()
    function()
    return 1000.0 * (time.process_time() - began)


def forces(system: "System", positions: np.ndarray) -> np.ndarray:
    """Return forces on the CPU platform."""
    import openmm

    context = openmm.Context(system, openmm.VerletIntegrator(0.001), *cpu())
    context.setPositions(positions)
    return np.array(context.getState(forces=True).getForces(asNumpy=True)._value)


def by_force(system: "System", positions: np.ndarray) -> dict[str, float]:
    """Return the CPU milliseconds of each force of a system by itself."""
    import openmm

    for group, force in enumerate(system.getForces()):
        force.setForceGroup(group)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), *cpu())
    context.setPositions(positions)
    context.getState(forces=True)
    return {
        force.getName(): min(timed(lambda g=group: context.getState(forces=True, groups=1 << g)) for _ in range(3))
        for group, force in enumerate(system.getForces())
    }


def elsewhere(system: "System", positions: np.ndarray) -> dict[str, float]:
    """Return the CPU milliseconds of a force on the Reference platform, and on the CPU platform without a cutoff."""
    import openmm

    found = {}
    for name in ("Reference platform", "CPU platform, no cutoff"):
        copied = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
        platform = cpu()
        if name.startswith("Reference"):
            platform = (openmm.Platform.getPlatformByName("Reference"),)
        else:
            for force in copied.getForces():
                if isinstance(force, openmm.NonbondedForce | openmm.CustomNonbondedForce):
                    force.setNonbondedMethod(force.NoCutoff)
        context = openmm.Context(copied, openmm.VerletIntegrator(0.001), *platform)
        context.setPositions(positions)
        context.getState(forces=True)
        found[name] = timed(lambda context=context: context.getState(forces=True))
    return found


def without_ions(topology: "Topology", positions: np.ndarray) -> "tuple[Topology, np.ndarray]":
    """Return a system without its ions."""
    from openmm import app, unit

    modeller = app.Modeller(topology, unit.Quantity(10.0 * positions, unit.angstrom))
    modeller.delete([residue for residue in topology.residues() if residue.name in ("NA", "CL")])
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.angstrom)) / 10.0


def main() -> None:
    import openmm
    from openmm import app

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--residues", type=int, help="only the first so many of villin: a smaller box")
    parser.add_argument("--nbfix", nargs="+", default=[], metavar="FILE", help="OpenMM XML of a published NBFix")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepared, positions = solvated(Path(folder), MdSettings(box_shape="dodecahedron"), arguments.residues)
    topology, own_system = prepared.topology, prepared.system
    entry = FORCE_FIELDS["a99sb-disp"]
    if arguments.nbfix:
        topology, positions = without_ions(topology, positions)
        own_system = entry.build(entry.load(), topology, None)
    plain = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(own_system))
    plain.removeForce(next(i for i, f in enumerate(plain.getForces()) if f.getName() == "BackboneWell"))
    fields = {"a99SB-disp by NBFix": by_nbfix()}
    if arguments.nbfix:
        fields["the published NBFix"] = app.ForceField(*arguments.nbfix)
    peers = {
        name: field.createSystem(
            topology,
            nonbondedMethod=app.PME,  # pyright: ignore[reportArgumentType]
            nonbondedCutoff=1.0,
            constraints=app.HBonds,
        )
        for name, field in fields.items()
    }
    systems = {"plain Lennard-Jones": plain, "a99SB-disp of md": own_system, **peers}
    costs: dict[str, Cost] = {}
    for _ in range(arguments.repeats):
        for name, system in systems.items():
            steps = max(2, arguments.steps // 12) if name in peers else arguments.steps
            found, best = cost(system, positions, steps), costs.get(name, Cost(np.inf, np.inf, np.inf))
            costs[name] = Cost(*(min(pair) for pair in zip(astuple(found), astuple(best), strict=True)))
    base, own = costs["plain Lennard-Jones"], costs["a99SB-disp of md"]
    print(f"{environment()}\n{own_system.getNumParticles()} particles, PME, cutoff 1.0 nm, CPU platform\n")
    rows = [
        [
            name,
            *(f"{ms:.1f}" for ms in astuple(each)),
            *(f"{ratio:.2f}" for ratio in (each.step / base.step, each.step / own.step, each.force / own.force)),
        ]
        for name, each in costs.items()
    ]
    head = ["route", "first force, ms", "force", "step", "step over plain", "step over ours", "force over ours"]
    print(table(head, rows))
    for name, system in peers.items():
        apart = np.abs(forces(own_system, positions) - forces(system, positions)).max()
        print(f"\nlargest difference of forces, ours against {name}: {apart:.4f} kJ/mol/nm", end="")
    print(f" (root mean square force {np.sqrt((forces(own_system, positions) ** 2).mean()):.0f})")
    if arguments.nbfix:
        name = "the published NBFix"
        parts = {**by_force(peers[name], positions), **elsewhere(peers[name], positions)}
        rows = [[part, f"{ms:.1f}", f"{ms / own.force:.2f}"] for part, ms in parts.items()]
        print("\n" + table([f"{name}: one force", "ms", "over all of ours"], rows))


if __name__ == "__main__":
    main()
