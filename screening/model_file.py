"""How this platform stores a prediction: ModelCIF with pLDDT as B factors, PAE as 16-bit steps of 0.001 angstrom.

A 400-residue pair takes about 0.4 MB. Both files are the same bytes for the same prediction, so that content-addressed
storage keeps one copy, and both are read by `screening.prediction.read_prediction`.
"""

import gzip
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from catalog.store import write_atomically
from screening.confidences import PAE_STEPS_PER_ANGSTROM, checked_pae
from screening.errors import InvalidInput, InvalidOutput
from screening.prediction import Prediction
from screening.structure_file import THREE_LETTERS

__all__ = ["ModelChain", "write_model", "write_pae"]

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_METRIC_TYPES = {"pTM": "pTM", "ipTM": "ipTM"}
"""Global metrics that the ModelCIF dictionary knows by name; every other one is of type ``other``."""
_ATOM_ITEMS = (
    *("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id"),
    *("label_entity_id", "label_seq_id", "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy"),
    *("B_iso_or_equiv", "auth_seq_id", "auth_asym_id", "pdbx_PDB_model_num"),
)


@dataclass(frozen=True)
class ModelChain:
    """What a chain is a part of.

    Attributes
    ----------
    name : str
        Protein, for example its accession; what the entity is called.
    start : int
        Number of its first residue in the full-length protein, 1-based: ``auth_seq_id`` counts from it.
    chain_id : str
        Name of the chain in the file, one letter or more.
    """

    name: str
    start: int
    chain_id: str


def write_model(
    path: Path,
    prediction: Prediction,
    chains: Sequence[ModelChain],
    *,
    title: str,
    software: str,
    metrics: Mapping[str, float | None],
) -> None:
    """Write a prediction as gzipped ModelCIF.

    Parameters
    ----------
    path : Path
        File to make, ``.cif.gz``; it appears whole or not at all.
    prediction : Prediction
        Structure and pLDDT. Coordinates are kept to 0.001 angstrom, pLDDT to 0.01.
    chains : sequence of ModelChain
        One for each chain of the prediction, in its order. ``label_seq_id`` counts from 1 in each chain,
        ``auth_seq_id`` in the full-length protein.
    title : str
        What the model is of.
    software : str
        Program and version that predicted it.
    metrics : mapping of str to float or None
        Global quality metrics of the model by name, for example ``ipTM``; those that are None are left out.

    Raises
    ------
    InvalidInput
        Another number of chains, or a chain that begins before residue 1.
    InvalidOutput
        Coordinates that do not fit the format, or are not finite.
    """
    if len(chains) != len(prediction.chain_ids):
        raise InvalidInput(f"{title}: {len(chains)} chains are described, {len(prediction.chain_ids)} predicted")
    for chain in chains:
        if chain.start < 1:
            raise InvalidInput(f"{title}: chain {chain.chain_id} begins at residue {chain.start}, before 1")
    if not np.isfinite(prediction.atoms.xyz_angstrom).all():
        raise InvalidOutput(f"{title}: a coordinate is not finite")
    text = "\n".join(_lines(prediction, chains, title, software, metrics)) + "\n"
    write_atomically(path, gzip.compress(text.encode(), compresslevel=9, mtime=0))


def write_pae(path: Path, pae: NDArray[np.floating]) -> None:
    """Write a predicted aligned error as compressed npz with the array ``pae_milliangstrom``, uint16.

    The largest error of what is read back is 0.0005 angstrom, so ipSAE and LIS keep four digits; values with two
    decimals, as ColabFold writes them, come back exactly.

    Parameters
    ----------
    path : Path
        File to make; it appears whole or not at all.
    pae : ndarray, shape (L, L)
        PAE in angstrom, row = aligned, column = scored.

    Raises
    ------
    InvalidInput
        Another shape, or numbers that are negative or not finite.
    InvalidOutput
        A value beyond 65.535 angstrom.
    """
    values = checked_pae(np.asarray(pae), str(path))
    largest = float(values.max(initial=0.0))
    if largest > np.iinfo(np.uint16).max / PAE_STEPS_PER_ANGSTROM:
        raise InvalidOutput(f"{path}: PAE of {largest:g} angstrom is beyond the 65.535 that can be stored")
    steps = np.rint(values.astype(np.float64) * PAE_STEPS_PER_ANGSTROM).astype(np.uint16)
    array = io.BytesIO()
    npy.write_array(array, steps, allow_pickle=False)
    archive = io.BytesIO()
    # numpy.savez would write the time into the archive, and the same PAE would be two files.
    with ZipFile(archive, "w", ZIP_DEFLATED, compresslevel=6) as zipped:
        zipped.writestr(ZipInfo("pae_milliangstrom.npy", _ZIP_EPOCH), array.getvalue(), ZIP_DEFLATED)
    write_atomically(path, archive.getvalue())


