"""The command line: parses, calls, prints. Heavy libraries load inside the commands, so that ``--help`` is quick."""

from fraudrisk.cli import daily, learning, reading
from fraudrisk.cli.base import app, main

__all__ = ["app", "daily", "learning", "main", "reading"]
