"""What `md` raises when a structure, a trajectory or a checkpoint cannot be used."""

__all__ = ["DamagedCheckpoint", "InvalidStructure", "Unstable"]


class InvalidStructure(ValueError):
    """A structure or trajectory that must not be simulated or analysed.

    Parameters
    ----------
    message : str
        What is wrong, where (``file:line`` where there is one) and why.
    cure : str, optional
        The next command or edit that mends it; kept as an exception note.
    """

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        if cure:
            self.add_note(cure)


class DamagedCheckpoint(InvalidStructure):
    """A sealed folder whose files are not the ones that were sealed."""


class Unstable(RuntimeError):
    """A simulation that produced numbers that are not finite, after the bounded retries.

    Parameters
    ----------
    message : str
        When it happened, and the atoms under the largest force.
    cure : str, optional
        The next command or edit that mends it; kept as an exception note.
    """

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        if cure:
            self.add_note(cure)
