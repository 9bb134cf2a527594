"""Doctor: what is needed and whether it is there, each with what to do where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol, TypeVar

from gitops.address import is_loopback
from gitops.errors import GitopsError, Unavailable
from gitops.pipeline.project import Project, validate_releases
from gitops.state.access import Access
from gitops.wording import sentence

T = TypeVar("T")

Verdict = Literal["good", "missing", "note"]

_MAY_APPLY: Final = frozenset({"PERSONAL", "WORKSPACE_MANAGE_ALL"})
_SKEW_SECONDS: Final = 60.0
_KEY: Final = "BASETEN_API_KEY"
_API: Final = "BASETEN_API_URL"
_BESIDE: Final = {
    "BASETEN_INFERENCE_URL": "checks would ask models",
    "AWS_ENDPOINT_URL_S3": "archives would be sent",
}
"""The addresses that belong to an API on this machine, and what would go elsewhere without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. ``remedy`` is what to do; a note needs nothing done."""

    verdict: Verdict
    about: str
    text: str
    remedy: str = ""


class GitSide(Protocol):
    """What the repository and its remote can say."""

    def git_version(self) -> str:
        """What `git version` prints."""

    def is_shallow(self) -> bool:
        """Whether the history is cut off."""

    def writer(self) -> str:
        """Who commits and entries of the deploy log are by: NAME <ADDRESS>."""

    def remote(self) -> str | None:
        """The address of the remote, without credentials; None where none is configured.

        Raises ``RemoteUnreachable`` where only others are.
        """

    def reach(self) -> int:
        """How many refs of ours the remote has. Raises ``RemoteUnreachable``."""

    def may_push(self) -> None:
        """Ask the remote to take a ref of ours, without sending it. Raises ``RepositoryError``."""

    def kept(self) -> int:
        """Entries of the deploy log that wait here to be pushed."""


def diagnose(
    environ: Mapping[str, str],
    opened: Callable[[], tuple[Project, GitSide]],
    access: Callable[[], Access],
) -> Iterator[Finding]:
    """Everything that is needed, one after the other; a problem never hides the next."""
    try:
        project, git = opened()
    except GitopsError as error:
        yield _of(error, "Git")
    else:
        yield from _git(project, git)
    yield from _addresses(environ)
    yield from _baseten(environ, access)


def _git(project: Project, git: GitSide) -> Iterator[Finding]:
    yield _good("Git", git.git_version())
    if git.is_shallow():
        yield _missing(
            "history",
            "this clone is shallow: pins and the way back may not be found",
            "Fetch all of it: `git fetch --unshallow`, or `fetch-depth: 0` in CI.",
        )
    yield _asked("author", git.writer, lambda name: f"commits and log entries are by {name}")
    yield from _releases(project)
    yield from _remote(git)


def _releases(project: Project) -> Iterator[Finding]:
    try:
        validation = validate_releases(project)
    except GitopsError as error:
        yield _of(error, "release files")
        return
    errors = [each for each in validation.problems if each.severity == "error"]
    if errors:
        more = f", and {len(errors) - 1} more" if errors[1:] else ""
        remedy = "Mend it in its place" if not more else "`gitops validate` tells all of them"
        yield _missing("release files", f"{errors[0]}{more}", f"{remedy}.")
    elif not validation.files:
        yield _note(
            "release files", "there are none yet: `gitops init` or `gitops import` writes them"
        )
    else:
        yield _good("release files", f"{validation.files} valid")


def _remote(git: GitSide) -> Iterator[Finding]:
    try:
        address = git.remote()
    except GitopsError as error:
        yield _of(error, "remote")
        return
    if address is None:
        yield _note(
            "remote", "none is configured: the deploy log and the locks stay in this clone alone"
        )
        return
    reached = _asked(
        "remote", git.reach, lambda number: f"{address} answers, {number} refs of ours"
    )
    yield reached
    if reached.verdict == "good":
        yield _asked(
            "deploy log",
            git.may_push,
            lambda _: "refs/gitops/* may be pushed, as far as the remote says beforehand",
        )
    if number := git.kept():
        yield _note("deploy log", f"entries that wait here for the next push: {number}")


def _addresses(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What an emulator printed is set whole, or not at all."""
    here = _is_here(environ, _API)
    for variable, what in _BESIDE.items():
        if here and not _is_here(environ, variable):
            yield _missing(
                "addresses",
                f"{_API} is on this machine and {variable} is not: {what} elsewhere",
                "Export everything that `gitops emulator` printed.",
            )
    if not here and _is_here(environ, "BASETEN_INFERENCE_URL"):
        yield _missing(
            "addresses",
            f"BASETEN_INFERENCE_URL is on this machine and {_API} is not: checks would ask other"
            " models",
            "Unset it for the real service.",
        )


