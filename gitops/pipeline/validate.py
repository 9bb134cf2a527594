"""Validate: compile the working tree as far as it goes and tell everything that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Final

from gitops.errors import Problem
from gitops.pipeline.compile import Compilation, look
from gitops.pipeline.release_files import Settled
from gitops.pipeline.sources import CommitInfo, Files, Objects
from gitops.release.finding import Finding
from gitops.release.words import shown
from gitops.state.desired import DesiredModel

_COMMENT: Final = re.compile(
    r"#\s*(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})?\s*(?:\"(?P<subject>.*)\")?\s*$"
)
_DAY: Final = timedelta(days=1)
_SOME_ZONE: Final = "Europe/London"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What was checked and every problem, sorted by place. Warnings do not make it invalid.

    ``checked`` are the models that have no errors.
    """

    problems: tuple[Problem, ...]
    files: int
    models: int
    environments: int
    checked: tuple[DesiredModel, ...] = field(default=(), repr=False)

    @property
    def valid(self) -> bool:
        """Whether there is no error."""
        return all(each.severity == "warning" for each in self.problems)


def validate(
    objects: Objects, files: Files, head: str, *, only: Iterable[str] | None = None
) -> tuple[Problem, ...]:
    """Every problem of the release files in ``files``, with trusses from ``objects``' commits.

    ``head`` is the commit that ``HEAD`` means; ``only`` limits what is told to these files.
    """
    return examine(objects, files, head, only=only).problems


def examine(
    objects: Objects, files: Files, head: str, *, only: Iterable[str] | None = None
) -> Validation:
    """As ``validate``, with how much was checked."""
    compilation = look(objects, files, head, dirty=True)
    problems = [*compilation.problems, *_comments(objects, compilation), *_zones(compilation)]
    wanted = None if only is None else frozenset(only)
    if wanted is not None:
        problems = [each for each in problems if each.where.file in wanted]
    problems.sort(key=lambda each: (each.where, each.path, each.message))
    models = [
        model
        for model in compilation.desired.models
        if wanted is None or model.release_file in wanted
    ]
    return Validation(
        problems=tuple(problems),
        files=len(compilation.files) if wanted is None else len(wanted),
        models=len(models),
        environments=sum(len(model.environments) for model in models),
        checked=tuple(models),
    )


def _zones(compilation: Compilation) -> Iterator[Problem]:
    """Time zones of schedules that this machine has not heard of.

    A warning, and of this command alone: machines know different zones, and Baseten decides.
    """
    for settled in compilation.settled:
        for name, environment in settled.release.environments.items():
            for schedule, each in (environment.schedules or {}).items():
                if not _is_known(each.timezone):
                    path = ("environments", name, "schedules", schedule, "timezone")
                    yield settled.places.problem(
                        Finding(
                            path=path,
                            message=f"this machine knows no time zone {shown(each.timezone)}",
                            hint="write its IANA name, such as Europe/Berlin",
                            severity="warning",
                        )
                    )


def _is_known(timezone: str) -> bool:
    # Where there are no zones at all, nothing can be said of one.
    return _is_there(timezone) or not _is_there(_SOME_ZONE)


@cache
def _is_there(timezone: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(timezone)
    except (LookupError, ValueError, OSError):
        return False
    return True


def _comments(objects: Objects, compilation: Compilation) -> Iterator[Problem]:
    for settled in compilation.settled:
        rows: list[str] | None = None
        for name, environment in settled.release.environments.items():
            if environment.commit is None or len(environment.commit) < 40:
                continue
            if rows is None:
                rows = settled.places.file.data.decode("utf-8", "replace").splitlines()
            yield from _comment(objects, settled, name, environment.commit.lower(), rows)


def _comment(
    objects: Objects, settled: Settled, name: str, commit: str, rows: list[str]
) -> Iterator[Problem]:
    path = ("environments", name, "commit")
    where = settled.places.where(path)
    if where.file != settled.file or not 0 < where.line <= len(rows):
        return
    after = rows[where.line - 1][where.column - 1 :].lower().find(commit)
    found = _COMMENT.search(rows[where.line - 1], where.column - 1 + after + len(commit))
    info = objects.info(commit) if found and (found["date"] or found["subject"]) else None
    if found is None or info is None:
        return
    wrong = _mismatch(found["date"], found["subject"], info)
    if wrong is not None:
        yield Problem(
            where=where,
            path=f"environments.{name}.commit",
            message=f"the comment says {wrong}",
            hint=f'write # {info.at:%Y-%m-%d} "{info.subject}", or correct the pin',
            severity="warning",
        )


def _mismatch(day: str | None, subject: str | None, info: CommitInfo) -> str | None:
    if subject is not None:
        given, _, cut = subject.replace("...", "…").partition("…")
        same = info.subject.startswith(given) if cut or "…" in subject else given == info.subject
        if not same and subject != info.subject:
            return f"{shown(subject)}, and the commit's subject is {shown(info.subject)}"
    if day is not None:
        try:
            said = date.fromisoformat(day)
        except ValueError:
            return f"{day}, which is no date"
        # The author's day may be another one than that in UTC.
        if abs(said - info.at.date()) > _DAY:
            return f"{day}, and the commit is of {info.at:%Y-%m-%d}"
    return None
