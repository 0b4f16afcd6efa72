"""Force fields: a99SB-disp, what OpenMM brings, implicit water, and the user's own."""

from md.forcefields.disp import a99sb_disp
from md.forcefields.implicit import add_obc2
from md.forcefields.registry import DEFAULT, FORCE_FIELDS, WATER_MODELS, ForceFieldEntry, user_force_field

__all__ = [
    "DEFAULT",
    "FORCE_FIELDS",
    "WATER_MODELS",
    "ForceFieldEntry",
    "a99sb_disp",
    "add_obc2",
    "user_force_field",
]
