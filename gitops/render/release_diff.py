"""What changes between two commits, for people: sentences, then what ships, then the fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gitops.plan.release_diff import (
    EnvironmentDiff,
    ModelDiff,
    Move,
    Pin,
    ReleaseDiff,
    to_json,
)
from gitops.plan.release_fields import FieldDiff
from gitops.render.layout import WIDTH, safe, styled
from gitops.render.markdown import block, code, sentence
from gitops.render.palette import Role, Style, plain
from gitops.render.text import harmless, printable
from gitops.render.words import count, duration, listed, short, some, value
from gitops.state.commit import CommitInfo

MOST: Final = 20
"""So many commits and files of one move are named; the JSON has them all."""

LIMIT: Final = 65_536
MARKER: Final = "<!-- gitops diff -->"
FILE: Final = "gitops.yaml"
_SECONDS: Final = re.compile(
    r"(^|\.)(for|timeout|unhealthy_for|timeouts\.\w+|older_than|latency\.\w+)$"
)
_CANCELLED: Final = "cancel each other out"
_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}


def as_json(diff: ReleaseDiff) -> str:
    """The whole diff as one JSON document, ending with a line break."""
    return harmless(json.dumps(to_json(diff), indent=2, ensure_ascii=False)) + "\n"


def render(diff: ReleaseDiff, style: Style = plain, width: int = WIDTH) -> str:
    """The diff as text, ending with a line break; every foreign string is made printable."""
    blocks = [list(styled(title(diff), style, "heading", width))]
    if diff.repository:
        told = styled(_told_of_repository(diff), style, "change", width, lead=FILE)
        blocks.append([*told, *_fields(diff.repository, style)])
    blocks += [list(_model(model, style, width)) for model in diff.models]
    blocks.append(list(styled(counts(diff), style, "heading", width)))
    return "\n\n".join("\n".join(each) for each in blocks) + "\n"


def title(diff: ReleaseDiff) -> str:
    """Which commits are compared."""
    return f"Commit {short(diff.base)} -> {short(diff.head)}"


def counts(diff: ReleaseDiff) -> str:
    """The last line: how many models, pins and fields."""
    if not diff.changes:
        return f"Diff: nothing changes in {count(diff.managed, 'model')}."
    moves = sum(each.move is not None for model in diff.models for each in model.environments)
    changed = sum(
        len(model.fields) + sum(len(each.fields) for each in model.environments)
        for model in diff.models
    )
    parts = [count(len(diff.models), "model")] if diff.models else []
    parts += [count(moves, "pin")] if moves else []
    parts += [count(changed, "other field" if moves else "field")] if changed else []
    number = len(diff.repository)
    parts += [count(number, f"field of {FILE}", f"fields of {FILE}")] if number else []
    alone = len(parts) == 1 and parts[0].startswith("1 ")
    return f"Diff: {listed(parts)} {'changes' if alone else 'change'}."


def _told_of_repository(diff: ReleaseDiff) -> str:
    return f"{FILE} changes in {count(len(diff.repository), 'field')}, for all models."


def headline(model: ModelDiff, environment: EnvironmentDiff) -> str:
    """One environment's sentence; it begins with MODEL/ENV and ends with a full stop or colon."""
    place, move = f"{model.model}/{environment.environment}", environment.move
    match environment.kind:
        case "added":
            asks = f" and asks for {_pin(move.after)}" if move and move.after else ""
            return f"{place} is new{asks}."
        case "removed":
            return f"{place} leaves Git; what it serves on Baseten stays."
        case "changed":
            if move is None:
                return f"{place} changes in {count(len(environment.fields), 'field')}."
            return f"{place} {_moves(move)}."


def _moves(move: Move) -> str:
    if move.before is None or move.after is None:
        there = f"a commit instead of a deployment: {_pin(move.after)}" if move.after else ""
        return f"asks for {there or 'a deployment instead of a commit'}"
    ends = f"from {_pin(move.before)} to {_pin(move.after)}"
    if not move.builds:
        return f"moves {ends}: the same files, nothing is built"
    number = count(len(move.commits), "commit")
    ships = f"{number} {'ships' if len(move.commits) == 1 else 'ship'}"
    others = f", {len(move.cancelled)} {_CANCELLED}" if move.cancelled else ""
    match move.direction:
        case "forward":
            return f"moves {ends}: {ships}{others}"
        case "back":
            return f"goes back {ends}: {number} taken out{others}"
        case "elsewhere":
            return f"moves {ends}, which is not in its history: {ships}{others}"


def _pin(pin: Pin | None) -> str:
    if pin is None:
        return "nothing"
    return f"commit {short(pin.commit)}{' (HEAD)' if pin.head else ''}"


def _model(model: ModelDiff, style: Style, width: int) -> Iterator[str]:
    for told in _told_of_model(model):
        yield from styled(safe(told), style, _role(model.kind), width, lead=safe(model.model))
    yield from _fields(model.fields, style)
    for environment in model.environments:
        place = safe(f"{model.model}/{environment.environment}")
        told = safe(headline(model, environment))
        yield from styled(told, style, _role(environment.kind), width, lead=place)
        if environment.move is not None:
            yield from _move(environment.move, style, width)
        yield from _fields(environment.fields, style)


def _told_of_model(model: ModelDiff) -> Iterator[str]:
    match model.kind:
        case "added":
            yield f"{model.model} is new, in {model.release_file}."
        case "removed":
            yield f"{model.model} leaves Git with {model.release_file}; on Baseten it stays."
        case "changed":
            if model.fields:
                yield f"{model.model} changes in {count(len(model.fields), 'field')}."


