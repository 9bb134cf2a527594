"""How what is deployed compares with what a truss at a commit would be uploaded as."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import join, normpath
from typing import Any, Final

from gitops.state.archived import CONFIG_FILE, Archived
from gitops.state.artifact import Artifact
from gitops.state.identity.build import EXTERNALS
from gitops.yaml import truss_config

_LONGEST: Final = 200
"""Characters of a sentence: a name in an archive is as long as whoever made it likes."""


def content_key(deployed: Archived) -> frozenset[tuple[str, str]]:
    """The same for deployments that one search answers for."""
    marks = {("", deployed.lacking or ""), ("*", "\0".join(_executable(deployed)))}
    return frozenset({(path, file.oid) for path, file in deployed.files.items()} | marks)


def _executable(deployed: Archived) -> list[str]:
    return [path for path, file in deployed.files.items() if file.executable]


def outside_folders(config: bytes, folder: str) -> Iterator[str]:
    """The folders that a config.yaml in this folder takes packages from."""
    if EXTERNALS.encode() not in config:
        return
    try:
        named = truss_config.parse(config).get(EXTERNALS)
    except truss_config.ConfigFault:
        return
    for each in named if isinstance(named, list) else ():
        if isinstance(each, str) and each and not each.startswith("/"):
            root = normpath(join(folder, each))
            if not root.startswith(".."):
                yield root


def differences_of(deployed: Archived, artifact: Artifact) -> tuple[str, ...]:
    """How the files of an artifact are not those that are deployed; none: they are the same."""
    wanted = {each.path: each for each in artifact.entries}
    found: list[str] = []
    for path in sorted({*wanted, *deployed.files}):
        mine, theirs = wanted.get(path), deployed.files.get(path)
        if mine is None:
            found.append(f"{path} is deployed and not in the commit")
        elif theirs is None:
            found.append(f"{path} is in the commit and not deployed")
        elif path == CONFIG_FILE and mine.content is not None:
            if not _same_settings(deployed.config, mine.content):
                found.append(f"{path} differs")
        elif mine.oid == theirs.unix:
            found.append(f"{path} differs in its line ends alone")
        elif mine.oid != theirs.oid:
            found.append(f"{path} differs")
    return tuple(found)


def shortened(sentence: str) -> str:
    """The sentence without its end, where that is long."""
    return sentence if len(sentence) <= _LONGEST else f"{sentence[: _LONGEST - 1]}…"


def _same_settings(deployed: bytes | None, ours: bytes) -> bool:
    """Whether two config.yaml say the same, where both were written anew without externals."""
    if deployed is None:
        return False
    try:
        pair: list[dict[str, Any]] = [truss_config.parse(each) for each in (deployed, ours)]
    except truss_config.ConfigFault:
        return False
    one, other = ({key: it for key, it in each.items() if key != EXTERNALS} for each in pair)
    return one == other


def other_modes(deployed: Archived, artifact: Artifact) -> tuple[str, ...]:
    """The files whose executable bit is another."""
    marked = {each.path for each in artifact.entries if each.mode == "100755"}
    return tuple(sorted(marked ^ {*_executable(deployed)}))
