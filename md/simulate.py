"""Minimise, equilibrate, produce: a trajectory made of sealed segments.

Each production segment starts from the sealed State of the one before, with random numbers of its own, and
becomes visible by one rename. A killed run therefore loses at most one segment and goes on from there; in
deterministic mode on one machine it ends in the same bits as a run that was never killed, because the
uninterrupted run reads the same States from the same files.

::

    workdir/
      run.json         what is simulated; a folder made for something else is refused
      start/           system.xml, topology.pdb, state.xml (equilibrated), log.json, seal.json
      segment_0001/    state.xml, trajectory.xtc, log.json, seal.json
      topology.pdb, trajectory.xtc, state.xml                              solute only, all segments joined
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from md.checkpoint import begin, is_sealed, seal, verify, write_text
from md.dynamics import Clock, Retry, add_barostat, equilibrate, produce, solute_frame
from md.errors import InvalidStructure
from md.forcefields import FORCE_FIELDS
from md.settings import MdSettings
from md.system import prepare

__all__ = ["MdResult", "run"]
