"""From the tree entries of a truss to the artifact."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gitops.state.artifact import ArchiveEntry, TreeEntry
from gitops.state.identity.digest import digest
from gitops.state.identity.ignore import IGNORE_FILE, BadPattern, Ignored, built_in, own
from gitops.state.identity.inputs import mutable_inputs, secrets
from gitops.state.identity.refusal import NoArtifact, Refusal
from gitops.state.identity.walk import LINK, Walk, is_pointer
from gitops.state.json import JsonObject

CONFIG_FILE: Final = "config.yaml"
EXTERNALS: Final = "external_package_dirs"
BUNDLED: Final = "bundled_packages_dir"
MAX_CONFIG: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What has to be read for an identity, as callbacks; all of them deterministic.

    ``blob`` gives a blob's bytes, ``folder`` the entries below a folder of the same commit (None:
    no folder), ``parse`` config.yaml's settings (raising ``NoArtifact`` for its faults), ``dump``
    settings as the bytes of a config.yaml, ``inputs`` what ``mutable_inputs`` says of settings.
    """

    blob: Callable[[str], bytes]
    folder: Callable[[str], tuple[TreeEntry, ...] | None]
    parse: Callable[[bytes, str], dict[str, Any]]
    dump: Callable[[dict[str, Any]], bytes]
    inputs: Callable[[dict[str, Any]], tuple[str, ...]] = mutable_inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A truss's content apart from commit and rebuild: what several artifacts may share."""

    entries: tuple[ArchiveEntry, ...]
    config: JsonObject
    raw_config: str
    secrets: tuple[str, ...]
    mutable_inputs: tuple[str, ...]

    def digest(self, rebuild: str | None) -> str:
        """The artifact's digest."""
        return digest(self.entries, rebuild)


def content(truss: str, entries: tuple[TreeEntry, ...], reading: Reading) -> Content:
    """What would be uploaded for the truss. Raises ``NoArtifact`` with every reason."""
    refusals: list[Refusal] = []
    config_path = posixpath.join(truss, CONFIG_FILE)
    by_path = {entry.path: entry for entry in entries}
    config_entry = by_path.get(CONFIG_FILE)
    if config_entry is None:
        raise NoArtifact((_no_config(truss, by_path),))
    if config_entry.mode == LINK:
        message = "is a symbolic link; config.yaml has to be a file"
        raise NoArtifact((Refusal(file=config_path, message=message),))
    if (config_entry.size or 0) > MAX_CONFIG:
        raise NoArtifact((Refusal(file=config_path, message="is larger than 1 MiB"),))
    if is_pointer(config_entry, reading.blob):
        message = "is a Git LFS pointer, not the file itself"
        raise NoArtifact((Refusal(file=config_path, message=message),))
    raw = reading.blob(config_entry.oid)
    config = reading.parse(raw, config_path)
    ignored = _ignored(truss, by_path, reading, refusals)

    def leaves_out(path: str) -> bool:
        return path != CONFIG_FILE and ignored(path)

    walk = Walk(truss, entries, blob=reading.blob, ignored=leaves_out)
    walk.run()
    refusals += walk.refusals
    files = walk.files
    if EXTERNALS in config:
        files += _externals(truss, config, config_path, leaves_out, reading, refusals=refusals)
        replaced = {key: value for key, value in config.items() if key != EXTERNALS}
        if config[EXTERNALS]:
            archived = reading.dump(replaced)
            files = [
                ArchiveEntry(path=each.path, mode=each.mode, oid=each.oid, content=archived)
                if each.path == CONFIG_FILE
                else each
                for each in files
            ]
        config = replaced
        # Nothing else puts two files in one place: names in a tree differ.
        refusals += _collisions(files, config_path)
    if refusals:
        raise NoArtifact(tuple(refusals))
    files.sort(key=lambda each: each.path.encode("utf-8", "surrogateescape"))
    return Content(
        entries=tuple(files),
        config=config,
        raw_config=raw.decode("utf-8-sig", "replace"),
        secrets=secrets(config),
        mutable_inputs=reading.inputs(config),
    )


