"""What `get_core` raises when its input cannot be used."""

__all__ = ["InvalidInput"]


class InvalidInput(ValueError):
    """Input that no setting can make usable.

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
