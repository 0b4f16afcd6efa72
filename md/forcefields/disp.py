"""a99SB-disp, the force field of Robustelli, Piana & Shaw 2018 (doi 10.1073/pnas.1800690115), with its own water.

It is ff99SB-ILDN with other charges in five residues, other backbone and some side-chain torsions, and a
Lennard-Jones well of its own between backbone O and backbone H (`md.forcefields.backbone_well`). OpenMM brings
ff99SB-ILDN; the three tables beside this file hold what differs. Every number is that of the authors' public release
(viparr-ffpublic; see NOTICE).
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, parse, tostring

import numpy as np

from md.forcefields.backbone_well import KCAL, LJ_14_SCALE, BackboneWell

if TYPE_CHECKING:
    from openmm.app import ForceField

__all__ = ["WATER_MODEL", "Charge", "Delta", "Torsion", "a99sb_disp", "build", "read_delta"]

WATER_MODEL = "tip4pew"
"""Water box of OpenMM with the same four sites, as `Modeller.addSolvent` knows it."""

COULOMB_14_SCALE = "0.8333"  # as the release and its GROMACS port round 1/1.2

# Atoms in classes of their own, with the class whose bonds, angles and impropers they keep: viparr-ffpublic.
_NEW_CLASSES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "C1": ("CT", tuple((f"{end}GLY", "CA") for end in ("", "N", "C"))),
    "C7": ("CT", tuple((f"{end}PRO", "CA") for end in ("", "N", "C"))),
    "C8": ("CT", (("SER", "CB"), ("THR", "CB"), ("VAL", "CB"))),
    "C9": ("CT", tuple((name, "CG") for name in ("ARG", "GLU", "GLH", "GLN", "LYS", "LYN", "MET"))),
    "O3": ("OH", (("THR", "OG1"),)),
}
# The bundled file has this class already, for ILE inside a chain; here the ends have it, too.
_MORE_OF_C3 = (("NILE", "CG2"), ("CILE", "CG2"))

_NUCLEIC = frozenset(f"{kind}{base}{end}" for kind in "DR" for base in "ACGTU" for end in ("", "3", "5", "N"))
_ION_ELEMENTS = frozenset({"Cl", "Cs", "K", "Li", "Mg", "Na", "Rb"})

# Robustelli, Piana & Shaw 2018, table S1: TIP4P-D with a stronger dispersion; geometry of TIP4P.
_WATER = """<ForceField>
 <AtomTypes>
  <Type name="disp-OW" class="OW" element="O" mass="15.99943"/>
  <Type name="disp-HW" class="HW" element="H" mass="1.007947"/>
  <Type name="disp-MW" class="MW" mass="0"/>
 </AtomTypes>
 <Residues>
  <Residue name="HOH">
   <Atom name="O" type="disp-OW"/>
   <Atom name="H1" type="disp-HW"/>
   <Atom name="H2" type="disp-HW"/>
   <Atom name="M" type="disp-MW"/>
   <VirtualSite type="average3" siteName="M" atomName1="O" atomName2="H1" atomName3="H2"
                weight1="0.736124464" weight2="0.131937768" weight3="0.131937768"/>
   <Bond atomName1="O" atomName2="H1"/>
   <Bond atomName1="O" atomName2="H2"/>
  </Residue>
 </Residues>
 <HarmonicBondForce>
  <Bond class1="OW" class2="HW" length="0.09572" k="376560"/>
 </HarmonicBondForce>
 <HarmonicAngleForce>
  <Angle class1="HW" class2="OW" class3="HW" angle="1.82421813418" k="460.24"/>
 </HarmonicAngleForce>
 <NonbondedForce coulomb14scale="0.8333" lj14scale="0.5">
  <Atom type="disp-OW" charge="0" sigma="0.3165" epsilon="0.998988576"/>
  <Atom type="disp-HW" charge="0.59" sigma="1" epsilon="0"/>
  <Atom type="disp-MW" charge="-1.18" sigma="1" epsilon="0"/>
 </NonbondedForce>
