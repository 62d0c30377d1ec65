"""Look-ups for inspectors: serve, keys, releases, audit verify. Needs the extra ``api``."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from fraudrisk.cli.base import Day, WorkspaceFolder, app, parse_date, progress_bar, say
from fraudrisk.cli.learning import audits


@app.command()
def serve(
    ws: WorkspaceFolder,
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback unless the settings say otherwise.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; the settings' when not given.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer; the settings' when not given.")] = None,
) -> None:
    """Serve look-ups, clues and the card page until told to stop."""
    from fraudrisk.service.serve import serve as start
    from fraudrisk.workspace import Workspace

    start(Workspace(ws), host=host, port=port, workers=workers)


keys = typer.Typer(no_args_is_help=True, help="Keys of those who may look up: hashed, scoped, expiring.")
app.add_typer(keys, name="keys")


@keys.command("add")
def add(
    ws: WorkspaceFolder,
    label: Annotated[str, typer.Option(help="Whose key it is, for the audit log.")],
    role: Annotated[str, typer.Option(help="inspector, analyst or auditor.")],
    division: Annotated[list[str] | None, typer.Option(help="Division an inspector works in, or its beginning; may be repeated.")] = None,
    days: Annotated[int | None, typer.Option(help="Days it is good for; the settings' when not given.")] = None,
) -> None:
    """Make a key; it is shown once and kept nowhere."""
    from fraudrisk.service.keys import add_key
    from fraudrisk.workspace import Workspace

    info, key = add_key(Workspace(ws), label=label, role=role, divisions=division or (), days=days)
    say(f"{key}\n{info.key_id}: {info.role} {info.label}, good until {info.expires_at}; shown only now")


@keys.command("list")
def list_(ws: WorkspaceFolder) -> None:
    """Say which keys there are."""
    from fraudrisk.service.keys import list_keys
    from fraudrisk.workspace import Workspace

    for k in list_keys(Workspace(ws)):
        until = f"revoked {k.revoked_at}" if k.revoked_at else f"until {k.expires_at}"
        say(f"{k.key_id}  {k.role:9}  {k.label}  {','.join(k.divisions) or '-'}  {until}")


@keys.command("revoke")
def revoke(ws: WorkspaceFolder, key_id: Annotated[str, typer.Argument(help="Id of the key, as listed.")]) -> None:
    """End a key; processes that know it forget it within the settings' key_cache_seconds."""
    from fraudrisk.service.keys import revoke_key
    from fraudrisk.workspace import Workspace

    revoke_key(Workspace(ws), key_id)
    say(f"{key_id} is revoked")


releases = typer.Typer(no_args_is_help=True, help="Published runs: what look-ups are answered from.")
app.add_typer(releases, name="releases")


@releases.command("publish")
def publish(ws: WorkspaceFolder, as_of: Day = None) -> None:
    """Publish a finished run: readers see all of it or the one before."""
    from fraudrisk.service.releases import publish_release
    from fraudrisk.workspace import Workspace

    with progress_bar() as tell:
        done = publish_release(Workspace(ws), _day(as_of), progress=tell)
    say(f"release {done.number} of {done.as_of}: {done.businesses:,} businesses")


@releases.command("list")
def list_releases(ws: WorkspaceFolder) -> None:
    """Say what was published, and which is read now."""
    from fraudrisk.service.releases import list_releases as listed
    from fraudrisk.workspace import Workspace

    for r in listed(Workspace(ws)):
        say(f"{'*' if r.current else ' '} {r.number:>4}  {r.as_of}  {r.businesses:>12,}  {r.published_at or 'not published'}")


@releases.command("rollback")
def rollback(
    ws: WorkspaceFolder, to: Annotated[int | None, typer.Option(help="Number of the release; the one before when not given.")] = None
) -> None:
    """Go back to an earlier release."""
    from fraudrisk.service.releases import rollback as back
    from fraudrisk.workspace import Workspace

    done = back(Workspace(ws), to)
    say(f"release {done.number} of {done.as_of} is read now")


@audits.command("verify")
def verify(
    ws: WorkspaceFolder,
    elsewhere: Annotated[list[str] | None, typer.Option(help="Chain that another machine keeps; may be repeated.")] = None,
) -> None:
    """Check the audit log's chain: a changed, removed or reordered line is named."""
    from fraudrisk.service.audit import verify_workspace
    from fraudrisk.workspace import Workspace

    done = verify_workspace(Workspace(ws), elsewhere=tuple(elsewhere or ()))
    say(f"{done.lines} lines, chain {done.chain}, last {done.seq}, hash {done.hash}")
    for fault in done.faults:
        say(f"  {fault}")
    if done.faults:
        raise typer.Exit(2)


def _day(value: str | None) -> dt.date | None:
    return parse_date(value, "--as-of") if value else None
