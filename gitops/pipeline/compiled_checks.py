"""Checks of the language become checks as values: files read, changes merged, patterns tried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gitops.pipeline.check_files import BadFile, CheckFiles, Line
from gitops.release import rules, words
from gitops.release.checks import Check, Expect
from gitops.release.defaults import merged
from gitops.release.finding import Finding, Path
from gitops.state import desired

_PLAIN = desired.Expect()


class CheckCompiler:
    """Compiles checks; ``findings`` collects what is wrong."""

    def __init__(self, files: CheckFiles) -> None:
        self._files = files

    def check(
        self, name: str, check: Check, raw: Mapping[str, Any], path: Path, found: list[Finding]
    ) -> desired.Check:
        """One named check; ``raw`` is what was written."""
        written = raw.get("expect", {})
        expect = self.expect(check.expect, (*path, "expect"), found) if written else _PLAIN
        probes: tuple[desired.Probe, ...]
        if check.requests is None:
            probes = (desired.Probe(body=check.request),)
        else:
            probes = self._probes(check, written, path, found)
        return desired.Check(
            name=name,
            probes=probes,
            path=check.path,
            headers=check.headers or {},
            stream=check.stream,
            runs=check.runs,
            concurrency=check.concurrency,
            warmup=check.warmup,
            timeout=check.timeout,
            max_requests=check.max_requests,
            expect=expect,
        )

    def changed(
        self,
        base: desired.Check,
        raw: Mapping[str, Any],
        change: Mapping[str, Any],
        path: Path,
        found: list[Finding],
    ) -> desired.Check:
        """A check with the expectations that an environment changes; ``change`` is valid."""
        written = merged(raw.get("expect") or {}, change)
        expect = self.expect(Expect.model_validate(written), path, found)
        probes = base.probes
        if "requests" in raw:
            # Each line's own expectations stay nearest.
            probes = tuple(
                each
                if line.expect is None
                else replace(
                    each,
                    expect=self.expect(
                        Expect.model_validate(merged(written, line.expect)), path, found
                    ),
                )
                for each, line in zip(base.probes, self._lines(raw["requests"]), strict=True)
            )
        return replace(base, expect=expect, probes=probes)

    def expect(self, expect: Expect, path: Path, found: list[Finding]) -> desired.Expect:
        """Expectations with schemas read and patterns tried."""
        written = expect.model_fields_set
        schema = None
        if "schema_" in written:
            try:
                schema = self._files.schema(expect.schema_)
            except BadFile as error:
                found += _findings(error, (*path, "schema"))
        if expect.matches is not None:
            try:
                re.compile(expect.matches)
            except (re.error, RecursionError, OverflowError) as error:
                message = f"is no regular expression: {error}: {words.shown(expect.matches)}"
                found.append(Finding(path=(*path, "matches"), message=message))
        if expect.at is not None:
            found += _json_path(expect.at, (*path, "at"))
        than = expect.than_current
        return desired.Expect(
            status=expect.status,
            schema=schema,
            equals=expect.equals,
            equals_given="equals" in written,
            contains=expect.contains,
            matches=expect.matches,
            close_to=None
            if expect.close_to is None
            else {"value": expect.close_to.value, "tolerance": expect.close_to.tolerance},
            at=expect.at,
            latency=bounds(expect.latency),
            error_rate=expect.error_rate or 0.0,
            than_current=None if than is None else than.model_dump(exclude_none=True),
        )

    def _lines(self, path: str) -> tuple[Any, ...]:
        try:
            return self._files.lines(path)
        except BadFile:
            return ()

    def _probes(
        self, check: Check, written: Mapping[str, Any], path: Path, found: list[Finding]
    ) -> tuple[desired.Probe, ...]:
        file = check.requests or ""
        here = (*path, "requests")
        try:
            lines = self._files.lines(file)
        except BadFile as error:
            found += _findings(error, here, words.name(file))
            return ()
        count = max(check.runs, len(lines)) + check.warmup
        if count > check.max_requests:
            found.append(
                Finding(
                    path=here,
                    message=f"{count} requests ({len(lines)} in the file, runs {check.runs},"
                    f" warmup {check.warmup}) are more than max_requests {check.max_requests}",
                    hint="raise max_requests if the check may cost that much",
                )
            )
        probes = []
        for line in lines:
            if isinstance(line.body, dict) and "expect" in line.body:
                found.append(_sent_whole(line, here))
            expect = None
            if line.expect is not None:
                inner: list[Finding] = []
                model = Expect.model_validate(merged(written, line.expect))
                expect = self.expect(model, (), inner)
                inner += rules.of_expect((), model, stream=check.stream)
                place = f"line {line.number}: expect."
                found += [
                    Finding(
                        path=here,
                        message=f"{place}{words.dotted(each.path)}: {each.message}",
                        hint=each.hint,
                    )
                    for each in inner
                    if each.path and each.path[0] in line.expect
                ]
            probes.append(desired.Probe(body=line.body, expect=expect, line=line.number))
        return tuple(probes)


def bounds(block: Any) -> dict[str, float]:
    """Latency bounds in seconds; only those that are written."""
    if block is None:
        return {}
    return {name: value for name, value in vars(block).items() if value is not None}


def _sent_whole(line: Line, path: Path) -> Finding:
    """An ``expect`` that is part of what is sent, because no ``request`` is beside it."""
    others = sorted(set(line.body) - {"expect"}) if isinstance(line.body, dict) else []
    what = f"{words.names(others)} and expect" if others else "expect"
    return Finding(
        path=path,
        message=f"line {line.number} is sent whole, with {what}: only a line of request and "
        "expect, and nothing else, brings expectations",
        hint='for instance {"request": {…}, "expect": {"status": 200}}',
        severity="warning",
    )


def _findings(error: BadFile, path: Path, subject: str = "") -> list[Finding]:
    named = not subject or error.messages[0].startswith(("there is", f"{subject} "))
    before = "" if named else f"{subject}: "
    return [
        Finding(path=path, message=f"{before}{message}", hint=error.hint)
        for message in error.messages
    ]


def _json_path(text: str, path: Path) -> list[Finding]:
    from jsonpath import JSONPathError, compile  # noqa: A004 - the library's own name

    try:
        compile(text)
    except (JSONPathError, RecursionError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else "it cannot be read"
        message = f"is no JSONPath: {said[:120]}: {words.shown(text)}"
        return [Finding(path=path, message=message, hint="for instance $.choices[0].text")]
    return []
