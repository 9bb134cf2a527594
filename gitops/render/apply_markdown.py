"""An apply for a job's summary: how it ended, what serves and what to do, and its log folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gitops.plan.events import (
    ActionFinished,
    ActionStarted,
    ApplyEvent,
    ApplyFinished,
    ApplyStarted,
    EnvironmentFailure,
    RollbackFinished,
    RollbackStarted,
)
from gitops.plan.released import outputs, released
from gitops.render.event_words import outcome
from gitops.render.events import render
from gitops.render.layout import safe
from gitops.render.markdown import block, code, link, sentence
from gitops.render.plan_markdown import LIMIT
from gitops.render.words import count, duration, short
from gitops.state.kept import KEPT

MARKER: Final = "<!-- gitops apply -->"

_IDLE: Final = "<!-- gitops began nothing -->"
_LATER: Final = "<!-- gitops later -->"

LOG_LIMIT: Final = 200_000
"""Characters of the log that are shown, its end: a job's summary takes 1 MiB."""

_NAMED: Final = 50

_ON_RUNNER: Final = (
    "What is kept for a closer look lies on the runner of this job, and goes with it unless the job"
    " uploads it."
)


def summary(events: Sequence[ApplyEvent], *, job: bool = False) -> str:
    """The whole apply, or rollback by hand, as Markdown, ending with a line break.

    ``job``: it ran in CI, so that what it has kept lies on a runner.
    """
    told = [*_told(events, details=True), _folded(_log(events))]
    if job and any(each.startswith(KEPT) for each in _details(events)):
        told.insert(-1, _ON_RUNNER)
    return "\n\n".join(filter(None, told)) + "\n"


def comment(events: Sequence[ApplyEvent], run_url: str) -> str:
    """How it ended, for a comment below ``LIMIT`` characters.

    Log and details are left to the job at ``run_url``: not all who read the one may read the other.
    """
    told, job = _told(events), link("The job", run_url)
    if not _began(events):
        told[0] += f"\n{_IDLE}"
    text = "\n\n".join((*told, f"{job} has the log.")) + "\n"
    if len(text) < LIMIT:
        return text
    return "\n\n".join((*told[:2], f"{job} says what became of each environment.")) + "\n"


def after(standing: str, text: str, events: Sequence[ApplyEvent], run_url: str) -> str:
    """What becomes of a comment that stands where ``text``, the ``comment`` of later events, comes.

    The account of a run that began something is not replaced by that of one that began nothing, as
    of a job that was run again: that one is told in a line below, which its next one replaces.
    """
    account = standing.replace("\r\n", "\n").strip()
    if _began(events) or account.startswith(f"{MARKER}\n{_IDLE}"):
        return text
    account = account.partition(f"\n\n{_LATER}\n")[0]
    started, finished = _ends_of(events)
    headline, job = _headline(started, finished), link("The job", run_url)
    told = f"{account}\n\n{_LATER}\n\nA later run began nothing. {headline}. {job} has its log.\n"
    return told if len(told) < LIMIT else f"{account}\n"


def _began(events: Sequence[ApplyEvent]) -> bool:
    return any(
        isinstance(each, ActionStarted | RollbackStarted | RollbackFinished)
        or (isinstance(each, ActionFinished) and each.result != "skipped")
        for each in events
    )


def _ends_of(events: Sequence[ApplyEvent]) -> tuple[ApplyStarted | None, ApplyFinished | None]:
    started = next((each for each in events if isinstance(each, ApplyStarted)), None)
    finished = next((each for each in reversed(events) if isinstance(each, ApplyFinished)), None)
    return started, finished


