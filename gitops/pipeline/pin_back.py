"""The pin of one environment put back, with the files that it needs where the truss has moved."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gitops.errors import InvalidRelease, Refused, RepositoryError
from gitops.pipeline.asked import Asked, Wish
from gitops.pipeline.commit_search import CommitSearch
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.project import Repository
from gitops.pipeline.reverts import Changes, message_of
from gitops.pipeline.trusses import Trusses
from gitops.state.changed import Content, GitFile
from gitops.state.desired import DesiredModel
from gitops.state.identity.refusal import NoArtifact
from gitops.yaml.change import with_text, without
from gitops.yaml.document import Document, read
from gitops.yaml.edit import NotEditable, pin_comment

MERGED_WHOLE: Final = (
    "Merge the branch with a merge commit: squashed or rebased, it loses the commit that is pinned."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """A commit that moves the pin of one environment.

    ``said`` are sentences about what is pinned in place of the commit that was meant, since that
    one has no truss where the release file looks for it.
    """

    commit: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PinBack:
    """Puts a pin back on top of ``head``; ``model`` is as it is there."""

    objects: Repository
    changes: Changes
    model: DesiredModel
    asked: Asked
    head: str

    def pin(self, wanted: Wish, *notes: str) -> PutBack:
        """The pin alone, at that commit or at one with the same files where the truss is now.

        Raises ``InvalidRelease`` where neither would be valid, ``Refused`` where the same files are
        another artifact by now.
        """
        try:
            made = self._pinned(wanted, wanted.commit, *notes)
            self._raise_if_rebuilt(made, wanted)
            return PutBack(commit=made)
        except InvalidRelease:
            same = self._same_files(wanted)
            if same is None:
                raise
            said = (
                f"Pins commit {same[:12]}, which has the same files at {self.model.truss}; in"
                f" {wanted.named} they are at {wanted.truss}."
            )
            return PutBack(commit=self._pinned(wanted, same, said, *notes), said=(said,))

    def _raise_if_rebuilt(self, made: str, wanted: Wish) -> None:
        asks = self.asked.wish(self.asked.at(made, self.model.release_file))
        if wanted.digest is None or (asks is not None and asks.digest == wanted.digest):
            return
        file = self.model.release_file
        raise Refused(
            f"the pin alone does not take {self.asked.key}/{self.asked.name} back to"
            f" {wanted.named}: `rebuild` of {file} was another then, and it holds for all of the"
            " model's environments",
            hint="Take that back for all of them:"
            f" `git log -G^rebuild: -- {shlex.quote(file)}` lists the commits to revert.",
        )

    def files(self, wanted: Wish, *notes: str) -> PutBack | None:
        """A commit with the old files where the truss is now, and on it one that pins it.

        The second takes the files away again, so that nothing changes for whoever follows the
        branch. None where the truss is where it was, or its files cannot be told or moved.
        """
        old, new = self._folder(wanted.truss), self._folder(self.model.truss)
        if wanted.commit is None or old is None or new is None or old == new:
            return None
        then, now = self._below(wanted.commit, old), self._below(self.head, new)
        if not then:
            return None
        there: dict[str, Content] = {posixpath.join(new, path): None for path in now}
        here: dict[str, Content] = {posixpath.join(new, path): None for path in then}
        there |= {posixpath.join(new, path): file for path, file in then.items()}
        here |= {posixpath.join(new, path): file for path, file in now.items()}
        place = f"{self.asked.key}/{self.asked.name}"
        brought = self.changes.commit(
            self.head,
            there,
            message_of(
                self.asked,
                f"Bring the files of {wanted.named} back at {new}",
                f"The next commit pins {place} to this one, and takes the files away again.",
            ),
        )
        where = f"Commit {wanted.commit[:12]} has its files at {old}, not at {new}"
        then_now = "brings them back there, and the next commit pins that one and takes them away"
        said = (f"{where}: {brought[:12]} {then_now} again.", MERGED_WHOLE)
        try:
            made = self._pinned(wanted, brought, *said, *notes, base=brought, files=here)
        except InvalidRelease:
            return None
        asks = self.asked.wish(self.asked.at(made, self.model.release_file))
        if asks is None or asks.digest != wanted.digest:
            return None
        return PutBack(commit=made, said=said)

    def version(self, commit: str, release_file: str) -> Wish:
        """What a commit's own truss would be asked for as, wherever it was then."""
        then = self.asked.at(commit, release_file)
        truss = then.truss if then is not None and then.truss is not None else self.model.truss
        try:
            digest = Trusses(self.objects).artifact(commit, truss or ".", self._rebuild).digest
        except (NoArtifact, RepositoryError):
            return Wish(commit=commit)
        return Wish(commit=commit, digest=digest, truss=truss)

    @property
    def _rebuild(self) -> str | None:
        artifacts = [each.artifact for each in self.model.environments if each.artifact]
        return artifacts[0].rebuild if artifacts else None

    def _same_files(self, wanted: Wish) -> str | None:
        if wanted.digest is None or self.model.truss is None:
            return None
        search = CommitSearch(
            objects=self.objects,
            head=self.head,
            truss=self.model.truss,
            rebuild=self._rebuild,
            digest=wanted.digest,
        )
        return search.first([])

    @staticmethod
    def _folder(truss: str | None) -> str | None:
        """A truss's folder from the root; None for the root itself, which holds everything."""
        folder = posixpath.normpath(truss or ".")
        return None if folder == "." else folder

    def _below(self, commit: str, folder: str) -> Mapping[str, GitFile]:
        entries = self.objects.entries(commit, folder) or ()
        return {each.path: GitFile(mode=each.mode, oid=each.oid) for each in entries}

    def _pinned(
        self,
        wanted: Wish,
        pin: str | None,
        *notes: str,
        base: str | None = None,
        files: Mapping[str, Content] | None = None,
    ) -> str:
        """A commit on ``base`` (else the head) that has that pin, and these files."""
        data = self.objects.at(self.head).read(self.model.release_file)
        assert data is not None
        document = read(self.model.release_file, data)
        edited = self._edited(document, wanted, pin)
        if self.asked.follows(self.model):
            notes = (*notes, f"Reverting this lets {self.asked.name} follow the branch again.")
        place = f"{self.asked.key}/{self.asked.name}"
        message = message_of(self.asked, f"Roll {place} back to {wanted.named}", *notes)
        made = self.changes.commit(
            base or self.head, {**(files or {}), self.model.release_file: edited}, message
        )
        compile_commit(self.objects, made)
        return made

    def _edited(self, document: Document, wanted: Wish, pin: str | None) -> bytes:
        place = ("environments", self.asked.name)
        key, other = ("commit", "deployment") if pin else ("deployment", "commit")
        info = self.objects.info(pin) if pin else None
        comment = pin_comment(f"{info.at:%Y-%m-%d}", info.subject) if info else None
        value = pin or wanted.deployment or ""
        edited = with_text(document, (*place, key), value, comment=comment)
        if not isinstance(edited, NotEditable):
            edited = without(read(document.file, edited), (*place, other))
        if isinstance(edited, NotEditable):
            raise Refused(
                f"{document.where((*place, key))}: the pin of {self.asked.name} cannot be changed"
                f" in place: {edited.reason}",
                hint=f"Write it yourself: `{key}: {value}`.",
            )
        return edited
