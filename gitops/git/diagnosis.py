"""What `gitops doctor` asks of Git and its remote; nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Mapping

from gitops.errors import RemoteUnreachable, RepositoryError
from gitops.git.pending import Pending
from gitops.git.remote import Remote, lacking
from gitops.git.repository import Repository
from gitops.render.text import printable

OURS = "refs/gitops/"
_TRIED = f"{OURS}doctor"


class Diagnosis:
    """One repository and the remote that its gitops.yaml names."""

    def __init__(self, repository: Repository, remote: str, environ: Mapping[str, str]) -> None:
        self._repository = repository
        self._environ = environ
        self._name = remote
        self._remote: Remote | None = repository.remote(remote)

    def git_version(self) -> str:
        """What `git version` prints."""
        return printable(self._repository.git.run("version").text)

    def is_shallow(self) -> bool:
        """Whether the history is cut off."""
        return self._repository.is_shallow()

    def writer(self) -> str:
        """Who commits and entries of the deploy log are by."""
        return str(self._repository.identity(self._environ))

    def remote(self) -> str | None:
        """The remote's address, without credentials; None where none is configured.

        Raises ``RemoteUnreachable`` where only others are.
        """
        if (problem := lacking(self._repository.git, self._name)) is not None:
            raise problem
        address = self._repository.remote_url(self._name)
        return None if address is None else printable(address)

    def reach(self) -> int:
        """How many refs of ours the remote has. Raises ``RemoteUnreachable``."""
        assert self._remote is not None
        return len(self._remote.below(OURS))

    def may_push(self) -> None:
        """Ask the remote for the right to push a ref of ours, and push nothing.

        Raises ``RepositoryError`` where there is no commit yet, ``RemoteUnreachable`` where the
        remote refuses. Hooks and rules of the remote judge a push only once it is made.
        """
        try:
            head = self._repository.head()
        except RepositoryError:
            raise RepositoryError(
                "there is no commit yet to try it with", hint="Commit something first."
            ) from None
        done = self._repository.git.try_run(
            # As a real push is made; a mirror would take refs away that we lack.
            *("-c", f"remote.{self._name}.mirror=false"),
            *("push", "--dry-run", "--porcelain", "--no-verify", "--no-follow-tags"),
            *("--recurse-submodules=no", "--", self._name, f"{head}:{_TRIED}"),
            network=True,
            timeout=self._remote.timeout if self._remote else None,
        )
        if done.code:
            raise RemoteUnreachable(
                f"{printable(self._name)} takes no push: {done.gist}",
                hint="let this user create and update refs/gitops/* there",
            )

    def kept(self) -> int:
        """Entries of the deploy log that wait here to be pushed."""
        pending = Pending(self._repository.common_dir)
        return sum(len(pending.read(name)) for name in pending.names())
