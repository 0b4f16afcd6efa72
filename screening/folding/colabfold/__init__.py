"""AlphaFold-Multimer v2.3 by ColabFold's code: one compiled network per length bucket, kept from pair to pair."""

from screening.folding.colabfold.settings import ColabFoldSettings, CostSettings

__all__ = ["ColabFoldSettings", "CostSettings"]
