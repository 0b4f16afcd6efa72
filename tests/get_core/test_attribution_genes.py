import numpy as np
import pytest

from get_core.attribution import mean_by_gene
from get_core.errors import InvalidInput


def test_starts_of_a_gene_are_averaged() -> None:
    matrix = np.array([[1, 2], [3, 4], [5, 0], [7, 8]], np.float32)
    found, genes = mean_by_gene(matrix, ["TAL1", "GATA1", "TAL1", "TAL1"])
    assert genes == ("GATA1", "TAL1")
    np.testing.assert_allclose(found, [[3, 4], [13 / 3, 10 / 3]], rtol=1e-6)


def test_no_rows() -> None:
    found, genes = mean_by_gene(np.empty((0, 3), np.float32), [])
    assert (found.shape, genes) == ((0, 3), ())


def test_one_gene_per_row() -> None:
    with pytest.raises(InvalidInput, match="2 rows cannot belong to 1 genes"):
        mean_by_gene(np.zeros((2, 1), np.float32), ["GATA1"])