def _lines(
    prediction: Prediction,
    chains: Sequence[ModelChain],
    title: str,
    software: str,
    metrics: Mapping[str, float | None],
) -> Iterator[str]:
    """Yield the categories of the file; chains of the same residues are one entity."""
    polymers = [prediction.residue_names[prediction.chain(k)] for k in range(len(chains))]
    entities = {polymer: number for number, polymer in enumerate(dict.fromkeys(polymers), start=1)}
    entity_of = [entities[polymer] for polymer in polymers]
    yield "data_model\n_entry.id model"
    yield f"_struct.entry_id model\n_struct.title {_quoted(title)}"
    yield "_audit_conform.dict_name mmcif_ma.dic\n_audit_conform.dict_version 1.4.6"
    yield f"_software.pdbx_ordinal 1\n_software.name {_quoted(software)}\n_software.classification 'model building'"
    first = {number: polymers.index(polymer) for polymer, number in entities.items()}
    yield _loop(
        "entity",
        ("id", "type", "pdbx_description"),
        ((number, "polymer", _quoted(chains[k].name)) for number, k in first.items()),
    )
    yield _loop(
        "entity_poly",
        ("entity_id", "type", "pdbx_seq_one_letter_code_can"),
        ((number, "polypeptide(L)", prediction.sequences[k]) for number, k in first.items()),
    )
    yield _loop(
        "entity_poly_seq",
        ("entity_id", "num", "mon_id"),
        ((number, place, name) for p, number in entities.items() for place, name in enumerate(p, start=1)),
    )
    yield _loop("struct_asym", ("id", "entity_id"), zip((chain.chain_id for chain in chains), entity_of, strict=True))
    yield "_ma_model_list.ordinal_id 1\n_ma_model_list.model_id 1\n_ma_model_list.model_type 'Ab initio model'"
    yield from _quality(prediction, chains, {name: value for name, value in metrics.items() if value is not None})
    yield _loop("atom_site", _ATOM_ITEMS, _atom_rows(prediction, chains, entity_of))


def _quality(prediction: Prediction, chains: Sequence[ModelChain], metrics: Mapping[str, float]) -> Iterator[str]:
    """Yield the quality metrics: pLDDT of each residue, and those of the whole model."""
    rows = [] if prediction.plddt is None else [(1, "pLDDT", "local", "pLDDT")]
    rows += [(n, _quoted(name), "global", _METRIC_TYPES.get(name, "other")) for n, name in enumerate(metrics, start=2)]
    if rows:
        yield _loop("ma_qa_metric", ("id", "name", "mode", "type"), rows)
    if metrics:
        values = ((n, 1, n + 1, f"{value:.6g}") for n, value in enumerate(metrics.values(), start=1))
        yield _loop("ma_qa_metric_global", ("ordinal_id", "model_id", "metric_id", "metric_value"), values)
    if prediction.plddt is not None:
        yield _loop(
            "ma_qa_metric_local",
            ("ordinal_id", "model_id", "label_asym_id", "label_seq_id", "label_comp_id", "metric_id", "metric_value"),
            (
                (i + 1, 1, chains[k].chain_id, place, prediction.residue_names[i], 1, f"{prediction.plddt[i]:.2f}")
                for i, (k, place) in enumerate(zip(prediction.chain_index, _places(prediction), strict=True))
            ),
        )


def _atom_rows(
    prediction: Prediction, chains: Sequence[ModelChain], entity_of: Sequence[int]
) -> Iterator[tuple[object, ...]]:
    chain, place = prediction.chain_index.tolist(), _places(prediction)
    atoms = prediction.atoms
    b_factor = atoms.b_factor if prediction.plddt is not None else np.zeros(len(atoms.names))
    columns = zip(atoms.names, atoms.residue.tolist(), atoms.xyz_angstrom.tolist(), b_factor.tolist(), strict=True)
    for serial, (atom, i, (x, y, z), b) in enumerate(columns, start=1):
        k, name = chain[i], prediction.residue_names[i]
        yield (
            *("ATOM" if name in THREE_LETTERS else "HETATM", serial, "SE" if atom == "SE" else atom[0], atom, "."),
            *(name, chains[k].chain_id, entity_of[k], place[i], ".", f"{x:.3f}", f"{y:.3f}", f"{z:.3f}", "1"),
            *(f"{b:.2f}", chains[k].start + place[i] - 1, chains[k].chain_id, 1),
        )


def _places(prediction: Prediction) -> list[int]:
    """Place of each residue in its chain, from 1."""
    return [place for sequence in prediction.sequences for place in range(1, len(sequence) + 1)]


def _loop(category: str, items: Sequence[str], rows: Iterable[tuple[object, ...]]) -> str:
    body = (" ".join(map(str, row)) for row in rows)
    return "\n".join(["#", "loop_", *(f"_{category}.{item}" for item in items), *body, "#"])


def _quoted(text: str) -> str:
    """Return text as one CIF value: on one line, without the quote that would end it."""
    return "'" + (" ".join(text.split()).replace("'", "’") or "?") + "'"