def _move(move: Move, style: Style, width: int) -> Iterator[str]:
    out = move.direction == "back"
    for each in move.commits[:MOST]:
        line = f"{'without' if out else 'ships'} {_commit(each)}"
        role: Role = "remove" if out else "add"
        yield from styled(safe(line), style, role, width, first="    ", rest="      ")
    yield from _more(len(move.commits), "commit", style)
    if move.cancelled:
        yield "    " + style(
            f"{some([short(each.id) for each in move.cancelled])} {_CANCELLED}", "dim"
        )
    for file in move.files[:MOST]:
        yield "    " + style(f"{_SIGNS[file.kind]} {printable(file.path)}", "dim")
    yield from _more(len(move.files), "file", style)
    yield from _fields(move.config, style, head="config.yaml ")


def _more(number: int, noun: str, style: Style) -> Iterator[str]:
    if number > MOST:
        yield "    " + style(f"and {count(number - MOST, f'more {noun}')}", "dim")


def _commit(commit: CommitInfo) -> str:
    return f"{short(commit.id)} {commit.at:%Y-%m-%d} {commit.subject} ({commit.author})"


def _fields(found: Sequence[FieldDiff], style: Style, head: str = "") -> Iterator[str]:
    width = max((len(printable(each.path)) for each in found), default=0)
    for each in found:
        role: Role = "add" if each.before is None else "change"
        line = f"{_sign(each)} {head}{printable(each.path):<{width}}  {printable(_sides(each))}"
        yield "    " + style(line.rstrip(), role)


def _sign(each: FieldDiff) -> str:
    return "+" if each.before is None else "-" if each.after is None else "~"


def _sides(each: FieldDiff) -> str:
    if each.before is None:
        return _shown(each.path, each.after)
    if each.after is None:
        return _shown(each.path, each.before)
    before, after = _shown(each.path, each.before), _shown(each.path, each.after)
    return f"{before} -> {after}" if before != after else f"{after}, changed"


def _shown(path: str, content: object) -> str:
    if isinstance(content, Mapping):
        return ""
    if isinstance(content, Sequence) and not isinstance(content, str) and len(content) > 3:
        return count(len(content), "request" if path.endswith(".requests") else "value")
    if isinstance(content, int | float) and _SECONDS.search(path) and not isinstance(content, bool):
        return f"{content * 1000:g}ms" if 0 < content < 1 else duration(content)
    text = value(content)  # type: ignore[arg-type]
    return text if len(text) <= 100 else f"{text[:99]}…"


def _role(kind: str) -> Role:
    roles: dict[str, Role] = {"added": "add", "removed": "remove", "changed": "change"}
    return roles[kind]


def markdown(diff: ReleaseDiff) -> str:
    """The diff for a comment on a pull request, below ``LIMIT`` characters."""
    for most in (MOST, 3, 0):
        text = _document(diff, most)
        if len(text) < LIMIT:
            return text
    names = ", ".join(code(each.model) for each in diff.models[:500])
    if len(names) > LIMIT // 2:
        names = count(len(diff.models), "model")
    return f"{MARKER}\n\n**{_heading(diff)}**\n\n{names}\n\n**{sentence(counts(diff))}**\n"


def _heading(diff: ReleaseDiff) -> str:
    return sentence(title(diff).replace(" -> ", " to "))


def _document(diff: ReleaseDiff, most: int) -> str:
    blocks = [MARKER, f"**{_heading(diff)}**"]
    if diff.repository:
        blocks.append(f"- {sentence(_told_of_repository(diff))}")
        blocks += _nested_fields(diff.repository, max(most, 3))
    for model in diff.models:
        blocks += [f"- {sentence(safe(each))}" for each in _told_of_model(model)]
        blocks += _nested_fields(model.fields, most)
        for environment in model.environments:
            blocks.append(f"- {sentence(safe(headline(model, environment)))}")
            blocks += _nested_move(environment.move, most) if environment.move else []
            blocks += _nested_fields(environment.fields, most)
    blocks.append(f"**{sentence(counts(diff))}**")
    return "\n\n".join(blocks) + "\n"


def _nested_move(move: Move, most: int) -> list[str]:
    lines = [f"  - {code(short(each.id))} {sentence(each.subject)}" for each in move.commits[:most]]
    if len(move.commits) > most:
        lines.append(f"  - and {count(len(move.commits) - most, 'more commit')}")
    if move.cancelled and most:
        lines.append(f"  - {some([code(short(each.id)) for each in move.cancelled])} {_CANCELLED}")
    found = ["\n".join(lines)] if lines else []
    files = [f"{_SIGNS[each.kind]} {each.path}" for each in move.files[:most]]
    if files:
        found.append(_nested(block("\n".join(files))))
    return found + _nested_fields(move.config, most, "config.yaml ")


def _nested_fields(fields: Sequence[FieldDiff], most: int, head: str = "") -> list[str]:
    rows: list[str] = []
    for each in fields[: most * 3]:
        if each.before is not None:
            rows.append(f"- {head}{each.path}: {_shown(each.path, each.before)}".rstrip(": "))
        if each.after is not None:
            rows.append(f"+ {head}{each.path}: {_shown(each.path, each.after)}".rstrip(": "))
    return [_nested(block("\n".join(rows), "diff"))] if rows else []


def _nested(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.split("\n"))
