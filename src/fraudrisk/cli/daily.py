"""From files to a list, and back: demo, init, import, run, explain, take-back, pending."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from fraudrisk.cli.base import Day, WorkspaceFolder, app, parse_date, parse_pair, progress_bar, say


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--out", help="Where files, workspace and list go.")] = Path("demo"),
    businesses: Annotated[int, typer.Option(help="Size of the synthetic city.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic city.")] = 7,
    capacity: Annotated[int, typer.Option(help="Visits the team can make.")] = 50,
) -> None:
    """Run the whole job on a synthetic city: dirty files in, clue list out."""
    from fraudrisk.demo import run_demo

    with progress_bar() as tell:
        summary = run_demo(folder, businesses=businesses, seed=seed, capacity=capacity, tell=tell)
    say(summary)


@app.command()
def init(
    ws: WorkspaceFolder,
    division: Annotated[str, typer.Option(help="GB/T 2260 code of the jurisdiction, six digits.")] = "000000",
    pack: Annotated[str, typer.Option(help="Shipped pack, or a folder with one.")] = "elder_fraud",
) -> None:
    """Make a workspace."""
    from fraudrisk.workspace import Workspace

    Workspace.create(ws, division=division, pack=pack)
    say(f"workspace {ws} is ready; next: fraudrisk import {ws} business FILE")


@app.command("import")
def import_files(
    ws: WorkspaceFolder,
    table: Annotated[str, typer.Argument(help="Table: business, complaint, penalty, …, or its Chinese name.")],
    sources: Annotated[list[str], typer.Argument(metavar="FILE…", help="Files, or a database URL with --query.")],
    known_at: Annotated[
        str | None, typer.Option(metavar="DATE", help="When rows without a date became known; today when not given.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="HEADER=NAME", help="What a header of the file means; may be repeated.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    query: Annotated[str | None, typer.Option(help="Table or SELECT for a database URL.")] = None,
) -> None:
    """Clean files into a table: every row is kept or rejected with a reason."""
    from fraudrisk.workspace import Workspace

    workspace = Workspace(ws)
    rename = dict(parse_pair(c) for c in column or ())
    day = parse_date(known_at, "--known-at") if known_at else None
    for source in sources:
        with progress_bar() as tell:
            done = workspace.import_table(
                table, source, known_at=day, rename=rename or None, sheet=sheet, query=query, progress=lambda rows: tell("读入", rows, 0)
            )
        if done.repeated:
            say(f"{done.source}: already imported, nothing to do ({done.rows_kept} rows)")
            continue
        say(f"{done.source} → {done.table}: {done.rows_in} rows in = {done.rows_kept} kept + {done.rows_rejected} rejected")
        for notice in done.notices:
            say(f"  notice: {notice}")
        if done.rows_rejected:
            say(f"  reasons: {ws / 'rejects' / done.table / (done.import_id + '.csv')}")


@app.command()
def run(
    ws: WorkspaceFolder,
    capacity: Annotated[int, typer.Option(help="Visits the team can make: the longest list.")],
    as_of: Day = None,
) -> None:
    """Read, link, score and list, as of a date."""
    from fraudrisk.workspace import Workspace

    day = parse_date(as_of, "--as-of") if as_of else dt.datetime.now().astimezone().date()
    with progress_bar() as tell:
        result = Workspace(ws).run(day, capacity, progress=tell)
    from fraudrisk.demo import summary

    say(summary(result))


@app.command()
def explain(
    ws: WorkspaceFolder,
    business: Annotated[str, typer.Argument(metavar="ID", help="USCC, business id, clue number or name.")],
    as_of: Day = None,
) -> None:
    """Say why a business has its score."""
    from fraudrisk.workspace import Workspace

    day = parse_date(as_of, "--as-of") if as_of else None
    say(Workspace(ws).explain(business, day))


@app.command("take-back")
def take_back(
    ws: WorkspaceFolder, source: Annotated[Path, typer.Argument(metavar="FILE", help="The list as it came back: xlsx or csv.")]
) -> None:
    """Take a list that was filled by hand: every conclusion lands on its clue, or is rejected by name."""
    from fraudrisk.taking_back import take_back as take
    from fraudrisk.workspace import Workspace

    done = take(Workspace(ws), source)
    say(f"{source.name}: {done.taken} conclusions taken, {done.repeated} known already, {len(done.rejected)} rejected → {done.report}")
    for r in done.rejected[:20]:
        say(f"  row {r.row} {r.clue_id} {r.column} '{r.value}': {r.reason}")


@app.command()
def remind(
    ws: WorkspaceFolder,
    who: Annotated[str, typer.Option(help="Who sends the letters, as signed.")] = "专项办",
    today: Day = None,
) -> None:
    """Write a letter to every department that is late, and one upwards where it has lasted; note each in the ledger."""
    from fraudrisk.outcomes.reminders import remind as send
    from fraudrisk.taking_back import enter_list, ledger_of
    from fraudrisk.workspace import Workspace

    workspace = Workspace(ws)
    for run_date in workspace.runs():
        enter_list(workspace, run_date)
    day = parse_date(today, "--as-of") if today else dt.datetime.now().astimezone().date()
    ledger = ledger_of(workspace)
    done = send(ledger, workspace.path / "clues" / "催办", today=day, who=who, notice=workspace.pack.notice)
    ledger.close()
    say(f"{done.reminded} clues reminded of, {done.raised} raised to the superior; {len(done.letters)} letters")
    for letter in done.letters:
        say(f"  {letter}")


@app.command()
def warn(
    ws: WorkspaceFolder,
    as_of: Day = None,
    against: Annotated[
        str | None, typer.Option(metavar="DATE", help="Earlier run whose grades are compared; the one before when not given.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for the brief; the run's own when not given.")] = None,
) -> None:
    """Write the weekly brief: bursts of complaints, grades that rose, licences that end."""
    from fraudrisk.campaign.brief import write_brief
    from fraudrisk.campaign.warning import early_warning
    from fraudrisk.workspace import Workspace

    workspace = Workspace(ws)
    found = early_warning(
        workspace, parse_date(as_of, "--as-of") if as_of else None, against=parse_date(against, "--against") if against else None
    )
    page = write_brief(found, out or workspace.result(found.as_of).folder / "预警")
    say(f"{len(found.bursts)} bursts, {len(found.grade_jumps)} grades rose, {len(found.expiring)} licences end → {page}")
    for note in found.summary["notes"]:
        say(f"  {note}")


@app.command()
def campaign(
    ws: WorkspaceFolder,
    as_of: Day = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for workbook, JSON and tips.")] = None,
) -> None:
    """Write what goes upward, each table reconciled with the clues, and the tips for the public."""
    from fraudrisk.campaign.report import write_campaign
    from fraudrisk.workspace import Workspace

    workspace = Workspace(ws)
    day = parse_date(as_of, "--as-of") if as_of else dt.datetime.now().astimezone().date() + dt.timedelta(days=1)
    say(f"→ {write_campaign(workspace, out or workspace.path / '专项行动', day)}")


@app.command()
def pending(ws: WorkspaceFolder, today: Day = None) -> None:
    """The list of open clues with working days left, most overdue first."""
    from fraudrisk.taking_back import enter_list, ledger_of
    from fraudrisk.workspace import Workspace

    workspace = Workspace(ws)
    for run_date in workspace.runs():
        enter_list(workspace, run_date)
    ledger = ledger_of(workspace)
    rows = ledger.pending(parse_date(today, "--as-of") if today else None)
    ledger.close()
    for r in rows.to_dict("records"):
        mark = "逾期" if r["overdue"] else "    "
        say(f"{mark} {r['days_left']:>4}日  {r['clue_id']}  {r['status']}  {r['owner']}  {r['name']}{'  须上报' if r['escalate'] else ''}")
    say(f"{len(rows)} open, {int(rows['overdue'].sum())} overdue")
