"""The deploy log for people and for scripts."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, assert_never

from gitops.record.entry import FORMAT_VERSION, Entry, Event, Side, to_json
from gitops.record.history import STAYS
from gitops.record.timeline import ModelLog, Standing, standings
from gitops.render.figures import verdicts, way_back
from gitops.render.layout import WIDTH, lines, safe, styled
from gitops.render.palette import Role, Style, plain
from gitops.render.text import harmless, printable
from gitops.render.words import (
    commit_and_deployment,
    count,
    duration,
    instant,
    one_line,
    short,
    some,
    value,
)

_ROLES: Final[Mapping[Event, Role]] = {
    Event.INTENT: "dim",
    Event.NOT_STARTED: "dim",
    Event.RELEASED: "good",
    Event.ROLLED_BACK: "bad",
    Event.REJECTED: "bad",
    Event.UNVERIFIED: "bad",
    Event.SETTINGS: "change",
    Event.ADOPTED: "good",
    Event.HELD: "held",
    Event.LIFTED: "held",
}

NARROW: Final = 40
"""Columns that a sentence needs to be read with ease."""


def text(
    logs: Sequence[ModelLog],
    style: Style = plain,
    width: int = WIDTH,
    *,
    newest: int | None = None,
) -> str:
    """A block for each model, newest entry first; every foreign string is made printable.

    ``width`` in columns: what is longer goes on below, indented. ``newest``: so many of each model.
    """
    several = len({log.workspace for log in logs}) > 1
    blocks = [
        "\n".join([_title(log, style, several=several), *_block(log, style, width, newest=newest)])
        for log in logs
        if log.entries
    ]
    return "\n\n".join(blocks) + "\n" if blocks else "The deploy log is empty.\n"


def text_at(
    logs: Sequence[ModelLog], moment: datetime, style: Style = plain, width: int = WIDTH
) -> str:
    """What the log says served at a moment, a sentence for each environment."""
    several = len({log.workspace for log in logs}) > 1
    then = [log.until(moment) for log in logs]
    blocks = [
        "\n".join(
            [
                _title(log, style, several=several),
                *(
                    line
                    for each in standings(log)
                    for line in styled(
                        safe(one_line(_stood(each))), style, None, width, first="  ", rest="      "
                    )
                ),
            ]
        )
        for log in then
        if log.entries
    ]
    said = "\n\n".join(blocks) or "The deploy log had no entry yet."
    return f"{style(f'At {instant(moment)}', 'heading')}\n\n{said}\n"


def nothing_of(model: str, environment: str | None, logs: Sequence[ModelLog]) -> str:
    """What to say where nobody has released a model, or there; ``logs`` have everything else."""
    if not logs:
        return printable(f"the deploy log is empty: nothing of {model} was released yet")
    name = model.rpartition("/")[2]
    own = [log for log in logs if log.model == name]
    if own and environment is not None:
        wrong, known = environment, [each.environment for log in own for each in log.entries]
        what = f"environment {model}/{environment}"
    else:
        wrong, known = name, [log.model for log in logs]
        what = f"model {model}"
    there = list(dict.fromkeys(known))
    near = difflib.get_close_matches(wrong, there, 3, 0.5)
    about = f"did you mean {' or '.join(near)}?" if near else f"it has {some(sorted(there))}"
    return printable(f"the deploy log has no {what}; {about}")


def as_json(logs: Sequence[ModelLog], fetched_at: datetime | None = None) -> str:
    """Every entry as it is in the log, oldest first, with its id.

    ``fetched_at`` is when the clone last asked the remote; None where that is not known.
    """
    document = {
        "format_version": FORMAT_VERSION,
        "fetched_at": _moment(fetched_at) if fetched_at is not None else None,
        "logs": [
            {
                **_names(log),
                "entries": [
                    {"id": each.id, "kept": each.id in log.kept, **to_json(each)}
                    for each in log.entries
                ],
            }
            for log in logs
        ],
    }
    return _dumped(document)


def as_json_at(
    logs: Sequence[ModelLog], moment: datetime, fetched_at: datetime | None = None
) -> str:
    """What the log says served at a moment; ``fetched_at`` as above."""
    document = {
        "format_version": FORMAT_VERSION,
        "fetched_at": _moment(fetched_at) if fetched_at is not None else None,
        "at": _moment(moment),
        "logs": [
            {**_names(log), "environments": [_standing(each) for each in standings(log)]}
            for log in (log.until(moment) for log in logs)
        ],
    }
    return _dumped(document)


def _block(log: ModelLog, style: Style, width: int, *, newest: int | None) -> Iterator[str]:
    begun = {each.id: each for each in log.entries if _is_begun(each)}
    ended = {each.closes: each.event for each in log.entries if each.closes}
    # What was announced and has ended is told once, by its end.
    told = [
        it
        for it in log.entries
        if it.id not in begun
        or it.id not in ended
        or (it.event is Event.HELD and ended[it.id] is not Event.HELD)
    ]
    shown = told[-newest:] if newest is not None else told
    names = max(len(printable(each.environment)) for each in shown)
    column = 26 + names
    # On a narrow terminal the sentences begin at the left again where they go on.
    below = " " * (column if width - column >= NARROW else 6)
    further = below + "  "
    where = called = ""
    for entry in reversed(shown):
        if called and entry.model and entry.model != called:
            renamed = f"renamed to {called}; before, it was {entry.model}"
            yield from styled(
                safe(one_line(renamed)), style, "dim", width, first="  ", rest="      "
            )
        called = entry.model or called
        place = printable(entry.environment).ljust(names)
        begins = f"  {instant(entry.at)}  {place}  "
        said = sentence(entry) + _by(entry)
        role = _ROLES[entry.event]
        first, *others = lines(begins.lstrip() + safe(said), width, first="  ", rest=further)
        yield begins + style(first[len(begins) :], role)
        yield from (further + style(line[len(further) :], role) for line in others)
        # Entries of one run follow each other: where it ran is worth one line.
        details = [f"on {entry.where}"] if entry.where not in {"", where} else []
        details += _details(entry, begun.get(entry.closes or ""), kept=entry.id in log.kept)
        where = entry.where
        for line in details:
            detail = safe(one_line(line))
            yield from styled(detail, style, "dim", width, first=below, rest=further)
    if len(shown) < len(told):
        older = f"and {count(len(told) - len(shown), 'older entry', 'older entries')}"
        yield f"  {style(older, 'dim')}"


def _is_begun(entry: Entry) -> bool:
    """Whether an entry announces what another one ends."""
    by_hand = entry.event is Event.HELD and entry.intent is None and entry.to is not None
    return by_hand or entry.event is Event.INTENT


def _by(entry: Entry) -> str:
    by = one_line(entry.by.partition(" <")[0])
    return f", by {by}" if by else ""


def _title(log: ModelLog, style: Style, *, several: bool) -> str:
    where = f" in workspace {log.workspace}" if several else ""
    return style(printable(one_line(f"{log.team}/{log.model}{where}")), "heading")


def sentence(entry: Entry) -> str:  # noqa: C901 - one case an event
    """What an entry says happened, without its time and place."""
    to, origin = _thing(entry.to), _thing(entry.from_)
    match entry.event:
        case Event.INTENT:
            return f"announced: {_what(entry.to)}{_over(entry)}"
        case Event.NOT_STARTED:
            return f"promotion of {to} never began"
        case Event.RELEASED:
            number = f"release #{entry.number}: " if entry.number else "released "
            return number + to + _over(entry) + _took(entry)
        case Event.ROLLED_BACK:
            return f"{to} rolled back to {origin}" + _took(entry)
        case Event.REJECTED:
            return f"{to} rejected by its checks"
        case Event.UNVERIFIED:
            return f"{to} serves and is not verified"
        case Event.SETTINGS:
            return "settings changed"
        case Event.ADOPTED:
            return f"{to} adopted"
        case Event.HELD:
            if _is_begun(entry):
                return f"{origin} held, goes back to {to}"
            return f"{origin} held" + (f", back to {to}" + _took(entry) if entry.to else "")
        case Event.LIFTED:
            return f"hold on {to} lifted"
        case _:
            assert_never(entry.event)


def _thing(side: Side | None) -> str:
    return one_line(commit_and_deployment(side)) if side is not None else "nothing"


def _what(side: Side | None) -> str:
    """A deployment by its commit alone, where that is known: an end names the deployment too."""
    if side is not None and side.commit:
        return f"commit {short(side.commit)}"
    return _thing(side)


def _over(entry: Entry) -> str:
    return f" over {_what(entry.from_)}" if entry.from_ is not None else ""


def _took(entry: Entry) -> str:
    return f", after {duration(entry.seconds)}" if entry.seconds is not None else ""


def _details(entry: Entry, begun: Entry | None, *, kept: bool) -> Iterator[str]:
    if begun is not None and begun.event is entry.event is Event.HELD:
        # What began a rollback by hand is told by its end alone.
        yield from [begun.reason] if begun.reason else []
        if begun.by != entry.by:
            yield f"asked for at {instant(begun.at)}{_by(begun)}"
    elif entry.reason and entry.event not in {Event.INTENT, Event.SETTINGS}:
        # What an intent goes over is in its sentence, and which settings are listed below.
        yield entry.reason
    yield from verdicts(entry.figures, told=entry.reason)
    if seen := way_back(entry.figures):
        yield seen
    folder = entry.figures.get("kept")
    if isinstance(folder, str) and folder:
        place = f" of {entry.where}" if entry.where else ""
        if entry.where.startswith(("http://", "https://")):
            place = f" on the runner of {entry.where}, where that was kept"
        yield f"its logs and figures are in {folder}, below the Git directory{place}"
    if entry.ended_by:
        yield f"ended by {entry.ended_by}"
    yield from _settings(entry)
    if kept:
        yield "kept in this clone, not on the remote yet"


def _settings(entry: Entry) -> Iterator[str]:
    before, after = entry.settings_before or {}, entry.settings_after or {}
    stays = entry.figures.get(STAYS)
    stays = stays if isinstance(stays, Mapping) else {}
    for path, it in sorted(stays.items()):
        yield f"{path}: stays {value(it)}, for want of consent"
    if entry.event in {Event.SETTINGS, Event.RELEASED}:
        for path in sorted(after):
            if path not in stays and (path not in before or before[path] != after[path]):
                yield f"{path}: {value(before.get(path))} -> {value(after[path])}"


def _stood(standing: Standing) -> str:
    served = "nothing that the log knows of"
    if standing.serving is not None:
        served = _thing(standing.serving)
    since = f", since {instant(standing.since)}" if standing.since is not None else ""
    parts = [f"{standing.environment}: {served}{since}"]
    if standing.announced is not None:
        parts.append(f"promotion of {_thing(standing.announced.to)} under way")
    parts += [f"{_thing(side)} held" for side in standing.held]
    return printable(one_line("; ".join(parts)))


def _names(log: ModelLog) -> dict[str, str]:
    return {"workspace": log.workspace, "team": log.team, "model": log.model}


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "environment": standing.environment,
        "serving": _side(standing.serving),
        "since": _moment(standing.since) if standing.since is not None else None,
        "announced": standing.announced.id if standing.announced else None,
        "held": [_side(side) for side in standing.held],
    }


def _side(side: Side | None) -> dict[str, str | None] | None:
    if side is None:
        return None
    return {
        "deployment_id": side.deployment_id,
        "deployment_name": side.deployment_name,
        "digest": side.digest,
        "commit": side.commit,
    }


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _dumped(document: Mapping[str, Any]) -> str:
    return harmless(json.dumps(document, indent=2)) + "\n"
