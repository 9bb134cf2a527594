"""Branches: the default one, and what their tips are here or on a remote as last fetched."""

from __future__ import annotations

from gitops.git.process import Git
from gitops.git.refnames import mirror
from gitops.git.remote import Remote


class Branches:
    """The branches of one repository. Tips are remembered until ``forget``."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._tips: dict[tuple[str, str | None], str | None] = {}

    def default(self, remote: str | None) -> str | None:
        """The branch that the remote's HEAD names: as cloned, else as the remote says.

        Without a remote, the branch that is checked out; None where there is none. Raises
        ``RemoteUnreachable`` where the remote has to be asked and cannot be.
        """
        head = f"refs/remotes/{remote}/HEAD" if remote else "HEAD"
        prefix = f"refs/remotes/{remote}/" if remote else "refs/heads/"
        named = self._git.try_run("symbolic-ref", "--quiet", head)
        if named.code == 0:
            return named.text.removeprefix(prefix)
        return Remote(git=self._git, name=remote).default_branch() if remote else None

    def tip(self, branch: str, remote: str | None) -> str | None:
        """The commit of a branch: on the remote as last fetched, or here where there is none."""
        asked = (branch, remote)
        if asked not in self._tips:
            refs = [f"refs/heads/{branch}"]
            if remote is not None:
                refs = [f"{mirror(remote)}heads/{branch}", f"refs/remotes/{remote}/{branch}"]
            found = (
                self._git.try_run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
                for ref in refs
            )
            self._tips[asked] = next((done.text for done in found if done.code == 0), None)
        return self._tips[asked]

    def forget(self) -> None:
        """A fetch or a push may have moved refs: look again when asked."""
        self._tips.clear()
