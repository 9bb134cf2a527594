"""The facts about Baseten that the emulator is held to, tied to the tests that hold it.

`docs/facts.toml` is the table, `@pytest.mark.fact("B-001")` on a test the other half. Run as a
program it prints `docs/baseten.md`.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gitops.emulator import Durations, Options
from gitops.emulator.options import SWITCHES

ROOT = Path(__file__).parent.parent.parent
TABLE = ROOT / "docs" / "facts.toml"
PAGE = ROOT / "docs" / "baseten.md"
TESTS = ROOT / "tests"

SURE = {
    "documented": "documented",
    "sdk": "from the SDK",
    "clients": "from its clients",
    "disputed": "sources disagree",
    "guess": "a guess",
}
DOUBTFUL = frozenset({"disputed", "guess"})
NUMBER = re.compile(r"B-(\d{3})")
DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact. `switch` is the emulator's option that chooses; `settled` why there is none."""

    number: str
    topic: str
    says: str
    sure: str
    switch: str | None = None
    settled: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All facts by topic, the numbers that are no longer used, and what cannot be observed."""

    topics: Mapping[str, str]
    facts: tuple[Fact, ...]
    retired: Mapping[str, str]
    elsewhere: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A test that holds the emulator to a fact; `options` as its parameters write them."""

    number: str
    test: str
    options: tuple[Mapping[str, str], ...]


def read(text: str) -> Table:
    """The table of facts. Raises: KeyError, TypeError where it is malformed."""
    raw = tomllib.loads(text)
    retired = raw.pop("retired", {})
    elsewhere = tuple((each["says"], each["why"]) for each in raw.pop("elsewhere", ()))
    facts = tuple(
        Fact(number=number, topic=topic, **values)
        for topic, block in raw.items()
        for number, values in block["facts"].items()
    )
    topics = {topic: block["title"] for topic, block in raw.items()}
    return Table(topics=topics, facts=facts, retired=retired, elsewhere=elsewhere)


def marks_below(folder: Path) -> list[Mark]:
    """Every mark of every test, read without importing any."""
    return [
        mark
        for path in sorted(folder.rglob("test_*.py"))
        if "mark.fact(" in (text := path.read_text())
        for mark in marks_in(text)
    ]


def marks_in(text: str) -> Iterator[Mark]:
    """The marks of one module's tests, those of single parameters included."""
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test_"):
            continue
        options = tuple(_options(function.decorator_list))
        for call in _calls(function.decorator_list):
            if ast.unparse(call.func) == "pytest.mark.fact":
                for argument in call.args:
                    number = str(ast.literal_eval(argument))
                    yield Mark(number=number, test=function.name, options=options)


