"""``gitops forge``: what a job of GitHub Actions or GitLab CI tells its forge."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gitops.cli.context import Context
from gitops.cli.show import content_of, is_stream

if TYPE_CHECKING:
    from gitops.pipeline.review import Forge
    from gitops.plan.events import ApplyEvent

MARKED: Final = "<!-- gitops"

FILE = click.argument(
    "file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False), metavar="FILE"
)


@click.group(name="forge")
def command() -> None:
    """Tell GitHub or GitLab what a job of theirs has found or done.

    Meant for CI, where GITHUB_TOKEN or GITLAB_TOKEN and the runner's own variables are set. FILE is
    a saved plan, the events of an apply, or Markdown that another command printed; - reads it from
    standard input.

    \b
    Examples:
      gitops forge comment plan.json
      gitops forge summary apply.jsonl
      gitops drift --format markdown | gitops forge issue -
    """


@command.command(name="comment")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    metavar="FILE…",
)
@click.option(
    "--pull-request",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Of another pull or merge request than the job's own.",
)
@click.pass_obj
def comment(context: Context, files: tuple[Path, ...], *, pull_request: int | None) -> None:
    """Keep one comment on the pull request: written once, and brought up to date in place.

    Of several files the first one is shown whole, and the others are folded below it.

    \b
    Examples:
      gitops forge comment plan.json diff.md
      gitops diff main --format markdown | gitops forge comment -
    """
    from gitops.errors import UsageError
    from gitops.pipeline.review import put_comment
    from gitops.render.comment import joined

    texts = [_markdown(context, each) for each in files]
    with _open(context) as (forge, commit, own, head):
        number = pull_request or own
        if number is None:
            raise UsageError(
                "this job runs for no pull request", hint="name one with --pull-request NUMBER"
            )
        merged = number == own and head != commit
        text = joined(*texts, head=head if merged else None, merge=commit)
        click.echo(f"comment on {number}: {put_comment(forge, number, text)}", err=True)


@command.command(name="summary")
@FILE
@click.pass_obj
def summary(context: Context, file: Path) -> None:
    """Add to the job's summary, and set outputs that later steps can ask for.

    Needs no token. Outside of GitHub Actions the Markdown is printed.

    \b
    Outputs of a plan:    changed, blocked, held, drift (how many), models (a JSON list)
    Outputs of an apply:  exit_code, and JSON lists of MODEL/ENV: converged, failed, rolled_back,
                          rejected, blocked, held, running, superseded

    \b
    Examples:
      gitops forge summary plan.json
      gitops forge summary apply.jsonl
    """
    from gitops.wiring import step_files

    text = content_of(context, file)
    summary_file, outputs_file = step_files(context.environ)
    _append(summary_file, _rendered(text, str(file)))
    if outputs_file is not None:
        found = _outputs(text, str(file))
        _append(outputs_file, "".join(f"{name}={value}\n" for name, value in found.items()))


@command.command(name="approved")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    required=True,
    help="Where to save it, for `gitops apply --plan FILE`.",
)
@click.option("--commit", metavar="COMMIT", help="Of another commit than the job's own.")
@click.pass_obj
def approved(context: Context, *, out: Path, commit: str | None) -> None:
    """Fetch the plan that was shown in the pull request which brought this commit.

    Ends with 4 where there is none: then nobody has approved a plan, and nothing should be applied.

    \b
    Examples:
      gitops forge approved --out plan.json && gitops apply --plan plan.json --yes
    """
    from gitops.cli.plan import save
    from gitops.errors import GitopsError
    from gitops.pipeline.review import approved_plan

    with _open(context) as (forge, own, *_):
        request, content = approved_plan(forge, commit or own)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise GitopsError(f"the plan of pull request {request.number} is not text") from None
    save(context.directory / out, text)
    click.echo(f"the plan of pull request {request.number}, for commit {request.head[:12]}")


@command.command(name="deployments")
@FILE
@click.pass_obj
def deployments(context: Context, file: Path) -> None:
    """Show the releases of an apply among the forge's environments, with their history.

    Every MODEL/ENV is an environment there. A release that failed or was rolled back leaves the one
    before it the active one. Running it again for the same apply adds nothing.

    \b
    Examples:
      gitops forge deployments apply.jsonl
    """
    from gitops.errors import UsageError
    from gitops.pipeline.review import record_releases
    from gitops.plan.released import released
    from gitops.render.words import count

    text = content_of(context, file)
    if not is_stream(text):
        raise UsageError(
            "that is not the events of an apply", hint="save them with `gitops apply --events FILE`"
        )
    found = released(_events(text, str(file)))
    if found:
        with _open(context) as (forge, *_):
            record_releases(forge, found)
    click.echo(f"{count(len(found), 'release')} shown", err=True)


@command.command(name="issue")
@FILE
@click.option("--title", default="Changed outside of Git", show_default=True)
@click.option("--close", is_flag=True, help="Close the issue: there is nothing to report any more.")
@click.pass_obj
def issue(context: Context, file: Path, *, title: str, close: bool) -> None:
    """Keep one open issue: opened, brought up to date in place, and closed with --close.

    \b
    Examples:
      gitops drift --format markdown > drift.md && gitops forge issue drift.md
      gitops forge issue drift.md --close
    """
    from gitops.pipeline.review import put_issue

    text = _markdown(context, file)
    with _open(context) as (forge, *_):
        click.echo(f"issue: {put_issue(forge, title, text, needed=not close)}", err=True)


@contextmanager
def _open(context: Context) -> Iterator[tuple[Forge, str, int | None, str | None]]:
    """The forge, the commit that the job runs for, its pull request's number and own commit."""
    from gitops.apply.clock import SystemClock
    from gitops.wiring import open_forge

    forge, job = open_forge(context.environ, SystemClock().sleep)
    with closing(forge):
        yield forge, job.commit, job.pull_request, job.head


