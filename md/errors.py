"""What `md` raises: each refusal ends with its name and carries its cure.

What follows from the input and the protocol is a ``ValueError`` or a ``RuntimeError``: it comes back when the run is
repeated. What comes from the machine, its disk and its folders is an ``OSError``: another try may succeed.
"""

__all__ = [
    "DamagedCheckpoint",
    "DiskFull",
    "InvalidStructure",
    "NotCalibrated",
    "NotEquilibrated",
    "Unavailable",
    "Unstable",
]


class _Refusal(Exception):
    """A message that ends with the name of the refusal, and its cure.

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


class InvalidStructure(_Refusal, ValueError):
    """Input that must not be simulated or analysed."""


class DamagedCheckpoint(_Refusal, OSError):
    """A folder of a run whose files are not the ones that were sealed, or are those of another run."""


class Unavailable(_Refusal, OSError):
    """A platform or a package that this machine does not have."""


class Unstable(_Refusal, RuntimeError):
    """A simulation that produced numbers that are not finite, after the bounded retries."""


class NotEquilibrated(Unstable):
    """A minimised or equilibrated system whose numbers are not those production may start from."""


class NotCalibrated(_Refusal, ValueError):
    """No measurement of what a step costs on this machine, or one that cannot be relied on."""


class DiskFull(_Refusal, OSError):
    """No room for what a run writes; nothing half-written is left."""

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message, code="disk_full", cure=cure)
