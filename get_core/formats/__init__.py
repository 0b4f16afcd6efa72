"""Files that the published GET code writes, read into ours."""

from get_core.formats.demo import read_demo
from get_core.formats.interpretation import Interpretation, check_interpretation, read_interpretation
from get_core.formats.matrix import GeneByMotif, read_matrix, write_matrix
from get_core.formats.training import read_training

__all__ = [
    "GeneByMotif",
    "Interpretation",
    "check_interpretation",
    "read_demo",
    "read_interpretation",
    "read_matrix",
    "read_training",
    "write_matrix",
]