def _markdown(context: Context, file: Path) -> str:
    """Markdown with its marking first line."""
    text = content_of(context, file)
    return text if text.lstrip().startswith(MARKED) else _rendered(text, str(file))


def _rendered(text: str, name: str) -> str:
    from gitops.render.text import printable

    if text.lstrip().startswith(MARKED):
        return text
    if is_stream(text):
        from gitops.render.apply_markdown import summary as of_events

        return of_events(list(_events(text, name)))
    from gitops.plan.document import from_text
    from gitops.render.plan_markdown import render

    return render(from_text(text, name=printable(name)))


def _events(text: str, name: str) -> Iterable[ApplyEvent]:
    from gitops.plan import stream
    from gitops.render.text import printable

    return stream.read(text, name=printable(name))


def _outputs(text: str, name: str) -> Mapping[str, str]:
    """Names and values for later steps; every value is one line."""
    import json

    if text.lstrip().startswith(MARKED):
        return {}
    if is_stream(text):
        from gitops.plan.events import ApplyFinished
        from gitops.plan.released import outputs

        for event in _events(text, name):
            if isinstance(event, ApplyFinished):
                lists = {key: json.dumps(places) for key, places in outputs(event)}
                return {"exit_code": str(event.exit_code), **lists}
        return {}
    from gitops.plan.document import from_text
    from gitops.plan.summary import changes
    from gitops.render.text import printable

    plan = from_text(text, name=printable(name))
    counts = {
        key: str(getattr(plan.summary, key)) for key in ("changed", "blocked", "held", "drift")
    }
    models = [each.name for each in plan.models if changes(each)]
    return {**counts, "models": json.dumps(models)}


def _append(path: Path | None, text: str) -> None:
    from gitops.errors import GitopsError

    if path is None:
        sys.stdout.write(text)
        return
    try:
        with path.open("a", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise GitopsError(f"the runner's file cannot be written: {error.strerror}") from None
