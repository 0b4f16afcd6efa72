"""Templates from a folder of structures, found and aligned by ColabFold's machinery (hhsearch and kalign)."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from screening.errors import InvalidInput
from screening.folding.colabfold.runtime import colabfold_batch

__all__ = ["template_features", "template_files"]

_SUFFIXES = (".cif", ".pdb")
_STEM = re.compile(r"[A-Za-z0-9]{4}")


def template_files(folder: Path) -> dict[str, Path]:
    """List the structures of a folder of templates.

    Parameters
    ----------
    folder : Path
        Holds ``ABCD.cif`` or ``ABCD.pdb``: AlphaFold knows templates by four letters or digits.

    Returns
    -------
    dict of str to Path
        By lower-case stem, sorted.

    Raises
    ------
    InvalidInput
        No such folder, no structure in it, or a name of another form.
    """
    cure = "set structure.colabfold.templates to a folder of structures named ABCD.cif or ABCD.pdb"
    if not folder.is_dir():
        raise InvalidInput(f"templates: {folder} is not a folder", cure=cure)
    files = {path.stem.lower(): path for path in sorted(folder.iterdir()) if path.suffix in _SUFFIXES}
    wrong = [path.name for stem, path in files.items() if not _STEM.fullmatch(stem)]
    if not files:
        raise InvalidInput(f"templates: {folder} has no structure", cure=cure)
    if wrong:
        raise InvalidInput(f"templates: {folder / wrong[0]} has not four letters or digits for a name", cure=cure)
    return files


def template_features(files: Sequence[Path], sequences: Sequence[str], workdir: Path) -> list[Mapping[str, object]]:
    """Search templates for each chain.

    Parameters
    ----------
    files : sequence of Path
        Structures; they are copied, since ColabFold writes beside them.
    sequences : sequence of str
        One for each different chain.
    workdir : Path
        Where the copies and the search database go.

    Returns
    -------
    list of mapping
        Template features of each chain, in the same order; those without a hit have an empty template.

    Raises
    ------
    InvalidInput
        hhsearch or kalign is not installed, or a structure is broken.
    """
    batch = colabfold_batch()
    absent = [name for name in ("hhsearch", "kalign") if shutil.which(batch._tool_path(name)) is None]
    if absent:
        raise InvalidInput(
            f"templates need {' and '.join(absent)}, not found",
            cure="pip install colabfold-binaries, or the distribution's packages hhsuite and kalign",
        )
    folder = workdir / "templates"
    shutil.rmtree(folder, ignore_errors=True)  # a killed attempt's
    folder.mkdir()
    for path in files:
        shutil.copyfile(path, folder / f"{path.stem.lower()}{path.suffix}")
    found = []
    try:
        batch.mk_hhsearch_db(str(folder))
        for sequence in sequences:
            features = batch.mk_template(f">query\n{sequence}\n", str(folder), sequence)
            found.append(features if len(features["template_domain_names"]) else batch.mk_mock_template(sequence))
    except (ValueError, KeyError, IndexError) as error:
        raise InvalidInput(f"a template cannot be used: {error}", cure="give structures as the PDB has them") from error
    finally:
        shutil.rmtree(folder)
    return found