</ForceField>"""


@dataclass(frozen=True)
class Charge:
    """A charge in e of an atom inside a chain."""

    residue: str
    atom: str
    charge_e: float


@dataclass(frozen=True)
class Torsion:
    """All terms of one torsion.

    Parameters
    ----------
    classes : tuple of str
        The four atom classes; ``X`` is any.
    terms : tuple of (int, float, float)
        n, k in kcal/mol and phase in degrees of k (1 + cos(n phi - phase)).
    """

    classes: tuple[str, ...]
    terms: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True)
class Delta:
    """What makes ff99SB-ILDN into a99SB-disp, but for the backbone well.

    Parameters
    ----------
    charges : tuple of Charge
    torsions : tuple of Torsion
    ordering : str
        Which of OpenMM's orders of the atoms of an improper is meant; a99SB-disp follows Amber's, and with OpenMM's
        own the one at CG of tryptophan is another torsion.
    """

    charges: tuple[Charge, ...]
    torsions: tuple[Torsion, ...]
    ordering: str = "amber"


def read_delta() -> Delta:
    """Return the tables of this folder.

    Returns
    -------
    Delta
    """
    charges = tuple(Charge(residue, atom, float(charge)) for residue, atom, charge in _rows("charges"))
    terms: dict[tuple[str, ...], list[tuple[int, float, float]]] = {}
    for *classes, n, k, phase in _rows("torsions"):
        terms.setdefault(tuple(classes), []).append((int(n), float(k), float(phase)))
    return Delta(charges, tuple(Torsion(classes, tuple(found)) for classes, found in terms.items()))


def a99sb_disp() -> "ForceField":
    """Return a99SB-disp with its four-site water and the CHARMM22 ions.

    Returns
    -------
    ForceField
        For proteins of the twenty amino acids with ACE and NME caps. Systems that it creates are complete: the
        backbone well is in them. Waters need their fourth site (`Modeller.addSolvent` with model ``tip4pew``, or
        `Modeller.addExtraParticles`).
    """
    return build(read_delta())


def build(delta: Delta) -> "ForceField":
    """Return ff99SB-ILDN with a difference, the backbone well, water and ions.

    Parameters
    ----------
    delta : Delta

    Returns
    -------
    ForceField
    """
    from openmm import app

    root = _protein(delta)
    texts = (tostring(root, encoding="unicode"), _WATER, _ions())
    force_field = app.ForceField(*(io.StringIO(text) for text in texts))
    force_field.registerGenerator(BackboneWell(*_backbone_types(root)))
    return force_field


def _protein(delta: Delta) -> Element:
    """Return the bundled ff99SB-ILDN, proteins only, with a difference put into it."""
    from openmm import app

    root = parse(Path(app.__file__).parent / "data" / "amber99sbildn.xml").getroot()
    types, residues, nonbonded = (_child(root, name) for name in ("AtomTypes", "Residues", "NonbondedForce"))
    for residue in list(residues):
        name = residue.attrib["name"]
        if name in _NUCLEIC or name.rstrip("+-2") in {element.upper() for element in _ION_ELEMENTS} | _ION_ELEMENTS:
            residues.remove(residue)
    type_of = {
        (residue.attrib["name"], atom.attrib["name"]): atom.attrib["type"]
        for residue in residues
        for atom in residue.iter("Atom")
    }
    nonbonded.set("coulomb14scale", COULOMB_14_SCALE)
    kept = set(type_of.values())
    _drop(types, lambda child: child.attrib["name"] not in kept)
    _drop(nonbonded, lambda child: child.attrib["type"] not in kept)
    by_type = {child.attrib["name"]: child for child in types}
    for name, (_, atoms) in _NEW_CLASSES.items():
        for key in atoms:
            by_type[type_of[key]].set("class", name)
    for key in _MORE_OF_C3:
        by_type[type_of[key]].set("class", "C3")
    charge_of = {child.attrib["type"]: child for child in nonbonded}
    for charge in delta.charges:
        charge_of[type_of[charge.residue, charge.atom]].set("charge", repr(charge.charge_e))
    classes = {child.attrib["class"] for child in types}
    for section in ("HarmonicBondForce", "HarmonicAngleForce", "PeriodicTorsionForce"):
        _inherit(_child(root, section), classes)
    _put_torsions(_child(root, "PeriodicTorsionForce"), delta)
    return root


def _inherit(section: Element, classes: set[str]) -> None:
    """Repeat the rows of a class for those that keep its bonds, angles and impropers; drop rows of absent classes."""
    same = {name: [name] for name in classes} | {"": [""]}
    for name, (parent, _) in _NEW_CLASSES.items():
        same[parent].append(name)
    for row in list(section):
        names = [row.attrib[f"class{i}"] for i in range(1, 5) if f"class{i}" in row.attrib]
        if row.tag == "Proper":
            continue
        section.remove(row)
        if all(name in same for name in names):
            for choice in product(*(same[name] for name in names)):
                SubElement(section, row.tag, {**row.attrib, **{f"class{i}": c for i, c in enumerate(choice, start=1)}})


def _put_torsions(section: Element, delta: Delta) -> None:
    """Replace the torsions that differ and add the new ones."""
    section.set("ordering", delta.ordering)
    ours = {classes for torsion in delta.torsions for classes in _both_ways(torsion.classes)}
    for row in section.findall("Proper"):
        if tuple(row.attrib[f"class{i}"] or "X" for i in range(1, 5)) in ours:
            section.remove(row)
    for torsion in delta.torsions:
        row = SubElement(section, "Proper")
        for i, name in enumerate(torsion.classes, start=1):
            row.set(f"class{i}", "" if name == "X" else name)
        for i, (n, k, phase) in enumerate(torsion.terms, start=1):
            row.set(f"periodicity{i}", str(n))
            row.set(f"k{i}", repr(k * KCAL))
            row.set(f"phase{i}", repr(float(np.radians(phase))))


def _both_ways(classes: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return classes, classes[::-1]


def _backbone_types(root: Element) -> tuple[set[str], set[str]]:
    """Return the types of the amide hydrogens and carbonyl oxygens: those at charged ends have other names."""
    oxygens, hydrogens = set(), set()
    for residue in _child(root, "Residues"):
        types = {atom.attrib["name"]: atom.attrib["type"] for atom in residue.iter("Atom")}
        if "O" in types and "OXT" not in types:
            oxygens.add(types["O"])
        if "H" in types:
            hydrogens.add(types["H"])
    return oxygens, hydrogens


def _ions() -> str:
    from openmm.app import Element as ChemicalElement

    root = Element("ForceField")
    types, residues = SubElement(root, "AtomTypes"), SubElement(root, "Residues")
    nonbonded = SubElement(root, "NonbondedForce", coulomb14scale=COULOMB_14_SCALE, lj14scale=str(LJ_14_SCALE))
    for residue, symbol, charge, sigma_angstrom, epsilon_kcal in _rows("ions"):
        name = f"disp-{residue}"
        mass = str(ChemicalElement.getBySymbol(symbol).mass._value)
        SubElement(types, "Type", {"name": name, "class": name, "element": symbol, "mass": mass})
        SubElement(SubElement(residues, "Residue", name=residue), "Atom", name=residue, type=name)
        sigma, epsilon = repr(float(sigma_angstrom) / 10.0), repr(float(epsilon_kcal) * KCAL)
        SubElement(nonbonded, "Atom", type=name, charge=charge, sigma=sigma, epsilon=epsilon)
    return tostring(root, encoding="unicode")


def _rows(table: str) -> Iterator[list[str]]:
    """Yield the rows of a table without comments and head."""
    text = (files("md.forcefields") / f"a99sb_disp_{table}.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    yield from (line.split("\t") for line in lines[1:])


def _child(root: Element, name: str) -> Element:
    child = root.find(name)
    assert child is not None, f"OpenMM's amber99sbildn.xml has no {name}"
    return child


def _drop(section: Element, unwanted: Callable[[Element], bool]) -> None:
    for child in [child for child in section if unwanted(child)]:
        section.remove(child)
