"""Init: the first files of a repository, each with what it is for; nothing is overwritten."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final, Literal, Protocol

from gitops._version import __version__
from gitops.errors import RepositoryError
from gitops.pipeline.places import CONFIG_FILE
from gitops.pipeline.project import Repository
from gitops.pipeline.release_files import configuration, documents
from gitops.pipeline.sources import Files
from gitops.state.commit import CommitInfo
from gitops.state.identity.build import CONFIG_FILE as TRUSS_FILE
from gitops.yaml.edit import pin_comment
from gitops.yaml.truss_config import ConfigFault, parse

Ci = Literal["github", "gitlab"]

_WORKFLOWS: Final[Mapping[Ci, tuple[tuple[str, str, str], ...]]] = {
    "github": (
        (
            "github/gitops-plan.yml",
            ".github/workflows/gitops-plan.yml",
            "shows on each pull request what merging it would do",
        ),
        (
            "github/gitops-apply.yml",
            ".github/workflows/gitops-apply.yml",
            "applies, on merge, the plan that the pull request showed",
        ),
        (
            "github/gitops-drift.yml",
            ".github/workflows/gitops-drift.yml",
            "looks once a day for what was changed outside of Git, and keeps one issue about it",
        ),
        (
            "github/gitops-rollback.yml",
            ".github/workflows/gitops-rollback.yml",
            "rolls back by hand, from the Actions page",
        ),
    ),
    "gitlab": (
        (
            "gitlab/gitops.yml",
            ".gitlab/gitops.yml",
            "plan, apply, drift and rollback as jobs; include it from .gitlab-ci.yml",
        ),
    ),
}

_NEXT: Final[Mapping[Ci, str]] = {
    "github": "In the repository's settings, make two environments, each with a BASETEN_API_KEY:"
    " gitops-plan with one for reading, and gitops-production with the one that can write and with"
    " required reviewers.",
    "gitlab": "Add `include: [{local: .gitlab/gitops.yml}]` to .gitlab-ci.yml, and set the"
    " variables that the head of .gitlab/gitops.yml names.",
}

_TRUSS_KEYS: Final = frozenset(
    {
        "base_image",
        "build_commands",
        "docker_server",
        "model_metadata",
        "model_module_dir",
        "model_name",
        "python_version",
        "requirements",
        "resources",
        "trt_llm",
    }
)
_SOME: Final = 3
_PLAIN_SCALAR: Final = re.compile(r"[a-z][a-z0-9_./-]*")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Folder(Files, Protocol):
    """A working tree that new files can be put into."""

    def create(self, path: str, data: bytes) -> None:
        """Make a file that is not there yet. Raises ``RepositoryError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One file: ``purpose`` is what it is for; not ``new``: it was there and was left alone."""

    path: str
    purpose: str
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What init did, and what a person does next."""

    files: tuple[Written, ...]
    next: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Truss:
    folder: str
    model: str
    commit: CommitInfo


def initialise(repository: Repository, worktree: Folder, *, ci: Ci | None, branch: str) -> Started:
    """Write what a repository lacks; ``branch`` is the one that is deployed.

    Raises ``RepositoryError`` where there is no working tree, or it cannot be written to.
    """
    if repository.is_bare:
        raise RepositoryError("a bare repository has no working tree to write files into")
    values = {"VERSION": __version__, "BRANCH": json.dumps(branch)}
    files = [_write(worktree, "gitops.yaml", CONFIG_FILE, "what holds for all models", values)]
    config = configuration(worktree).config
    folder = config.releases.strip("/")
    following: list[str] = []
    trusses = list(_trusses(repository))
    if worktree.list(folder):
        following.append(f"The release files in {folder}/ are left as they are.")
        named = _named(worktree, folder)
        unnamed = [each.folder for each in trusses if each.folder not in named]
        if unnamed:
            following.append(
                f"None of them names {_some(unnamed)}: copy one for each, and give it its own"
                " model, truss, pins and checks."
            )
    elif trusses:
        first = trusses[0]
        release = {
            "MODEL": _scalar(first.model),
            "TRUSS": _scalar(first.folder),
            "COMMIT": first.commit.id,
            "COMMENT": pin_comment(f"{first.commit.at:%Y-%m-%d}", first.commit.subject),
        }
        path = f"{folder}/{_file_name(first.model)}.yaml"
        purpose = f"what each environment of {first.model} serves"
        files.append(_write(worktree, "release.yaml", path, purpose, release))
        if len(trusses) > 1:
            others = _some([each.folder for each in trusses[1:]])
            following.append(f"There are other trusses: {others}. Copy the file for each.")
    else:
        following.append(
            "There is no committed truss here yet: commit one, and run this again for a first"
            " release file."
        )
    if ci is not None:
        for template, path, purpose in _WORKFLOWS[ci]:
            files.append(_write(worktree, template, path, purpose, values))
        following.append(_NEXT[ci])
    if ci == "gitlab" and config.branch is not None:
        following.append(
            f"{CONFIG_FILE} names the branch {config.branch}: where that is not GitLab's default"
            " branch, put its name for $CI_DEFAULT_BRANCH in .gitlab/gitops.yml."
        )
    following.append("Look at the files, run `gitops validate`, and commit them.")
    following.append("Models that run already are taken over by `gitops import`.")
    return Started(files=tuple(files), next=tuple(following))


def _named(worktree: Folder, folder: str) -> frozenset[str]:
    """The trusses that release files name, valid or not."""
    release_files = [path for path in worktree.list(folder) if path.endswith(".yaml")]
    values = (each.value for each in documents(worktree, release_files))
    trusses = (each.get("truss") for each in values if isinstance(each, dict))
    return frozenset(posixpath.normpath(each) for each in trusses if isinstance(each, str))


def _some(folders: Sequence[str]) -> str:
    more = f" and {len(folders) - _SOME} more" if len(folders) > _SOME else ""
    return ", ".join(folders[:_SOME]) + more


def _write(
    worktree: Folder, template: str, path: str, purpose: str, values: Mapping[str, str]
) -> Written:
    new = worktree.read(path) is None
    if new:
        worktree.create(path, _filled(template, values).encode())
    return Written(path=path, purpose=purpose, new=new)


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = (resources.files("gitops.templates") / template).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _trusses(repository: Repository) -> Iterator[_Truss]:
    """The trusses of HEAD; none where there is no commit yet."""
    try:
        head = repository.head()
    except RepositoryError:
        return
    files = repository.at(head)
    configs = [path for path in files.list("") if posixpath.basename(path) == TRUSS_FILE]
    for path, data in files.read_many(configs).items():
        folder = posixpath.dirname(path)
        try:
            config = parse(data)
        except ConfigFault:
            continue
        touched = repository.commits_touching([folder], head) if folder else ()
        info = repository.info(touched[0]) if touched else None
        if info is not None and _TRUSS_KEYS & config.keys():
            named = config.get("model_name")
            name = named if isinstance(named, str) and named else posixpath.basename(folder)
            yield _Truss(folder=folder, model=name, commit=info)


def _scalar(text: str) -> str:
    """A string as YAML reads it back: quoted as JSON is, unless it is plainly a name."""
    plain = _PLAIN_SCALAR.fullmatch(text) and text not in {"true", "false", "null"}
    return text if plain else json.dumps(text, ensure_ascii=False)


def _file_name(model: str) -> str:
    return model if _PLAIN_NAME.fullmatch(model) else "model"
