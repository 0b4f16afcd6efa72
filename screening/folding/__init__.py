"""Backends that turn two protein segments into a structure of their complex."""

__all__: list[str] = []
