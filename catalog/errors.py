"""What `catalog` raises for an unusable record, store or query."""

__all__ = ["CatalogError"]


class CatalogError(ValueError):
    """A record, store, catalog file or query that cannot be used.

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
