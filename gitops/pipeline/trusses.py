"""Trusses at commits become artifacts; what many release files share is looked at once."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from gitops.errors import Problem, RepositoryError, Where
from gitops.pipeline.sources import Objects
from gitops.release.words import name
from gitops.state.artifact import Artifact, TreeEntry
from gitops.state.identity.build import CONFIG_FILE, EXTERNALS, Content, Reading, content
from gitops.state.identity.ignore import IGNORE_FILE
from gitops.state.identity.inputs import mutable_inputs
from gitops.state.identity.refusal import NoArtifact, Refusal
from gitops.state.identity.walk import may_be_pointer
from gitops.yaml import truss_config

_KEPT: Final = 1 << 16
"""Bytes of a blob that is worth keeping for the next truss that has it."""


class Trusses:
    """The artifacts of one compile."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._blobs: dict[str, bytes] = {}
        self._configs: dict[bytes, dict[str, Any]] = {}
        self._inputs: dict[int, tuple[dict[str, Any], tuple[str, ...]]] = {}
        self._trees: dict[tuple[str, str], str | None] = {}
        self._entries: dict[tuple[str, str], tuple[TreeEntry, ...] | None] = {}
        self._contents: dict[tuple[str, str], Content | NoArtifact] = {}
        self._same: dict[tuple[str, str], Content] = {}
        # By identity: contents are kept for as long as this is.
        self._digests: dict[tuple[int, str | None], str] = {}
        self._artifacts: dict[tuple[str, str, str | None], Artifact] = {}
        self._folders: dict[str, dict[str, str]] = {}

    def read_ahead(self, places: Iterable[tuple[str, str]]) -> None:
        """Read what trusses at commits will need, in a few passes instead of a few for each."""
        places = [
            place
            for commit, truss in dict.fromkeys(places)
            if (place := (commit, posixpath.normpath(truss))) not in self._trees
        ]
        try:
            self._objects.read_ahead(places)
            trees = {self._tree(*place): place for place in places}
            wanted = {
                entry.oid: None
                for place in trees.values()
                for entry in self._listed(*place) or ()
                if _is_read(entry)
            }
            self._blobs.update(self._objects.blobs(list(wanted)))
        except RepositoryError:
            # The truss that lacks something says so when its turn comes, and where it is asked for.
            return

    def artifact(self, commit: str, truss: str, rebuild: str | None) -> Artifact:
        """The artifact of a truss at a commit. Raises ``NoArtifact`` with every reason."""
        key = (commit, truss, rebuild)
        known = self._artifacts.get(key)
        if known is None:
            found = self._content(commit, truss)
            same = (id(found), rebuild)
            digest = self._digests.get(same)
            if digest is None:
                digest = self._digests[same] = found.digest(rebuild)
            known = Artifact(
                digest=digest,
                commit=commit,
                truss=truss,
                rebuild=rebuild,
                config=found.config,
                raw_config=found.raw_config,
                secrets=found.secrets,
                mutable_inputs=found.mutable_inputs,
                entries=found.entries,
            )
            self._artifacts[key] = known
        return known

    def _content(self, commit: str, truss: str) -> Content:
        place = (commit, truss)
        known = self._contents.get(place)
        if known is None:
            known = self._contents[place] = self._look(commit, truss)
        if isinstance(known, NoArtifact):
            raise known
        return known

    def _look(self, commit: str, truss: str) -> Content | NoArtifact:
        try:
            tree = self._tree(commit, posixpath.normpath(truss))
            if tree is None:
                return NoArtifact((self._nothing_there(commit, truss),))
            # External directories may differ although the truss does not, so only trusses without
            # any are shared between commits.
            same = self._same.get((truss, tree))
            if same is not None:
                return same
            reading = Reading(
                blob=self._blob,
                folder=lambda folder: self._listed(commit, folder),
                parse=self._parse,
                dump=truss_config.dump,
                inputs=self._inputs_of,
            )
            found: Content | NoArtifact
            try:
                found = content(truss, self._listed(commit, truss) or (), reading)
            except NoArtifact as error:
                found = error
            if isinstance(found, Content) and EXTERNALS not in found.raw_config:
                self._same[truss, tree] = found
            return found
        except RepositoryError as error:
            message = f"cannot be read: {error.message[:1].lower()}{error.message[1:].rstrip('.')}"
            refusal = Refusal(file=truss, message=message, hint=error.hint)
            return NoArtifact((refusal,))

    def _nothing_there(self, commit: str, truss: str) -> Refusal:
        message = f"there is no directory {truss} in commit {commit[:12]}"
        alike = self._spellings(commit).get(_alike(posixpath.normpath(truss)))
        hint = (
            "correct `truss`, or commit the directory; after a move, pin a commit that has it there"
        )
        if alike is not None:
            hint = f"Git tells letters apart that some file systems do not: there is {name(alike)}"
        return Refusal(file=truss, message=message, hint=hint)

    def _spellings(self, commit: str) -> dict[str, str]:
        """The folders of a commit, by what file systems that ignore capitals make of them."""
        known = self._folders.get(commit)
        if known is None:
            known = self._folders[commit] = {}
            for path in self._objects.at(commit).list(""):
                folder = posixpath.dirname(path)
                while folder and known.setdefault(_alike(folder), folder) == folder:
                    folder = posixpath.dirname(folder)
        return known

    def _tree(self, commit: str, folder: str) -> str | None:
        place = (commit, folder)
        if place not in self._trees:
            self._trees[place] = self._objects.tree_id(commit, folder)
        return self._trees[place]

    def _listed(self, commit: str, folder: str) -> tuple[TreeEntry, ...] | None:
        place = (commit, posixpath.normpath(folder))
        if place not in self._entries:
            self._entries[place] = self._objects.entries(*place)
        return self._entries[place]

    def _blob(self, oid: str) -> bytes:
        known = self._blobs.get(oid)
        if known is None:
            known = self._objects.blob(oid)
            if len(known) <= _KEPT:
                self._blobs[oid] = known
        return known

    def _inputs_of(self, config: dict[str, Any]) -> tuple[str, ...]:
        # With its configuration, so that no other one gets the same identity.
        known = self._inputs.get(id(config))
        if known is None:
            known = self._inputs[id(config)] = (config, mutable_inputs(config))
        return known[1]

    def _parse(self, data: bytes, file: str) -> dict[str, Any]:
        known = self._configs.get(data)
        if known is None:
            try:
                known = truss_config.parse(data)
            except truss_config.ConfigFault as error:
                fault = error.fault
                refusal = Refusal(
                    file=file,
                    message=fault.message,
                    hint=fault.hint,
                    line=fault.line,
                    column=fault.column,
                )
                raise NoArtifact((refusal,)) from error
            self._configs[data] = known
        return known


def _alike(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _is_read(entry: TreeEntry) -> bool:
    """Whether an identity takes a look at a file's content; large ones are better not kept."""
    if entry.kind != "blob" or (entry.size or 0) > _KEPT:
        return False
    return entry.path in {CONFIG_FILE, IGNORE_FILE} or may_be_pointer(entry)


def problem(refusal: Refusal, commit: str, path: str, where: Where) -> Problem:
    """A refusal as a problem of the release file that asks for the truss."""
    message = refusal.message
    if not message.startswith("there is no directory"):
        place = Where(name(refusal.file), refusal.line, refusal.column)
        message = f"{place} at commit {commit[:12]} {message}"
    return Problem(where=where, path=path, message=message, hint=refusal.hint)