def _calls(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    for node in nodes:
        yield from (each for each in ast.walk(node) if isinstance(each, ast.Call))


def _options(decorators: Iterable[ast.AST]) -> Iterator[dict[str, str]]:
    """The values that a test gives the parameter `options`, as source texts by name."""
    for call in _calls(decorators):
        if ast.unparse(call.func) != "pytest.mark.parametrize":
            continue
        names = ast.literal_eval(call.args[0])
        listed = (names,) if isinstance(names, str) else tuple(names)
        if "options" not in listed or not isinstance(call.args[1], ast.List | ast.Tuple):
            continue
        for case in call.args[1].elts:
            value = case.elts[listed.index("options")] if isinstance(case, ast.Tuple) else case
            if isinstance(value, ast.Dict):
                yield dict(_named(value))


def _named(value: ast.Dict) -> Iterator[tuple[str, str]]:
    for key, inner in zip(value.keys, value.values, strict=True):
        name = str(ast.literal_eval(key)) if key is not None else ""
        if name == "durations" and isinstance(inner, ast.Call):
            for each in inner.keywords:
                yield f"durations.{each.arg}", ast.unparse(each.value)
        else:
            yield name, ast.unparse(inner)


def problems(table: Table, marks: Iterable[Mark]) -> list[str]:
    """Gaps between the table and the tests, both ways, and within the table."""
    marks = list(marks)
    return [*_in_numbering(table), *_in_doubt(table), *_between(table, marks)]


def _in_numbering(table: Table) -> Iterator[str]:
    numbers = [each.number for each in table.facts] + list(table.retired)
    yield from (f"{each} is no number" for each in numbers if not NUMBER.fullmatch(each))
    for each in sorted(set(numbers)):
        if numbers.count(each) > 1:
            yield f"{each} is there {numbers.count(each)} times"
    wanted = {f"B-{number:03}" for number in range(1, len(set(numbers)) + 1)}
    yield from (f"{each} is missing" for each in sorted(wanted - set(numbers)))


def _in_doubt(table: Table) -> Iterator[str]:
    for fact in table.facts:
        if fact.sure not in SURE:
            yield f"{fact.number}: {fact.sure!r} is not one of {', '.join(SURE)}"
        if fact.sure in DOUBTFUL and (fact.switch is None) is (fact.settled is None):
            yield f"{fact.number} is {SURE[fact.sure]} and needs either a switch or a reason"
        if fact.switch is not None and fact.switch not in switches():
            yield f"{fact.number}: the emulator has no switch {fact.switch}"


def unused(table: Table) -> list[str]:
    """The emulator's switches that no fact asks for."""
    return sorted(set(SWITCHES) - {each.switch for each in table.facts})


def _between(table: Table, marks: list[Mark]) -> Iterator[str]:
    known = {each.number: each for each in table.facts}
    for mark in marks:
        if mark.number not in known:
            yield f"{mark.test} holds to {mark.number}, which is no fact"
    for fact in table.facts:
        here = [each for each in marks if each.number == fact.number]
        if not here:
            yield f"{fact.number} has no test: {fact.says}"
        elif fact.switch in switches() and len(tried(fact, here)) < 2:
            yield f"{fact.number} is tested with one value of {fact.switch} only"


def switches() -> dict[str, str]:
    """Names of the emulator's switches, with their defaults as source texts."""
    options = Options()
    return {
        **{name: repr(getattr(options, name)) for name in ("mode", *SWITCHES)},
        **{
            f"durations.{each.name}": repr(getattr(options.durations, each.name))
            for each in fields(Durations)
        },
    }


def tried(fact: Fact, marks: Iterable[Mark]) -> set[str]:
    """The values of a fact's switch that its tests are run with."""
    default = switches()[fact.switch or ""]
    return {
        given.get(fact.switch or "", default) for mark in marks for given in (mark.options or ({},))
    }


def page(table: Table, marks: Iterable[Mark]) -> str:
    """`docs/baseten.md`."""
    tests: dict[str, list[str]] = {}
    for mark in marks:
        if mark.test not in tests.setdefault(mark.number, []):
            tests[mark.number].append(mark.test)
    lines = [HEAD]
    for topic, title in table.topics.items():
        lines += [f"## {title}", "", "| | fact | how sure | tests |", "| --- | --- | --- | --- |"]
        for fact in table.facts:
            if fact.topic == topic:
                named = ", ".join(f"`{each}`" for each in sorted(tests.get(fact.number, ())))
                lines.append(f"| {fact.number} | {fact.says} | {_how_sure(fact)} | {named} |")
        lines.append("")
    if table.retired:
        lines += ["## No longer held to be true", "", "| | why |", "| --- | --- |"]
        lines += [f"| {number} | {why} |" for number, why in table.retired.items()]
        lines.append("")
    lines += [ELSEWHERE, "| what | why not here |", "| --- | --- |"]
    lines += [f"| {says} | {why} |" for says, why in table.elsewhere]
    return "\n".join(lines) + "\n"


def _how_sure(fact: Fact) -> str:
    if fact.switch is not None:
        return f"{SURE[fact.sure]}: `{fact.switch}`"
    if fact.settled is not None:
        return f"{SURE[fact.sure]}; {fact.settled}"
    return SURE[fact.sure]


HEAD = """\
# What is known of Baseten

<!-- Made from facts.toml and the tests by `make facts`. -->

Every fact about Baseten's API that can be seen from outside, how sure it is, and the tests that
hold the [emulator](emulator.md) to it. Compiled from public sources in November 2026, and in our
own words; where they disagreed, the newest was believed.

- **documented**: Baseten's documentation, or its OpenAPI document of July 2026
- **from the SDK**: the official Python SDK 0.13.1, of October 2026
- **from its clients**: what Baseten's command line, its Terraform provider, its packaging library
  and other people's tools rely on
- **sources disagree**, **a guess**: the emulator has a switch, named behind it, and is tested both
  ways; or there is none, and it says why

A switch is a field of `gitops.emulator.Options`; `durations.…` are the seconds in its `durations`.
"older" is the platform of July 2026 (`--mode july`), "newer" that of October (`--mode newest`).
"""
ELSEWHERE = """\
## Not to be seen here

Known as well, and either the client's business or beyond the emulator.
"""


def current() -> tuple[Table, list[Mark]]:
    """The table and the marks of this checkout."""
    return read(TABLE.read_text()), marks_below(TESTS)


def main() -> Any:
    """Print the page."""
    sys.stdout.write(page(*current()))


if __name__ == "__main__":
    main()
