"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with the recorded inputs and outputs (`data/`, `parity/`) that lie beside the repository."""
    folder = Path(os.environ.get("SCREENING_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "parity").is_dir():
        pytest.skip(f"no recorded data at {folder} (set SCREENING_SHARED to a folder with data/ and parity/)")
    return folder
