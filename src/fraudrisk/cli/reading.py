"""Texts and reports: classify, route, check-report, link, and the models that read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fraudrisk.cli.base import Input, Out, app, progress_bar, say


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

    with progress_bar() as tell:
        counts = classify_file(source, out, model=model, keep_text=keep_text, abstain=abstain, tell=tell)
    say(f"{counts['rows']} rows in = {counts['rows']} rows out → {out}; " + ", ".join(f"{k} {v}" for k, v in counts["categories"].items()))


@app.command("check-report")
def check_report(source: Input, out: Out) -> None:
    """Check verification reports (JSON Lines: id, text): what is missing, vague or against itself, and how to mend it."""
    from fraudrisk.outcomes.report_files import check_file

    counts = check_file(source, out)
    say(f"{counts.pop('reports')} reports, {counts.pop('faulty')} with faults → {out}; " + ", ".join(f"{k} {v}" for k, v in counts.items()))


@app.command()
def route(source: Input, out: Out) -> None:
    """Name the department that owns each complaint (JSON Lines: id, text, optional category, business), and why."""
    from fraudrisk.clues.routing_files import route_file

    counts = route_file(source, out)
    say(f"{sum(counts.values())} complaints → {out}; " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items(), key=lambda kv: -kv[1])))


@app.command("train-classifier")
def train_classifier(
    source: Input,
    text: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the text.")],
    label: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the label.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the model.")],
) -> None:
    """Learn a classifier for any labels, and measure it by cross-validation."""
    from fraudrisk.complaints.files import train_file

    say(train_file(source, text, label, out))


@app.command("train-default")
def train_default(
    corpus: Annotated[Path, typer.Option(help="Folder of the labelled corpus.")] = Path("data/samples/complaints"),
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the model.")] = Path("models/complaints"),
) -> None:
    """Learn the shipped complaint model from the project's corpus; the same corpus gives the same bytes."""
    from fraudrisk.complaints.files import train_corpus

    say(train_corpus(corpus, out))


@app.command()
def link(
    source: Input,
    register: Annotated[Path, typer.Option(metavar="FILE", help="Register with name; optional uscc, former_names, address.")],
    out: Out,
) -> None:
    """Say which registered business each text means."""
    from fraudrisk.linking.files import link_file

    with progress_bar() as tell:
        counts = link_file(source, register, out, tell=tell)
    say(
        f"{counts['rows']} rows: {counts['linked']} linked, {counts['ambiguous']} ambiguous, {counts['none']} without a name of the register → {out}"
    )
