"""Files that checks name: request bodies a line each, and JSON Schemas; read once a compile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, NoReturn

from pydantic import ValidationError

from gitops.pipeline.sources import Files
from gitops.release import words
from gitops.release.checks import Expect
from gitops.release.findings import findings
from gitops.release.scalars import path_problem
from gitops.state.identity.walk import POINTER
from gitops.state.json import Json
from gitops.yaml.limits import MAX_DEPTH, MAX_NUMBER

MAX_BYTES: Final = 1 << 20
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
MAX_PROBLEMS: Final = 5
"""Bad lines told of in one file of requests."""


class BadFile(Exception):
    """A file that a check names and that cannot be used; ``messages`` say why."""

    def __init__(self, *messages: str, hint: str | None = None) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a request file: the body, and the expectations it brings, as written.

    ``number`` counts all lines of the file from 1, empty ones too.
    """

    number: int
    body: Json
    expect: Mapping[str, Any] | None = None


def load_json(text: str) -> Any:
    """JSON that every reader takes, and reads as the same value.

    Raises ``ValueError`` with words for people for any other, or what is nested too deeply.
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"holds {constant[:20]}, a number that not every reader takes")

    def integer(digits: str) -> int:
        return int(digits) if len(digits) <= MAX_NUMBER else refuse(f"{digits[:16]}…")

    def number(digits: str) -> float:
        found = float(digits)
        return found if isfinite(found) else refuse(digits)

    try:
        value = json.loads(text, parse_constant=refuse, parse_int=integer, parse_float=number)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except json.JSONDecodeError as error:
        place = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}"
        raise ValueError(
            f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at {place}"
        ) from None
    _sound(value)
    return value


def _sound(value: Any) -> None:
    pending = [(value, 0)]
    while pending:
        one, depth = pending.pop()
        if isinstance(one, str) and not _is_text(one):
            raise ValueError("holds half of a letter, such as \\ud800, which no text may")
        if isinstance(one, dict | list):
            if depth >= MAX_DEPTH:
                raise ValueError(f"holds more than {MAX_DEPTH} maps and lists inside each other")
            pending += [
                (inner, depth + 1) for inner in (one.values() if isinstance(one, dict) else one)
            ]
            pending += [(key, depth + 1) for key in one] if isinstance(one, dict) else []


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class CheckFiles:
    """The files of one commit or working tree that checks name."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._lines: dict[str, tuple[Line, ...] | BadFile] = {}
        self._schemas: dict[str, Any] = {}
        self._sound: dict[str, str | None] = {}

    @property
    def named(self) -> tuple[str, ...]:
        """Every path that was asked for so far, sorted."""
        return tuple(sorted({*self._lines, *self._schemas}))

    def takes_over(self, other: CheckFiles) -> bool:
        """Know what other files say, if all that were asked for are the same; whether they are."""
        named = [path for path in other.named if path_problem(path) is None]
        if self._files.read_many(named) != other._files.read_many(named):
            return False
        self._lines.update(other._lines)
        self._schemas.update(other._schemas)
        self._sound.update(other._sound)
        return True

    def lines(self, path: str) -> tuple[Line, ...]:
        """The requests of a .jsonl file. Raises ``BadFile``."""
        known = self._lines.get(path)
        if known is None:
            try:
                known = _lines(self._text(path))
            except BadFile as error:
                known = error
            self._lines[path] = known
        if isinstance(known, BadFile):
            raise known
        return known

    def schema(self, given: Any) -> Json:
        """The JSON Schema that is given inline or by its path, checked. Raises ``BadFile``."""
        schema = given
        prefix = ""
        if isinstance(given, str):
            schema = self._schema_file(given)
            prefix = f"{words.name(given)} "
        canonical = json.dumps(schema, sort_keys=True)
        if canonical not in self._sound:
            self._sound[canonical] = _schema_problem(schema)
        problem = self._sound[canonical]
        if problem is not None:
            raise BadFile(f"{prefix}{problem}")
        assert schema is None or isinstance(schema, dict | bool)
        return schema

    def _schema_file(self, path: str) -> Any:
        if path not in self._schemas:
            try:
                self._schemas[path] = load_json(self._text(path))
            except ValueError as error:
                self._schemas[path] = BadFile(f"{words.name(path)} {error}")
            except BadFile as error:
                self._schemas[path] = error
        known = self._schemas[path]
        if isinstance(known, BadFile):
            raise known
        return known

    def _text(self, path: str) -> str:
        wrong = path_problem(path)
        if wrong is not None:
            raise BadFile(f"{wrong}: {words.shown(path)}")
        data = self._files.read(path)
        if data is None:
            raise BadFile(
                f"there is no file {words.name(path)}",
                hint="paths begin at the repository's root; a new file has to be committed",
            )
        if len(data) > MAX_BYTES:
            raise BadFile(f"{words.name(path)} is larger than 1 MiB")
        if data.startswith(POINTER):
            raise BadFile(
                f"{words.name(path)} is a Git LFS pointer, not the file itself",
                hint="checks are read from Git, so commit the file without LFS",
            )
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BadFile(f"{words.name(path)} is not UTF-8") from None


def _lines(text: str) -> tuple[Line, ...]:
    found: list[Line] = []
    wrong: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            body = load_json(line)
        except ValueError as error:
            wrong.append(f"line {number} {error}")
            continue
        if isinstance(body, dict) and "request" in body and set(body) <= {"request", "expect"}:
            expect = body.get("expect")
            if "expect" in body:
                wrong += [f"line {number}: {each}" for each in _expect_problems(expect)]
            found.append(
                Line(number, body["request"], expect if isinstance(expect, dict) else None)
            )
        else:
            found.append(Line(number, body))
    if wrong:
        more = len(wrong) - MAX_PROBLEMS
        last = (f"and {more} more lines are wrong",) if more > 0 else ()
        raise BadFile(*wrong[:MAX_PROBLEMS], *last)
    if not found:
        raise BadFile("the file holds no request", hint="write one JSON body a line")
    return tuple(found)


def _expect_problems(value: Any) -> list[str]:
    try:
        Expect.model_validate(value)
    except ValidationError as error:
        return [
            f"{words.dotted(('expect', *each.path))}: {each.message}"
            for each in findings(Expect, error)
        ]
    return []


def _schema_problem(schema: Any) -> str | None:
    if not isinstance(schema, dict | bool):
        return "is not a JSON Schema, which is an object or true or false"
    if isinstance(schema, bool):
        return None
    from jsonschema import exceptions, validators

    if not isinstance(schema.get("$schema", ""), str):
        return f"is not a JSON Schema: $schema: {words.shown(schema['$schema'])} is no address"
    try:
        validators.validator_for(schema, default=validators.Draft202012Validator).check_schema(
            schema
        )
    except exceptions.SchemaError as error:
        where = words.dotted(error.absolute_path)
        return f"is not a JSON Schema: {where and f'{where}: '}{error.message[:200]}"
    except RecursionError:
        return "is nested too deeply"
    remote = _remote_reference(schema)
    if remote is not None:
        return f"refers to {words.shown(remote)}: only references within the schema are followed"
    return None


def _remote_reference(schema: Any) -> str | None:
    pending = [schema]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            for target in (one.get(name) for name in _REFERENCES):
                if isinstance(target, str) and not target.startswith("#") and "$id" not in schema:
                    return target
            pending += one.values()
        elif isinstance(one, list):
            pending += one
    return None
