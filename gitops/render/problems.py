"""Problems as people, programs, GitHub and GitLab read them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from gitops.errors import Problem
from gitops.render.text import printable


def text(problems: Iterable[Problem]) -> str:
    """One line a problem: ``file:line:column: key: what is wrong; what to do``."""
    return "".join(f"{_line(each)}\n" for each in problems)


def summary(problems: Iterable[Problem], *, files: int, models: int, environments: int) -> str:
    """One line: what was checked, and how much is wrong."""
    every = list(problems)
    errors = sum(each.severity == "error" for each in every)
    warnings = len(every) - errors
    checked = (
        f"{_count(files, 'release file')}, {_count(models, 'model')},"
        f" {_count(environments, 'environment')}"
    )
    if errors:
        return f"{_count(errors, 'problem')} in {_count(files, 'release file')}"
    extra = f" ({_count(warnings, 'warning')})" if warnings else ""
    return f"Valid: {checked}{extra}"


def as_json(problems: Iterable[Problem], *, files: int, models: int, environments: int) -> str:
    """One JSON document with every problem and what was checked."""
    every = list(problems)
    document = {
        "format_version": "1",
        "valid": all(each.severity == "warning" for each in every),
        "checked": {"files": files, "models": models, "environments": environments},
        "problems": [
            {
                "file": printable(each.where.file),
                "line": each.where.line or None,
                "column": each.where.column or None,
                "path": printable(each.path),
                "message": printable(each.message),
                "hint": None if each.hint is None else printable(each.hint),
                "severity": each.severity,
            }
            for each in every
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def github(problems: Iterable[Problem]) -> str:
    """GitHub workflow commands: annotations on the lines of a pull request."""
    return "".join(f"{_annotation(each)}\n" for each in problems)


def gitlab(problems: Iterable[Problem]) -> str:
    """GitLab's code quality report: shown in a merge request, with links to the lines."""
    report = [
        {
            "description": _told(each),
            "check_name": "gitops validate",
            "fingerprint": hashlib.sha256(_line(each).encode()).hexdigest(),
            "severity": "blocker" if each.severity == "error" else "minor",
            "location": {
                "path": printable(each.where.file),
                "lines": {"begin": max(each.where.line, 1)},
            },
        }
        for each in problems
    ]
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def _told(problem: Problem) -> str:
    key = f"{problem.path}: " if problem.path else ""
    hint = f"; {problem.hint}" if problem.hint else ""
    return printable(f"{key}{problem.message}{hint}")


def _line(problem: Problem) -> str:
    before = "warning: " if problem.severity == "warning" else ""
    return printable(f"{problem.where}: {before}") + _told(problem)


def _annotation(problem: Problem) -> str:
    properties = {"file": problem.where.file}
    if problem.where.line:
        properties["line"] = str(problem.where.line)
        properties["col"] = str(problem.where.column)
    if problem.path:
        properties["title"] = problem.path
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    hint = f"; {problem.hint}" if problem.hint else ""
    return f"::{problem.severity} {listed}::{_data(problem.message + hint)}"


def _data(value: str) -> str:
    return printable(value).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
