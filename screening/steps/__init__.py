"""The stage functions: thin adapters between tasks and the science, plus the tasks that follow from their results."""
