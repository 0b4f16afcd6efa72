"""What `md` raises when a structure, a trajectory or a checkpoint cannot be used."""

__all__ = ["DamagedCheckpoint", "DiskFull", "InvalidStructure", "NotEquilibrated", "Unstable"]


class InvalidStructure(ValueError):
    """Input that must not be simulated or analysed.

    Parameters
    ----------
    message : str
        What is wrong, where (``file:line`` where there is one) and why, with numbers.
    code : str, optional
        Name of the refusal, as docs/dynamics.md lists them; it ends the message.
    cure : str, optional
        The next command or edit that mends it; kept as an exception note.
    """

    def __init__(self, message: str, *, code: str = "", cure: str = "") -> None:
        super().__init__(f"{message} [{code}]" if code else message)
        self.code = code
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
    code : str, optional
        Name of the refusal; it ends the message.
    cure : str, optional
        The next command or edit that mends it; kept as an exception note.
    """

    def __init__(self, message: str, *, code: str = "", cure: str = "") -> None:
        super().__init__(f"{message} [{code}]" if code else message)
        self.code = code
        if cure:
            self.add_note(cure)


class NotEquilibrated(Unstable):
    """A minimised or equilibrated system whose numbers are not those production may start from."""


class DiskFull(OSError):
    """No room for what a run writes; nothing half-written is left.

    Parameters
    ----------
    message : str
        Where, and how much is free and needed.
    cure : str, optional
        The next command or edit that mends it; kept as an exception note.
    """

    code = "disk_full"

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(f"{message} [{self.code}]")
        if cure:
            self.add_note(cure)
