"""The command line: parses, calls, prints. Heavy libraries load inside the commands, so that ``--help`` is quick."""

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
        _fail(f"error: {error}", error.exit_code)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except KeyboardInterrupt:
        _fail("stopped; what was finished is kept", 130)
    except OSError as error:
        import errno

        if error.errno == errno.ENOSPC:
            _fail(
                f"error: the disk is full ({error.filename or 'output'}); free some space and run again; earlier results are untouched", 2
            )
        _fail(f"error: {error.strerror or error} ({error.filename or ''})", 1)
    except Exception as error:  # Typer may vendor its parser: its usage errors are told by what they can do
        if not hasattr(error, "format_message"):
            raise
        _fail(f"error: {error.format_message()}; see --help", 2)


def _fail(message: str, code: int) -> None:
    sys.stderr.write(message.rstrip() + "\n")
    sys.exit(code)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--out", help="Where files, workspace and list go.")] = Path("demo"),
    businesses: Annotated[int, typer.Option(help="Size of the synthetic city.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic city.")] = 7,
    capacity: Annotated[int, typer.Option(help="Visits the team can make.")] = 50,
) -> None:
    """Run the whole job on a synthetic city: dirty files in, clue list out."""
    from fraudrisk.demo import run_demo

    with _progress() as tell:
        summary = run_demo(folder, businesses=businesses, seed=seed, capacity=capacity, tell=tell)
    _say(summary)


@app.command()
def init(
    ws: WorkspaceFolder,
    division: Annotated[str, typer.Option(help="GB/T 2260 code of the jurisdiction, six digits.")] = "000000",
    pack: Annotated[str, typer.Option(help="Shipped pack, or a folder with one.")] = "elder_fraud",
) -> None:
    """Make a workspace."""
    from fraudrisk.workspace import Workspace

    Workspace.create(ws, division=division, pack=pack)
    _say(f"workspace {ws} is ready; next: fraudrisk import {ws} business FILE")


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
    rename = dict(_pair(c) for c in column or ())
    day = _date(known_at, "--known-at") if known_at else None
    for source in sources:
        with _progress() as tell:
            done = workspace.import_table(
                table, source, known_at=day, rename=rename or None, sheet=sheet, query=query, progress=lambda rows: tell("读入", rows, 0)
            )
        if done.repeated:
            _say(f"{done.source}: already imported, nothing to do ({done.rows_kept} rows)")
            continue
        _say(f"{done.source} → {done.table}: {done.rows_in} rows in = {done.rows_kept} kept + {done.rows_rejected} rejected")
        for notice in done.notices:
            _say(f"  notice: {notice}")
        if done.rows_rejected:
            _say(f"  reasons: {ws / 'rejects' / done.table / (done.import_id + '.csv')}")


@app.command()
def run(
    ws: WorkspaceFolder,
    capacity: Annotated[int, typer.Option(help="Visits the team can make: the longest list.")],
    as_of: Day = None,
) -> None:
    """Read, link, score and list, as of a date."""
    from fraudrisk.workspace import Workspace

    day = _date(as_of, "--as-of") if as_of else dt.datetime.now().astimezone().date()
    with _progress() as tell:
        result = Workspace(ws).run(day, capacity, progress=tell)
    from fraudrisk.demo import summary

    _say(summary(result))


@app.command("take-back")
def take_back(
    ws: WorkspaceFolder, source: Annotated[Path, typer.Argument(metavar="FILE", help="The list as it came back: xlsx or csv.")]
) -> None:
    """Take a list that was filled by hand: every conclusion lands on its clue, or is rejected by name."""
    from fraudrisk.taking_back import take_back as take
    from fraudrisk.workspace import Workspace

    done = take(Workspace(ws), source)
    _say(f"{source.name}: {done.taken} conclusions taken, {done.repeated} known already, {len(done.rejected)} rejected → {done.report}")
    for r in done.rejected[:20]:
        _say(f"  row {r.row} {r.clue_id} {r.column} '{r.value}': {r.reason}")