def _told(events: Sequence[ApplyEvent], *, details: bool = False) -> list[str]:
    """Paragraphs: the marking line, the heading, what failed, what was done and how it ended."""
    started, finished = _ends_of(events)
    blocks = [MARKER, f"### {_headline(started, finished)}"]
    back = next((each.back for each in (finished, started) if each is not None), "")
    if finished is not None:
        undone = _undone(events) if back else ()
        for failure in (*undone, *finished.failures):
            place = "/".join(filter(None, (failure.model, failure.environment)))
            blocks.append(f"**{code(place)}**" if place else "**The run**")
            told = failure.failure
            blocks.append(
                "\n".join(
                    (
                        f"- What happened: {sentence(safe(told.happened))}",
                        f"- What serves now: {sentence(safe(told.serves_now))}",
                        f"- What to do: {sentence(safe(told.next))}",
                    )
                )
            )
            if told.details and details:
                blocks.append(block("\n".join(told.details)))
        blocks.extend(_done(events))
        if not undone and (ends := _ends(finished)):
            blocks.append(ends)
    return blocks


def _headline(started: ApplyStarted | None, finished: ApplyFinished | None) -> str:
    back = next((each.back for each in (finished, started) if each is not None), "")
    if back:
        what = f"Rollback of {code(back)}"
    else:
        what = f"Apply of commit {code(short(started.commit))}" if started else "Apply"
    if finished is None:
        return f"{what}: cut off; the next apply continues"
    took = f" after {duration(finished.seconds)}" if finished.seconds is not None else ""
    meaning = outcome(finished)
    number = f" (exit {finished.exit_code})" if finished.exit_code else ""
    return f"{what}: {meaning}{took}{number}"


def _undone(events: Sequence[ApplyEvent]) -> tuple[EnvironmentFailure, ...]:
    """What a rollback by hand that worked has to say: it is no failure of the run."""
    return tuple(
        EnvironmentFailure(model=each.model, environment=each.environment, failure=each.failure)
        for each in events
        if isinstance(each, RollbackFinished) and each.confirmed and each.failure is not None
    )


def _done(events: Sequence[ApplyEvent]) -> Iterator[str]:
    # What ended as Git asks may have needed nothing: these are the places that changed.
    new = [each.environment for each in released(events) if each.state == "success"]
    if new:
        yield f"Released: {_places(new)}."
    settings = dict.fromkeys(
        f"{each.model}/{each.environment}"
        for each in events
        if isinstance(each, ActionFinished)
        and each.kind == "update_settings"
        and each.result == "ok"
        and each.environment
    )
    if settings:
        yield f"Settings changed: {_places(tuple(settings))}."


def _ends(finished: ApplyFinished) -> str:
    rows = [
        f"| {name.replace('_', ' ')} | {_places(places)} |"
        for name, places in outputs(finished)
        if places
    ]
    return "\n".join(("| ended | environments |", "| --- | --- |", *rows)) if rows else ""


def _places(places: Sequence[str]) -> str:
    more = len(places) - _NAMED
    told = ", ".join(code(each).replace("|", "\\|") for each in places[:_NAMED])
    return f"{told} and {more} more" if more > 0 else told


def _details(events: Sequence[ApplyEvent]) -> Iterator[str]:
    for event in events:
        if isinstance(event, ApplyFinished):
            for each in event.failures:
                yield from each.failure.details
        elif isinstance(event, RollbackFinished) and event.failure is not None:
            yield from event.failure.details


def _log(events: Sequence[ApplyEvent]) -> str:
    """The log, without the sentences that stand above it."""
    told = [
        each.failure
        for event in events
        if isinstance(event, ApplyFinished)
        for each in (*(_undone(events) if event.back else ()), *event.failures)
    ]
    return render(events, elsewhere=told)


def _folded(log: str) -> str:
    if log.count("\n") == 1:
        return ""
    cut = log[-LOG_LIMIT:]
    head = count(log.count("\n"), "line") + (", its end" if len(log) > LOG_LIMIT else "")
    inside = block(cut.rstrip("\n"))
    return f"<details><summary>The log: {head}</summary>\n\n{inside}\n\n</details>"
