"""``gitops forge``: what a job of GitHub Actions or GitLab CI tells its forge."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gitops.cli.context import Context
from gitops.cli.show import content_of, is_stream

if TYPE_CHECKING:
    from gitops.pipeline.review import CiJob, Forge
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
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    metavar="FILE…",
)
@click.option(
    "--failed",
    is_flag=True,
    help="Instead of FILE: say that this commit has no plan, where that of an earlier one stands.",
)
@click.option(
    "--pull-request",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Of another pull or merge request than the job's own.",
)
@click.option(
    "--merged",
    is_flag=True,
    help="On the merged pull request that brought the job's commit: how its apply ended.",
)
@click.pass_obj
def comment(
    context: Context,
    files: tuple[Path, ...],
    *,
    failed: bool,
    pull_request: int | None,
    merged: bool,
) -> None:
    """Keep one comment on the pull request: written once, and brought up to date in place.

    Of several files the first one is shown whole, and the others are folded below it. The events of
    an apply or a rollback are told without its log; where it began nothing, in a line below those
    of one that did.

    \b
    Examples:
      gitops forge comment plan.json diff.md
      gitops forge comment --merged apply.jsonl
      gitops diff main --format markdown | gitops forge comment -
      gitops forge comment --failed
    """
    from gitops.errors import UsageError
    from gitops.pipeline.review import brought_by, put_comment, request_word
    from gitops.render.comment import joined, without_plan

    if failed == bool(files):
        raise UsageError("give either a FILE or --failed")
    if merged and pull_request is not None:
        raise UsageError("give either --merged or --pull-request")
    contents = [(content_of(context, each), str(each)) for each in files]
    with _open(context) as (forge, job):
        texts = [_commented(*each, job.run_url) for each in contents]
        number = pull_request or job.pull_request
        if merged:
            number = brought_by(forge, job.commit)[0].number
        if number is None:
            raise UsageError(
                f"this job runs for no {request_word(forge)}",
                hint="name one with --pull-request NUMBER",
            )
        head = job.head if number == job.pull_request else None
        if failed:
            text = without_plan(head or job.commit, job.run_url)
        else:
            merge = head != job.commit
            text = joined(*texts, head=head if merge else None, merge=job.commit)
        after = _after(*contents[0], text, job.run_url) if contents else None
        click.echo(
            f"comment on {number}: {put_comment(forge, number, text, after=after)}", err=True
        )


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
    from gitops.render.job_outputs import lines
    from gitops.wiring import step_files

    text = content_of(context, file)
    summary_file, outputs_file = step_files(context.environ)
    _append(summary_file, _rendered(text, str(file), job=True))
    if outputs_file is not None:
        found = _outputs(text, str(file))
        _append(outputs_file, lines(found))


@command.command(name="outputs")
@FILE
@click.pass_obj
def outputs(context: Context, file: Path) -> None:
    """Print the outputs that `forge summary` sets, as NAME=VALUE lines.

    Meant for a dotenv report of GitLab, by which later jobs get them as variables. A list that
    would not fit into the 5 kB that GitLab takes is left out, and named on standard error.

    \b
    Examples:
      gitops forge outputs plan.json > gitops.env
      gitops forge outputs apply.jsonl > gitops.env
    """
    from gitops.errors import UsageError
    from gitops.render.job_outputs import DOTENV_BYTES, dotenv

    text = content_of(context, file)
    if text.lstrip().startswith(MARKED):
        raise UsageError("that is neither a saved plan nor the events of an apply")
    told, left_out = dotenv(_outputs(text, str(file)))
    click.echo(told, nl=False)
    for name in left_out:
        click.echo(f"{name} is left out: it does not fit into {DOTENV_BYTES} bytes", err=True)


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
    from gitops.pipeline.review import approved_plan, request_word

    with _open(context) as (forge, job):
        request, content = approved_plan(forge, commit or job.commit)
        name = f"{request_word(forge)} {request.number}"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise GitopsError(f"the plan of {name} is not text") from None
    save(context.directory / out, text)
    click.echo(f"the plan of {name}, for commit {request.head[:12]}")


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
        with _open(context) as (forge, _):
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
    with _open(context) as (forge, _):
        click.echo(f"issue: {put_issue(forge, title, text, needed=not close)}", err=True)


@contextmanager
def _open(context: Context) -> Iterator[tuple[Forge, CiJob]]:
    """The forge, and its job that runs us."""
    from gitops.apply.clock import SystemClock
    from gitops.wiring import open_forge

    forge, job = open_forge(context.environ, SystemClock().sleep)
    with closing(forge):
        yield forge, job


def _markdown(context: Context, file: Path) -> str:
    """Markdown with its marking first line; a plan leaves room in a comment for what is below."""
    from gitops.render.plan_markdown import SHARED

    return _rendered(content_of(context, file), str(file), SHARED)


def _after(events: str, name: str, text: str, run_url: str) -> Callable[[str], str] | None:
    """What becomes of the comment that stands; None: ``text`` replaces it, and is of no apply."""
    if not _tells_events(events):
        return None
    from gitops.render.apply_markdown import after

    told = list(_events(events, name))
    return lambda standing: after(standing, text, told, run_url)


def _tells_events(text: str) -> bool:
    return is_stream(text) and not text.lstrip().startswith(MARKED)


def _commented(text: str, name: str, run_url: str) -> str:
    """The same for a comment; the events of an apply leave their log to the job's page."""
    from gitops.render.plan_markdown import SHARED

    if _tells_events(text):
        from gitops.render.apply_markdown import comment as of_events

        return of_events(list(_events(text, name)), run_url)
    return _rendered(text, name, SHARED)


def _rendered(text: str, name: str, limit: int | None = None, *, job: bool = False) -> str:
    from gitops.render.text import printable

    if text.lstrip().startswith(MARKED):
        return text
    if is_stream(text):
        from gitops.render.apply_markdown import summary as of_events

        return of_events(list(_events(text, name)), job=job)
    from gitops.plan.document import from_text
    from gitops.render.plan_markdown import LIMIT, render

    return render(from_text(text, name=printable(name)), limit or LIMIT)


def _events(text: str, name: str) -> Iterable[ApplyEvent]:
    from gitops.plan import stream
    from gitops.render.text import printable

    return stream.read(text, name=printable(name))


def _outputs(text: str, name: str) -> Mapping[str, str]:
    """Names and values for later steps; every value is one line."""
    from gitops.render.job_outputs import json_list

    if text.lstrip().startswith(MARKED):
        return {}
    if is_stream(text):
        from gitops.plan.events import ApplyFinished
        from gitops.plan.released import outputs as of_apply

        for event in _events(text, name):
            if isinstance(event, ApplyFinished):
                lists = {key: json_list(places) for key, places in of_apply(event)}
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
    return {**counts, "models": json_list(models)}


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