@app.command()
def pending(ws: WorkspaceFolder, today: Day = None) -> None:
    """The list of open clues with working days left, most overdue first."""
    from fraudrisk.taking_back import enter_list, ledger_of
    from fraudrisk.workspace import Workspace

    workspace = Workspace(ws)
    for run_date in workspace.runs():
        enter_list(workspace, run_date)
    ledger = ledger_of(workspace)
    rows = ledger.pending(_date(today, "--as-of") if today else None)
    ledger.close()
    for r in rows.to_dict("records"):
        mark = "逾期" if r["overdue"] else "    "
        _say(f"{mark} {r['days_left']:>4}日  {r['clue_id']}  {r['status']}  {r['owner']}  {r['name']}{'  须上报' if r['escalate'] else ''}")
    _say(f"{len(rows)} open, {int(rows['overdue'].sum())} overdue")


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
    with _progress() as tell:
        result = replay(
            workspace, outcome=outcome, window=_days(window, "--window"), start=_date(start, "--from") if start else None,
            end=_date(end, "--to") if end else None, step=_days(step, "--step") if step else None, capacity=capacity,
            models=model or None, progress=tell,
        )  # fmt: skip
    folder = result.save(out or workspace.path / "backtests" / outcome)
    _say(f"{backtest_text(result)}\n\n→ {folder}")


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

    with _progress() as tell:
        done = learn(Workspace(ws), outcome=outcome, window=_days(window, "--window"), capacity=capacity, progress=tell)
    _say(
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
    _say(f"{drift.text()}\n\n→ {drift.save(out or workspace.path / 'monitor')}")


audits = typer.Typer(no_args_is_help=True, help="Look at a list from outside: whom it picks.")
app.add_typer(audits, name="audit")


@audits.command("groups")
def audit_groups(ws: WorkspaceFolder, as_of: Day = None) -> None:
    """Selection rate and precision of the list by district, entity type, size and age, with intervals."""
    from fraudrisk.evaluation.report import groups_text
    from fraudrisk.workspace import Workspace

    _say(groups_text(Workspace(ws), _date(as_of, "--as-of") if as_of else None))


@app.command()
def explain(
    ws: WorkspaceFolder,
    business: Annotated[str, typer.Argument(metavar="ID", help="USCC, business id, clue number or name.")],
    as_of: Day = None,
) -> None:
    """Say why a business has its score."""
    from fraudrisk.workspace import Workspace

    day = _date(as_of, "--as-of") if as_of else None
    _say(Workspace(ws).explain(business, day))


@app.command()
def classify(
    source: Input,
    out: Out,
    model: Annotated[Path | None, typer.Option(metavar="DIR", help="Model folder; the shipped one when not given.")] = None,
    keep_text: Annotated[bool, typer.Option("--keep-text", help="Add the masked text that the offsets count in.")] = False,
    abstain: Annotated[
        float, typer.Option(metavar="P", min=0, max=1, help="Leave the category empty below this confidence, for a person to decide.")
    ] = 0.0,
) -> None:
    """Read complaint texts: category, tactics with the words that prove them, facts."""
    from fraudrisk.complaints.files import classify_file

    with _progress() as tell:
        counts = classify_file(source, out, model=model, keep_text=keep_text, abstain=abstain, tell=tell)
    _say(f"{counts['rows']} rows in = {counts['rows']} rows out → {out}; " + ", ".join(f"{k} {v}" for k, v in counts["categories"].items()))


@app.command("check-report")
def check_report(source: Input, out: Out) -> None:
    """Check verification reports (JSON Lines: id, text): what is missing, vague or against itself, and how to mend it."""
    from fraudrisk.outcomes.report_files import check_file

    counts = check_file(source, out)
    _say(
        f"{counts.pop('reports')} reports, {counts.pop('faulty')} with faults → {out}; " + ", ".join(f"{k} {v}" for k, v in counts.items())
    )


@app.command()
def route(source: Input, out: Out) -> None:
    """Name the department that owns each complaint (JSON Lines: id, text, optional category, business), and why."""
    from fraudrisk.clues.routing_files import route_file

    counts = route_file(source, out)
    _say(f"{sum(counts.values())} complaints → {out}; " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items(), key=lambda kv: -kv[1])))


@app.command("train-classifier")
def train_classifier(
    source: Input,
    text: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the text.")],
    label: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the label.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the model.")],
) -> None:
    """Learn a classifier for any labels, and measure it by cross-validation."""
    from fraudrisk.complaints.files import train_file

    _say(train_file(source, text, label, out))


@app.command("train-default")
def train_default(
    corpus: Annotated[Path, typer.Option(help="Folder of the labelled corpus.")] = Path("data/samples/complaints"),
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the model.")] = Path("models/complaints"),
) -> None:
    """Learn the shipped complaint model from the project's corpus; the same corpus gives the same bytes."""
    from fraudrisk.complaints.files import train_corpus

    _say(train_corpus(corpus, out))


@app.command()
def link(
    source: Input,
    register: Annotated[Path, typer.Option(metavar="FILE", help="Register with name; optional uscc, former_names, address.")],
    out: Out,
) -> None:
    """Say which registered business each text means."""
    from fraudrisk.linking.files import link_file

    with _progress() as tell:
        counts = link_file(source, register, out, tell=tell)
    _say(
        f"{counts['rows']} rows: {counts['linked']} linked, {counts['ambiguous']} ambiguous, {counts['none']} without a name of the register → {out}"
    )


# -- helpers -----------------------------------------------------------------------------------------------------------


def _say(text: Any) -> None:
    sys.stdout.write(f"{text}\n")


def _date(value: str, option: str) -> dt.date:
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise InputError("this is no date", where=f"{option} '{value}'", mend="write it as 2026-11-24") from None


def _days(value: str, option: str) -> dt.timedelta:
    text = value.strip().lower().removesuffix("d")
    if not text.isdigit() or not int(text):
        raise InputError("this is no number of days", where=f"{option} '{value}'", mend="write it as 90d")
    return dt.timedelta(days=int(text))


def _pair(text: str) -> tuple[str, str]:
    header, sign, name = text.partition("=")
    if not sign:
        raise InputError("a column is named as HEADER=NAME", where=f"--column '{text}'")
    return header.strip(), name.strip()


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
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


if __name__ == "__main__":
    main()
