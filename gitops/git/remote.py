"""A Git remote: its address, what it holds, and pushing to it by compare-and-swap."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gitops.errors import LogMoved, RemoteUnreachable, RepositoryError
from gitops.git.process import Done, Git, without_credentials
from gitops.git.refnames import mirror
from gitops.render.text import printable

TIMEOUT: Final = 60.0
"""Seconds that one exchange with a remote may take."""

_SCP_LIKE: Final = re.compile(r"(?:[^/@]+@)?(\[[^\]/]+\]|[^/:]+):")
_ATTEMPTS: Final = 3
_NOT_THERE: Final = "couldn't find remote ref"
_STALE: Final = ("stale info", "fetch first", "needs force")
_CONTENDED: Final = (
    "cannot lock ref",
    "failed to update ref",
    "failed to lock",
    "Unable to create",
    "atomic transaction failed",
)
"""Somebody writes the same ref in the same moment."""
_NO_ACCESS: Final = (
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "Permission denied",
    "terminal prompts disabled",
    "returned error: 401",
    "returned error: 403",
    "Host key verification failed",
)


def is_local(url: str) -> bool:
    """Whether a remote's URL is on this machine: a path, ``file://``, or a loopback host."""
    if "://" in url:
        parts = urlsplit(url)
        return parts.scheme == "file" or is_loopback(parts.hostname or "")
    scp = _SCP_LIKE.match(url)
    return is_loopback(scp[1].strip("[]")) if scp else "::" not in url


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    host = host.lower().rstrip(".").removeprefix("[").removesuffix("]")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def lacking(git: Git, name: str, *, api_is_loopback: bool = False) -> RemoteUnreachable | None:
    """What to say of a clone that has remotes, and none of the name that is asked for.

    Without any, the clone is on its own. With others, somebody else's runs would not see what is
    kept in this clone alone, and nothing would show it. ``api_is_loopback``: what is tried on this
    machine would be written to none but a local one anyway.
    """
    there = git.run("remote").text.splitlines()
    if name in there:
        return None
    if api_is_loopback:
        there = [each for each in there if Remote(git=git, name=each).is_local()]
    if not there:
        return None
    return RemoteUnreachable(
        f"This clone has no Git remote {printable(name)}, where the deploy log and the locks are"
        f" kept; it has {printable(', '.join(there))}.",
        hint=f"`git remote add {shlex.quote(printable(name))} URL`, or name another one with"
        " `remote` in gitops.yaml",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """One ref that is to go from ``old`` (None: it is not there) to ``new``, or stay."""

    ref: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A remote by its name in Git's configuration. ``timeout`` in seconds, per exchange.

    Everything that goes wrong is a ``RemoteUnreachable`` with the remote's own words, and without
    the credentials that a URL may carry.
    """

    git: Git
    name: str
    timeout: float = TIMEOUT

    def url(self) -> str | None:
        """Where it is fetched from; None where no such remote is configured. May hold secrets."""
        done = self.git.try_run("remote", "get-url", "--", self.name)
        return done.text if done.code == 0 else None

    def is_local(self) -> bool:
        """Whether it is on this machine, for fetching and for pushing."""
        pushed = self.git.try_run("remote", "get-url", "--push", "--all", "--", self.name)
        urls = [self.url() or "", *pushed.text.splitlines()]
        return all(is_local(url) for url in urls)

    def fetch(self, refspecs: Sequence[str], *, prune: bool = False) -> None:
        """Fetch these refspecs and nothing else. ``prune`` removes what left the remote."""
        done = self._fetch(refspecs, prune=prune)
        if done.code:
            raise self._unreachable("be fetched from", done)

    def fetch_along(self, refspecs: Sequence[str], branch: str) -> None:
        """Fetch, prune, and take along a branch into the mirror, where the remote has it."""
        heads = f"{mirror(self.name)}heads/{branch}"
        done = self._fetch([*refspecs, f"+refs/heads/{branch}:{heads}"], prune=True)
        if _NOT_THERE in done.err:
            self.fetch(refspecs, prune=True)
            self.git.run("update-ref", "-d", heads)
        elif done.code:
            raise self._unreachable("be fetched from", done)

    def fetch_one(self, refspec: str) -> None:
        """Fetch one ref; where the remote does not have it, remove it here too."""
        done = self._fetch([refspec], prune=False)
        if _NOT_THERE in done.err:
            self.git.run("update-ref", "-d", refspec.partition(":")[2])
        elif done.code:
            raise self._unreachable("be fetched from", done)

    def _fetch(self, refspecs: Sequence[str], *, prune: bool) -> Done:
        for attempt in range(_ATTEMPTS):
            done = self._ask(
                "fetch",
                *("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"),
                *("--no-auto-maintenance", "--refmap=", "--prune" if prune else "--no-prune"),
                *("--", self.name, *refspecs),
            )
            # Another run in this clone fetches the same refs at the same time.
            if not done.code or "cannot lock ref" not in done.err or attempt == _ATTEMPTS - 1:
                break
        return done

    def lookup(self, refs: Sequence[str]) -> dict[str, str]:
        """The objects that these refs of the remote name now; without those that are not there."""
        done = self._ask("ls-remote", "--quiet", "--refs", "--", self.name, *refs)
        if done.code:
            raise self._unreachable("be read", done)
        rows = (line.partition("\t") for line in done.text.splitlines())
        return {name: oid for oid, _, name in rows if name in refs}

    def below(self, prefix: str) -> dict[str, str]:
        """The refs of the remote whose names begin like this, and the objects that they name."""
        done = self._ask("ls-remote", "--quiet", "--refs", "--", self.name, f"{prefix}*")
        if done.code:
            raise self._unreachable("be read", done)
        rows = (line.partition("\t") for line in done.text.splitlines())
        return {name: oid for oid, _, name in rows if name.startswith(prefix)}

    def default_branch(self) -> str | None:
        """The branch that the remote's HEAD names, asked of the remote."""
        done = self._ask("ls-remote", "--quiet", "--symref", "--", self.name, "HEAD")
        if done.code:
            raise self._unreachable("be read", done)
        found = re.search(r"^ref: refs/heads/(.+)\tHEAD$", done.text, re.MULTILINE)
        return found[1] if found else None

    def has_lost(self, branch: str) -> bool:
        """Whether the last fetch that took along this branch did not find it any more.

        It was the remote's default when this clone was made, or was told so since.
        """
        head = self.git.try_run("symbolic-ref", "--quiet", f"refs/remotes/{self.name}/HEAD")
        if head.text != f"refs/remotes/{self.name}/{branch}":
            return False
        tip = f"{mirror(self.name)}heads/{branch}"
        return self.git.try_run("rev-parse", "--verify", "--quiet", tip).code != 0

    def push(self, new: str, ref: str, *, expected: str | None) -> None:
        """Move a ref of the remote from ``expected`` (None: it is not there) to ``new``.

        Raises ``LogMoved`` where the ref is something else by now, and ``RemoteUnreachable`` where
        the remote cannot be reached, refuses us, or a hook of it declines. An answer that was lost
        is looked up: what the remote took counts as pushed.
        """
        if self.swap([Swap(ref=ref, old=expected, new=new)]):
            raise LogMoved(f"{ref} was written by another run first.")

    def swap(self, swaps: Sequence[Swap]) -> frozenset[str]:
        """Move all of these refs of the remote, or none; which of them stood in the way.

        These are something else than expected by now, or somebody was writing them in the same
        moment. Raises ``RemoteUnreachable`` as ``push`` does.
        """
        for _ in range(_ATTEMPTS):
            done = self._push(swaps)
            if done.code == 0:
                return frozenset()
            verdicts = {each.ref: _verdict(done, each.ref) for each in swaps}
            try:
                there = self.lookup([each.ref for each in swaps])
            except RemoteUnreachable as error:
                raise self._unreachable("be pushed to", done) from error
            if all(there.get(each.ref) == each.new for each in swaps):
                return frozenset()
            moved = frozenset(
                each.ref
                for each in swaps
                if there.get(each.ref) not in {each.old, each.new}
                or any(word in verdicts[each.ref] for word in _STALE)
            )
            if moved:
                return moved
            contended = frozenset(
                ref for ref, said in verdicts.items() if any(word in said for word in _CONTENDED)
            )
            if not contended:
                raise self._refused(done, verdicts)
        return contended

    def _push(self, swaps: Sequence[Swap]) -> Done:
        return self._ask(
            *("-c", f"remote.{self.name}.mirror=false"),
            "push",
            *("--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"),
            *(["--atomic"] if len(swaps) > 1 else []),
            *(f"--force-with-lease={each.ref}:{each.old or ''}" for each in swaps),
            *("--", self.name, *(f"{each.new}:{each.ref}" for each in swaps)),
        )

    def _refused(self, done: Done, verdicts: Mapping[str, str]) -> RepositoryError:
        """Why a push failed although every ref is still what it was expected to be."""
        said = {ref: verdict for ref, verdict in verdicts.items() if verdict}
        own = {ref: verdict for ref, verdict in said.items() if "atomic" not in verdict}
        if said:
            ref, verdict = next(iter((own or said).items()))
            return RemoteUnreachable(
                f"The Git remote {self._shown} refused {ref}: {verdict}{_remote_lines(done)}",
                hint="let this user create and update refs/gitops/* there, hooks included",
            )
        return self._unreachable("be pushed to", done)

    def _ask(self, *arguments: str) -> Done:
        try:
            return self.git.try_run(*arguments, network=True, timeout=self.timeout)
        except RemoteUnreachable as error:
            return Done(code=124, out=b"", err=error.message)

    @property
    def _shown(self) -> str:
        return printable(without_credentials(self.name))

    def _unreachable(self, doing: str, done: Done) -> RepositoryError:
        hint = "see `git fetch` for yourself; without a network, wait for the Git host"
        if any(word in done.err for word in _NO_ACCESS):
            hint = "this run lacks access: in CI, give its token read and write access to contents"
        return RemoteUnreachable(
            f"The Git remote {self._shown} cannot {doing}: {done.gist}", hint=hint
        )


def _verdict(done: Done, ref: str) -> str:
    """What a porcelain push says about one ref: ``stale info``, ``hook declined`` and so on."""
    for line in done.text.splitlines():
        flag, _, rest = line.partition("\t")
        names, _, summary = rest.partition("\t")
        if flag == "!" and names.endswith(f":{ref}"):
            reason = re.search(r"\((.*)\)$", summary)
            return printable(without_credentials(reason[1] if reason else summary))
    return ""


def _remote_lines(done: Done) -> str:
    lines = [
        line.removeprefix("remote:").strip()
        for line in done.err.splitlines()
        if line.startswith("remote:")
    ]
    said = printable(without_credentials(" / ".join(line for line in lines if line)))
    return f" ({said})" if said else ""
