"""Settings of what is read out of a finetuned network on request."""

from typing import Literal

from pydantic import Field

from screening.sections.base import Section

__all__ = ["ReadoutSettings"]


class ReadoutSettings(Section):
    """``[readout]``: how the network is asked; what is asked is said by the command.

    Attributes
    ----------
    precision : str
        ``float32`` or ``bfloat16`` arithmetic.
    batch_size : int
        Windows per pass.
    """

    precision: Literal["float32", "bfloat16"] = "float32"
    batch_size: int = Field(default=16, ge=1, exclude=True)
