"""The only code that knows Ray: the loop of a run, the workers, and what follows when one of them fails."""
