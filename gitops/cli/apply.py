"""``gitops apply``."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from gitops.cli.context import Context
from gitops.cli.eventfile import EventFile, both
from gitops.cli.forms import formats
from gitops.cli.locking import lock_timeout, waits
from gitops.cli.selecting import selecting
from gitops.cli.terminal import Terminal

if TYPE_CHECKING:
    from gitops.plan.model import Plan


@click.command()
@selecting
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Apply a plan that `gitops plan --out` saved, or nothing if it no longer holds.",
)
@click.option("--rev", metavar="REV", help="Apply that commit instead of HEAD.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@formats("json", says="Lines for people, or one JSON event a line on stdout.")
@click.option(
    "--events",
    "events_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write one JSON event a line to FILE, whatever the format.",
)
@click.option(
    "--parallel", type=click.IntRange(min=1), default=8, show_default=True, help="Models at a time."
)
@click.option(
    "--retry", multiple=True, metavar="MODEL/ENV", help="Lift the hold there and try once more."
)
@click.option("--no-watch", is_flag=True, help="Record releases without watching them.")
@click.option("--strict", is_flag=True, help="End in 4 where something is held.")
@click.option("--undo-drift", is_flag=True, help="Replace what somebody promoted outside of Git.")
@click.option("--allow-many", is_flag=True, help="Change more models than limits.max_changed.")
@click.option(
    "--allow-cost", is_flag=True, help="Cost more than limits.max_increase_usd_per_month allows."
)
@click.option("--allow-dirty", is_flag=True, help="Apply release files that are not committed.")
@click.option("--allow-older", is_flag=True, help="Apply a commit older than the last one applied.")
@lock_timeout()
@click.option("--no-log", is_flag=True, help="Go on without the Git host; keep entries for later.")
@click.pass_context
def command(
    ctx: click.Context,
    models: tuple[str, ...],
    *,
    plan_file: Path | None,
    exclude: tuple[str, ...],
    environment: str | None,
    changed: str | None,
    rev: str | None,
    yes: bool,
    form: Literal["text", "json"],
    events_file: Path | None,
    parallel: int,
    retry: tuple[str, ...],
    no_watch: bool,
    strict: bool,
    undo_drift: bool,
    allow_many: bool,
    allow_cost: bool,
    allow_dirty: bool,
    allow_older: bool,
    lock_timeout: float | None,
    no_log: bool,
) -> None:
    """Make Baseten serve what Git says: push, check, promote, watch, and undo what turns out bad.

    Plans first and asks. Ctrl-C and SIGTERM start nothing new, say what still runs, and leave
    Baseten so that the next apply continues.

    \b
    Exit codes:
      0 done                     5 a candidate failed; nothing was promoted
      1 failed                   6 another run holds the lock
      3 rolled back, confirmed   7 something still runs; the next apply continues
      4 refused or blocked       8 a person is needed
                                 130 interrupted

    \b
    Examples:
      gitops apply
      gitops apply --yes --format json
      gitops apply qwen-3-8b --env staging
      gitops apply --plan plan.json --yes --events events.jsonl
      gitops apply qwen-3-8b --retry qwen-3-8b/production
    """
    from gitops.decide.situation import Options
    from gitops.pipeline.apply import ApplyRequest, apply
    from gitops.pipeline.plan import PlanRequest
    from gitops.pipeline.selection import Selection

    context = ctx.ensure_object(Context)
    terminal = Terminal(context, form=form, yes=yes)
    events = EventFile(context.directory / events_file) if events_file is not None else None
    with terminal, events or nullcontext():
        saved = _saved(
            None if plan_file is None else context.directory / plan_file,
            {
                "MODEL": models,
                "--exclude": exclude,
                "--env": environment,
                "--changed": changed,
                "--rev": rev,
            },
        )
        request = ApplyRequest(
            plan=PlanRequest(
                selection=Selection(models=models, exclude=exclude, environment=environment),
                rev=rev,
                changed=changed,
                options=Options(
                    allow_older=allow_older, undo_drift=undo_drift, no_watch=no_watch, no_log=no_log
                ),
                retry=frozenset(retry),
                no_log=no_log,
            ),
            saved=saved,
            parallel=parallel,
            strict=strict,
            allow_many=allow_many,
            allow_cost=allow_cost,
            allow_dirty=allow_dirty,
            lock_timeout=waits(context, lock_timeout),
        )
        outcome = apply(
            context.project(terminal.say),
            request,
            emit=terminal.emit if events is None else both(events, terminal.emit),
            approve=terminal.approve,
            stoppable=terminal.stoppable,
            say=terminal.say,
        )
    for result in outcome.results:
        for warning in result.warnings:
            terminal.say(warning)
    for notice in outcome.notices:
        terminal.say(notice)
    if events is not None and events.problem:
        terminal.say(events.problem)
    ctx.exit(outcome.exit_code)


def _saved(file: Path | None, others: dict[str, object]) -> Plan | None:
    """The plan of a file. Raises ``UsageError`` for a bad file, or for what would narrow it."""
    from gitops.errors import UsageError
    from gitops.plan.document import from_text
    from gitops.render.text import printable

    if file is None:
        return None
    given = [name for name, value in others.items() if value not in {None, ()}]
    if given:
        raise UsageError(
            f"--plan already says what is applied: {', '.join(given)} cannot be given with it"
        )
    shown = printable(str(file))
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"{shown} cannot be read: {why}") from None
    return from_text(text, name=shown)
