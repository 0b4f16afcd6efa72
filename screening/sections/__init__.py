"""The sections of ``screen.toml``: one frozen class for each stage, in the order of the data."""