def _no_config(truss: str, by_path: dict[str, TreeEntry]) -> Refusal:
    near = sorted(
        path for path in by_path if path.rpartition("/")[2] in {CONFIG_FILE, "config.yml"}
    )
    hint = "write one, or correct `truss`"
    if near:
        found = posixpath.join(truss, near[0])
        if found.endswith(".yml"):
            hint = f"rename {found} to config.yaml"
        else:
            hint = f"did you mean `truss: {posixpath.dirname(found)}`?"
    return Refusal(file=truss, message="holds no config.yaml", hint=hint)


def _ignored(
    truss: str,
    by_path: dict[str, TreeEntry],
    reading: Reading,
    refusals: list[Refusal],
) -> Ignored:
    entry = by_path.get(IGNORE_FILE)
    if entry is None:
        return built_in()
    file = posixpath.join(truss, IGNORE_FILE)
    if entry.mode == LINK or entry.kind != "blob":
        refusals.append(Refusal(file=file, message="is a symbolic link; it has to be a file"))
        return built_in()
    if (entry.size or 0) > MAX_CONFIG:
        refusals.append(Refusal(file=file, message="is larger than 1 MiB"))
        return built_in()
    try:
        return own(reading.blob(entry.oid))
    except BadPattern as error:
        message = "holds a line that is no pattern"
        refusals.append(
            Refusal(file=file, message=message, hint=error.hint, line=error.line, column=1)
        )
        return built_in()


def _externals(
    truss: str,
    config: dict[str, Any],
    config_path: str,
    ignored: Callable[[str], bool],
    reading: Reading,
    *,
    refusals: list[Refusal],
) -> list[ArchiveEntry]:
    """The contents of external package directories, at their places in the archive."""

    def refuse(message: str, hint: str | None = None) -> None:
        refusals.append(Refusal(file=config_path, message=message, hint=hint))

    folders = config[EXTERNALS]
    if folders is None:
        return []
    if not isinstance(folders, list) or not all(isinstance(each, str) and each for each in folders):
        refuse(f"{EXTERNALS} has to be a list of directories")
        return []
    bundled = config.get(BUNDLED, "packages")
    if not isinstance(bundled, str) or not bundled or _leaves(bundled):
        refuse(f"{BUNDLED} has to be a directory inside the truss")
        return []
    files: list[ArchiveEntry] = []
    for folder in folders:
        root = posixpath.normpath(posixpath.join(truss, folder))
        if folder.startswith("/") or root.startswith("..") or "\\" in folder:
            refuse(f"{EXTERNALS}: {folder!r} leaves the repository", "name a directory inside it")
            continue
        entries = reading.folder(root)
        if not entries:
            refuse(f"{EXTERNALS}: there is no directory {root!r} in this commit")
            continue
        place = posixpath.normpath(bundled) + "/"
        walk = Walk(root, entries, blob=reading.blob, ignored=ignored, place=place)
        walk.run()
        files += walk.files
        refusals += walk.refusals
    return files


def _leaves(path: str) -> bool:
    normal = posixpath.normpath(path)
    return normal.startswith(("/", "..")) or normal == "." or "\\" in path


def _collisions(files: list[ArchiveEntry], config_path: str) -> list[Refusal]:
    """Two files for one place, or a file where another needs a folder."""
    seen: set[str] = set()
    refusals: list[Refusal] = []
    for each in files:
        if each.path in seen:
            refusals.append(
                Refusal(
                    file=config_path,
                    message=f"{EXTERNALS}: two files would land at {each.path!r}",
                    hint="rename one of them, or take a directory out",
                )
            )
        seen.add(each.path)
    for path in sorted(seen):
        folder = posixpath.dirname(path)
        while folder:
            if folder in seen:
                message = f"{EXTERNALS}: {folder!r} would be a file and a directory"
                refusals.append(Refusal(file=config_path, message=message))
            folder = posixpath.dirname(folder)
    return refusals
