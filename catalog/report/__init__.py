"""One self-contained HTML page about a screen."""

from catalog.report.report import write_report

__all__ = ["write_report"]