def _is_here(environ: Mapping[str, str], variable: str) -> bool:
    try:
        return is_loopback(environ.get(variable, ""))
    except ValueError:
        # What it is instead is told by whoever uses it.
        return False


def _baseten(environ: Mapping[str, str], access: Callable[[], Access]) -> Iterator[Finding]:
    if not environ.get(_KEY):
        yield _missing(
            "Baseten",
            f"{_KEY} is not set",
            "Create a key in the workspace's settings, and export it; or try it without an account:"
            " `gitops emulator --exec gitops doctor`.",
        )
        return
    try:
        seen = access()
    except GitopsError as error:
        found = _of(error, "Baseten")
        if isinstance(error, Unavailable) and _is_here(environ, _API):
            again = "An emulator that was started again is elsewhere: export what it printed."
            found = replace(found, remedy=f"{found.remedy} {again}".strip())
        yield found
    else:
        yield from _seen(seen)


def _seen(seen: Access) -> Iterator[Finding]:
    named = f"workspace {seen.workspace}" if seen.workspace else "a workspace that hides its name"
    models = f"{seen.models} model{'' if seen.models == 1 else 's'}"
    yield _good("Baseten", f"{named}, {models} to be seen")
    yield _key(seen)
    for name, sight in seen.endpoints:
        match sight:
            case "there":
                yield _good(name, "may be read")
            case "hidden":
                yield _note(name, "this key may not read it: plans say less")
            case "absent":
                yield _note(name, "this Baseten does not have it: plans say less")
    if seen.server_time is not None:
        apart = abs((seen.server_time - seen.asked).total_seconds())
        if apart > _SKEW_SECONDS:
            yield _missing(
                "clock",
                f"this machine's clock is {apart:.0f} s from Baseten's",
                "Set it: what was changed when, and for how long a watch looks, is told from it.",
            )


def _key(seen: Access) -> Finding:
    if seen.key_type is None:
        return _note("key", "Baseten does not say what it may do; only an apply shows it")
    if seen.key_type in _MAY_APPLY:
        return _good("key", f"{seen.key_type}: may plan and apply")
    return _missing(
        "key",
        f"{seen.key_type}: may not change models",
        "Enough for `gitops plan` where it reads all of the above; an apply needs a key of type"
        " PERSONAL or WORKSPACE_MANAGE_ALL.",
    )


def _asked(about: str, ask: Callable[[], T], told: Callable[[T], str]) -> Finding:
    try:
        answer = ask()
    except GitopsError as error:
        return _of(error, about)
    return _good(about, told(answer))


def _good(about: str, text: str) -> Finding:
    return Finding(verdict="good", about=about, text=text)


def _note(about: str, text: str) -> Finding:
    return Finding(verdict="note", about=about, text=text)


def _missing(about: str, text: str, remedy: str) -> Finding:
    return Finding(verdict="missing", about=about, text=text, remedy=remedy)


def _of(error: GitopsError, about: str) -> Finding:
    return _missing(about, str(error), sentence(error.hint) if error.hint else "")
