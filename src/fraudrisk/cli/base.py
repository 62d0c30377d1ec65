"""What all commands share: the app, its argument types, how errors end it, progress and plain output."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from fraudrisk.errors import FraudRiskError, InputError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Find elder-fraud leads in registers and complaints. A lead is not a finding.",
)  # fmt: skip

__all__ = ["Day", "Input", "Out", "WorkspaceFolder", "app", "main", "parse_date", "parse_days", "parse_pair", "progress_bar", "say"]

WorkspaceFolder = Annotated[Path, typer.Argument(metavar="WS", help="Folder of the workspace.")]
Input = Annotated[Path, typer.Argument(metavar="INPUT", help="CSV, JSON Lines, xlsx or Parquet.")]
Out = Annotated[Path, typer.Option("--out", help="Output file; the suffix decides the format: .csv, .jsonl, .xlsx, .parquet.")]
Day = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="Only what was known before this day is used; today when not given.")
]


def main() -> None:
    """Run the command line: exit code 0 when done, 2 when the input is at fault, 1 when we are."""
    try:
        app(standalone_mode=False)
    except FraudRiskError as error:
        fail(f"error: {error}", error.exit_code)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except KeyboardInterrupt:
        fail("stopped; what was finished is kept", 130)
    except OSError as error:
        import errno

        if error.errno == errno.ENOSPC:
            fail(f"error: the disk is full ({error.filename or 'output'}); free some space and run again; earlier results are untouched", 2)
        fail(f"error: {error.strerror or error} ({error.filename or ''})", 1)
    except Exception as error:  # Typer may vendor its parser: its usage errors are told by what they can do
        if not hasattr(error, "format_message"):
            raise
        fail(f"error: {error.format_message()}; see --help", 2)


def fail(message: str, code: int) -> None:
    sys.stderr.write(message.rstrip() + "\n")
    sys.exit(code)


def say(text: Any) -> None:
    """Print one line."""
    sys.stdout.write(f"{text}\n")


def parse_date(value: str, option: str) -> dt.date:
    """A date as people write it on a command line; an error names the option."""
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise InputError("this is no date", where=f"{option} '{value}'", mend="write it as 2026-11-24") from None


def parse_days(value: str, option: str) -> dt.timedelta:
    """A number of days such as 90d; an error names the option."""
    text = value.strip().lower().removesuffix("d")
    if not text.isdigit() or not int(text):
        raise InputError("this is no number of days", where=f"{option} '{value}'", mend="write it as 90d")
    return dt.timedelta(days=int(text))


def parse_pair(text: str) -> tuple[str, str]:
    """``HEADER=NAME`` as its two parts."""
    header, sign, name = text.partition("=")
    if not sign:
        raise InputError("a column is named as HEADER=NAME", where=f"--column '{text}'")
    return header.strip(), name.strip()


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A Rich progress line per step on a terminal; silence elsewhere."""
    if not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total or None)
            bar.update(tasks[step], completed=done, total=total or None)

        yield tell
