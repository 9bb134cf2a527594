"""What Git asked for in one environment, commit by commit: also where files had other names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gitops.pipeline.compile import look
from gitops.pipeline.diff import sources
from gitops.pipeline.places import CONFIG_FILE
from gitops.pipeline.project import Repository
from gitops.record.proven import Version
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.names import ModelKey


class Parents(Protocol):
    """How commits hang together."""

    def parent(self, commit: str) -> str | None:
        """The first parent of a commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an environment asks for; two are the same where their keys are.

    ``truss`` is the folder that holds its files in ``commit``.
    """

    commit: str | None = None
    digest: str | None = None
    deployment: str | None = None
    truss: str | None = None

    @property
    def key(self) -> tuple[str | None, str | None]:
        """What tells one from another: the files of an artifact, not the commit that pins them."""
        return self.digest, self.deployment

    @property
    def version(self) -> Version:
        """As the deploy log knows it."""
        return Version(digest=self.digest, deployment=self.deployment)

    @property
    def named(self) -> str:
        """As people name it."""
        return f"commit {self.commit[:12]}" if self.commit else f"deployment {self.deployment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A commit that changed what was asked for: its first parent, and the model on both sides."""

    commit: str
    parent: str
    before: DesiredModel
    after: DesiredModel
    wish: Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One environment of one model through history; ``names`` are what else it was called."""

    objects: Repository
    parents: Parents
    key: ModelKey
    name: str
    names: Collection[str] = ()

    def wish(self, model: DesiredModel | None) -> Wish | None:
        """What the environment asks for; None where it is not there."""
        for each in model.environments if model is not None else ():
            if each.name == self.name:
                return _wish(each)
        return None

    def at(self, commit: str, file: str) -> DesiredModel | None:
        """The model at a commit; None where it is not there, or not valid.

        ``file`` is where its release file may be; where it is not, all are looked through.
        """
        files = self.objects.at(commit)
        only = frozenset([file]) if files.read(file) is not None else None
        compiled = look(self.objects, files, commit, dirty=False, only=only)
        models = compiled.desired.models
        exact = next((each for each in models if each.key == self.key), None)
        return exact or next((each for each in models if str(each.key) in self.names), None)

    def turns(self, head: str, model: DesiredModel) -> Iterator[Turn]:
        """The commits before which something else was asked for than after them, newest first.

        Renamed release files and moved trusses are followed. States in which the file was not
        valid are passed over, since nothing can have been applied from them.
        """
        now, after = self.wish(model), model
        assert now is not None
        watched = self.watched(model)
        commits = iter(self._touching(watched, head))
        while (commit := next(commits, None)) is not None:
            parent = self.parents.parent(commit)
            if parent is None:
                return
            before = self.at(parent, after.release_file)
            wish = self.wish(before)
            if before is None or wish is None:
                # Only this file can bring back what is not there at all, anything what is broken.
                gone = before is not None or not self.objects.at(parent).read(after.release_file)
                wanted = [after.release_file] if gone else ["."]
                if wanted != watched:
                    watched = wanted
                    commits = iter(self._touching(watched, parent))
                continue
            if wish.key != now.key:
                yield Turn(commit=commit, parent=parent, before=before, after=after, wish=wish)
            if set(self.watched(before)) != set(watched):
                watched = self.watched(before)
                commits = iter(self._touching(watched, parent))
            now, after = wish, before

    def watched(self, model: DesiredModel) -> list[str]:
        """The paths on which it depends what the environment asks for."""
        paths = [model.release_file, CONFIG_FILE]
        return [*paths, *self.folders(model)] if self.follows(model) else paths

    def folders(self, model: DesiredModel) -> list[str]:
        """The folders that its artifact is made of."""
        return sorted(
            {
                folder
                for each in model.environments
                if each.name == self.name and each.artifact is not None
                for folder in sources(each.artifact)
            }
        )

    def follows(self, model: DesiredModel) -> bool:
        """Whether it asks for whatever its branch has."""
        return any(each.follows_head for each in model.environments if each.name == self.name)

    def _touching(self, paths: Iterable[str], head: str) -> tuple[str, ...]:
        return self.objects.commits_touching(paths, head, first_parent=True)


def _wish(environment: DesiredEnvironment) -> Wish:
    artifact = environment.artifact
    return Wish(
        commit=artifact.commit if artifact else None,
        digest=artifact.digest if artifact else None,
        deployment=environment.deployment,
        truss=artifact.truss if artifact else None,
    )
