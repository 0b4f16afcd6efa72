"""A package, since propka installs another one of this name, which would stand before a folder without this file."""
