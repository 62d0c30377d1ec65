"""What the past says: backtest, retrain, monitor, audit groups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fraudrisk.cli.base import Day, WorkspaceFolder, app, parse_date, parse_days, progress_bar, say


@app.command()
def backtest(
    ws: WorkspaceFolder,
    outcome: Annotated[str, typer.Option(help="What counts as a find: confirmed, penalty, inspection_failed.")] = "penalty",
    window: Annotated[str, typer.Option(metavar="DAYS", help="How long after each date it counts, such as 90d.")] = "90d",
    start: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First date judged.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last date judged.")] = None,
    capacity: Annotated[int, typer.Option(help="Businesses visited per date.")] = 50,
    step: Annotated[str | None, typer.Option(metavar="DAYS", help="Between dates; the window when not given.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Compare only these; may be given again.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for backtest.json, table and plots.")] = None,
) -> None:
    """Replay the past: what each way of ordering would have found, how surely, and how many days earlier."""
    from fraudrisk.evaluation.backtest import backtest as replay
    from fraudrisk.evaluation.report import backtest_text
    from fraudrisk.workspace import Workspace

    workspace = Workspace(ws)
    with progress_bar() as tell:
        result = replay(
            workspace, outcome=outcome, window=parse_days(window, "--window"), start=parse_date(start, "--from") if start else None,
            end=parse_date(end, "--to") if end else None, step=parse_days(step, "--step") if step else None, capacity=capacity,
            models=model or None, progress=tell,
        )  # fmt: skip
    folder = result.save(out or workspace.path / "backtests" / outcome)
    say(f"{backtest_text(result)}\n\n→ {folder}")


@app.command()
def retrain(
    ws: WorkspaceFolder,
    outcome: Annotated[str, typer.Option(help="What counts as a find: confirmed, penalty, inspection_failed.")] = "confirmed",
    window: Annotated[str, typer.Option(metavar="DAYS", help="How long after each date it counts, such as 90d.")] = "90d",
    capacity: Annotated[int, typer.Option(help="Businesses visited per date.")] = 50,
) -> None:
    """Fit challengers on what came back; one leads only where it wins the replay by the stated rule."""
    from fraudrisk.evaluation.report import backtest_text
    from fraudrisk.evaluation.retraining import retrain as learn
    from fraudrisk.workspace import Workspace

    with progress_bar() as tell:
        done = learn(Workspace(ws), outcome=outcome, window=parse_days(window, "--window"), capacity=capacity, progress=tell)
    say(
        f"{backtest_text(done.result)}\n\n{'promoted' if done.promoted else 'stays'}: {done.champion} (before: {done.before}) → {done.folder}"
    )


@app.command()
def monitor(
    ws: WorkspaceFolder,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for monitor.json, table and plots.")] = None,
) -> None:
    """Say whether scores, features, categories and precision have moved since the first run."""
    from fraudrisk.evaluation.drift import monitor as watch
    from fraudrisk.workspace import Workspace

    workspace = Workspace(ws)
    drift = watch(workspace)
    say(f"{drift.text()}\n\n→ {drift.save(out or workspace.path / 'monitor')}")


audits = typer.Typer(no_args_is_help=True, help="Look at a list from outside: whom it picks.")
app.add_typer(audits, name="audit")


@audits.command("groups")
def audit_groups(ws: WorkspaceFolder, as_of: Day = None) -> None:
    """Selection rate and precision of the list by district, entity type, size and age, with intervals."""
    from fraudrisk.evaluation.report import groups_text
    from fraudrisk.workspace import Workspace

    say(groups_text(Workspace(ws), parse_date(as_of, "--as-of") if as_of else None))
