"""Faults put into sound structures, one at a time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from md.structure import read


def edited(path: Path, edit: Callable[[list[str]], list[str]]) -> Path:
    faulty = path.with_name("faulty.pdb")
    faulty.write_text("\n".join(edit(path.read_text().splitlines())) + "\n", encoding="ascii")
    return faulty


def number(line: str) -> int:
    return int(line[22:26]) if line.startswith(("ATOM", "HETATM")) else -1


def moved(line: str, shift: float) -> str:
    return line[:30] + f"{float(line[30:38]) + shift:8.3f}" + line[38:]


def turned(path: Path, degrees: float) -> Path:
    """All after the bond between residues 14 and 15 turned about it."""
    structure = read(path)
    at = {(a.residue.id, a.name): structure.positions_nm[a.index] for a in structure.topology.atoms()}
    origin, axis = at["14", "C"], at["15", "N"] - at["14", "C"]
    axis = axis / np.linalg.norm(axis)
    angle = np.radians(degrees)

    def turn(line: str) -> str:
        if not (15 <= number(line) <= 18) or (number(line), line[12:16].strip()) == (15, "N"):
            return line
        v = np.array([float(line[30:38]), float(line[38:46]), float(line[46:54])]) / 10.0 - origin
        v = v * np.cos(angle) + np.cross(axis, v) * np.sin(angle) + axis * np.dot(axis, v) * (1.0 - np.cos(angle))
        x, y, z = 10.0 * (v + origin)
        return f"{line[:30]}{x:8.3f}{y:8.3f}{z:8.3f}{line[54:]}"

    return edited(path, lambda lines: [turn(line) for line in lines])
