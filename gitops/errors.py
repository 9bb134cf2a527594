"""The tree of errors. Each carries what is wrong, where, how to mend it, and its exit code.

::

    GitopsError                    1   for the user: printed in words, never as a traceback
    ├── UsageError                 1   the command line itself
    ├── InvalidRelease             1   problems in release files, all of them at once
    ├── RepositoryError            1   no repository, no commit, shallow, a missing object
    │   └── RemoteUnreachable      1   the Git host did not answer or refused us
    │       └── LeaseEnded         1   our lock could not be renewed in time
    ├── LogMoved                   6   another run wrote the deploy log first
    ├── Locked                     6   another run holds the lock, or took ours
    ├── BasetenError               1   the management or inference API
    │   ├── AccessDenied           1   401 or 403
    │   ├── NotFound               1   404
    │   ├── RequestRefused         1   any other 4xx, with Baseten's own message
    │   ├── Unavailable            1   unreachable, or 5xx and 429 to the end of the retries
    │   └── ResponseLost           1   a write was sent, its answer never came: look first
    ├── ForgeError                 1   GitHub or GitLab did not answer, or refused us
    ├── Refused                    4   a safety rule, a stale plan, a missing consent
    └── Interrupted              130   SIGINT or SIGTERM

Anything that is not a ``GitopsError`` is a bug.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

__all__ = [
    "AccessDenied",
    "BasetenError",
    "ForgeError",
    "GitopsError",
    "Interrupted",
    "InvalidRelease",
    "LeaseEnded",
    "Locked",
    "LogMoved",
    "NotFound",
    "Problem",
    "Refused",
    "RemoteUnreachable",
    "RepositoryError",
    "RequestRefused",
    "ResponseLost",
    "Unavailable",
    "UsageError",
    "Where",
]


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a file; lines and columns count from 1, 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in one file.

    ``path`` is the dotted key (``environments.production.commit``), ``message`` says what is wrong
    with which value and what was expected, ``hint`` what to do. Warnings never fail a run.
    """

    where: Where
    path: str
    message: str
    hint: str | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        key = f"{self.path}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.where}: {key}{self.message}{hint}"


class GitopsError(Exception):
    """Something a user can act on: printed as sentences, never as a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str, *, hint: str | None = None, where: Where | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}"


class UsageError(GitopsError):
    """The command was called in a way that cannot work."""


class InvalidRelease(GitopsError):
    """Release files with problems; carries every problem of every file, sorted by place."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        errors = sum(problem.severity == "error" for problem in problems)
        super().__init__(f"{errors} problem{'s' if errors != 1 else ''} in the release files")
        self.problems = problems


class RepositoryError(GitopsError):
    """The Git repository lacks what is needed."""


class RemoteUnreachable(RepositoryError):
    """The Git remote did not answer, or refused this user."""


class LeaseEnded(RemoteUnreachable):
    """Our lock could not be renewed, and does not count for long enough any more."""


class Locked(GitopsError):
    """Another run holds the lock of a model, or has taken it from us."""

    exit_code = 6


class LogMoved(GitopsError):
    """Another run appended to the deploy log between our read and our write."""

    exit_code = 6


class BasetenError(GitopsError):
    """A request to Baseten that did not end well. Never carries headers, so never the key."""

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        path: str = "",
        status: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.method = method
        self.path = path
        self.status = status


class AccessDenied(BasetenError):
    """401: the key is missing or wrong; 403: it may not do this."""


class NotFound(BasetenError):
    """404: the object is not there (or not yet)."""


class RequestRefused(BasetenError):
    """Another 4xx, with the message Baseten gave."""


class Unavailable(BasetenError):
    """Baseten could not be reached, or kept answering 429 or 5xx."""


class ResponseLost(BasetenError):
    """A write may have taken effect: that has to be looked up before repeating it."""


class ForgeError(GitopsError):
    """A request to GitHub or GitLab that did not end well. Never carries headers."""

    def __init__(self, message: str, *, status: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Refused(GitopsError):
    """Nothing was done, on purpose: a safety rule, a stale plan, a missing consent."""

    exit_code = 4


class Interrupted(GitopsError):
    """The user or the CI runner asked us to stop."""

    exit_code = 130
