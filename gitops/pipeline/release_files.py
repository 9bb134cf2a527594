"""gitops.yaml and the release files of a commit or a working tree: read, merged, validated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from gitops.errors import Problem, Where
from gitops.pipeline.known import Keys, Known, Part, keys, part
from gitops.pipeline.places import CONFIG_FILE, Places, of_fault
from gitops.pipeline.sources import Files
from gitops.release import defaults, rules
from gitops.release.finding import Finding, Path
from gitops.release.language import Config, Release
from gitops.release.pruned import only_new, validated
from gitops.release.words import name as named
from gitops.release.words import shown
from gitops.yaml.blocks import Blocks, with_pins
from gitops.yaml.document import Document, read

DEFAULT_FOLDER: Final = "releases"


@dataclass(slots=True)
class Settled:
    """A release file, with the raw values it was made of; what is wrong is taken out of both."""

    places: Places
    release: Release
    raw: Mapping[str, Any]
    keys: Keys | None = None
    found: tuple[Finding, ...] = ()

    @property
    def file(self) -> str:
        """Its path from the repository's root."""
        return self.places.file.file


@dataclass(slots=True)
class Configured:
    """gitops.yaml; the defaults where there is none or where it is not valid."""

    config: Config
    document: Document | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def folder(self) -> str:
        """The folder of release files, the default where it is not valid."""
        return self.config.releases


def configuration(files: Files) -> Configured:
    """Read gitops.yaml."""
    data = files.read(CONFIG_FILE)
    plain = Config(version=1)
    if data is None:
        return Configured(plain)
    document = read(CONFIG_FILE, data)
    base = ("defaults", "environments")
    quick = _configured(document, base)
    if quick is not None and not quick.problems:
        return quick
    document.confirm()
    problems = _faults(document, base)
    strict = _configured(document, base)
    if strict is None:
        return Configured(plain, document, {}, problems or [_not_a_map(CONFIG_FILE)])
    told = {(each.where, each.path) for each in problems}
    problems += [each for each in strict.problems if (each.where, each.path) not in told]
    strict.problems = problems
    return strict


def _configured(document: Document, base: Path) -> Configured | None:
    """gitops.yaml as it was read so far; None where it is no map."""
    if not isinstance(document.value, dict):
        return None
    places = Places(document)
    raw = _with_pins_as_written(document.value, document, base)
    config, left, found = validated(Config, raw)
    if config is None:
        problems = [places.problem(each) for each in found]
        return Configured(Config(version=1), document, {}, problems)
    found += only_new(rules.of_config(config), found)
    return Configured(config, document, left, [places.problem(each) for each in found])


def paths(files: Files, folder: str) -> tuple[list[str], list[Problem]]:
    """The release files of a folder, sorted, and warnings about what looks like one."""
    found: list[str] = []
    warnings: list[Problem] = []
    alike: dict[str, str] = {}
    for path in files.list(folder):
        if path.endswith(".yaml"):
            if path != CONFIG_FILE:
                found.append(path)
                other = alike.setdefault(path.casefold(), path)
                if other != path:
                    warnings.append(_alike(path, other))
        elif path.endswith(".yml"):
            warnings.append(
                Problem(
                    where=Where(path),
                    path="",
                    message="is not read: release files end in .yaml",
                    hint="rename it",
                    severity="warning",
                )
            )
    if not found:
        where = Where(folder)
        message = "holds no release files (*.yaml)"
        warnings.append(Problem(where=where, path="", message=message, severity="warning"))
    return found, warnings


def _alike(path: str, other: str) -> Problem:
    return Problem(
        where=Where(path),
        path="",
        message=f"differs from {named(other)} in capitals alone: on macOS and Windows a clone holds"
        " only one of the two",
        hint="rename one",
        severity="warning",
    )


def documents(files: Files, wanted: list[str]) -> Iterator[Document]:
    """The release files' documents, in order; one that is not there is skipped."""
    contents = files.read_many(wanted)
    blocks = Blocks()
    for path in wanted:
        data = contents.get(path)
        if data is not None:
            yield read(path, data, blocks)


def settle(
    document: Document, configured: Configured, known: Known | None = None
) -> tuple[Settled | None, list[Problem]]:
    """Merge the defaults under a release file and validate it: every problem at once.

    ``known`` are the parts that files of the same compile validated before.
    """
    places = Places(document, configured.document)
    known = known or Known()
    if not document.faults and isinstance(document.value, dict):
        environments = _part("environments", document.value, document, configured, known)
        checks = _part("checks", document.value, document, configured, known)
        whole = {**document.value, "environments": environments.value}
        if document.pins:
            whole["environments"] = with_pins(environments.value, document.pins)
        if checks.given:
            whole["checks"] = checks.value
        _add_team(whole, configured)
        by = keys(environments, checks)
        settled = by and _settle_quickly(places, whole, by, known)
        if settled:
            return settled, []
    document.confirm()
    problems = _faults(document, ("environments",))
    if not isinstance(document.value, dict):
        return None, problems or [_not_a_map(document.file)]
    told = {fault.steps for fault in document.faults}
    whole = _whole(document.value, document, configured)
    release, left, found = validated(Release, whole)
    found += _same_names(whole)
    if release is not None:
        found += only_new(rules.of_release(release), found)
    problems += [places.problem(each) for each in found if each.path not in told]
    if release is None:
        return None, _once(problems)
    return Settled(places, release, left, None, tuple(found)), _once(problems)


def _whole(raw: dict[str, Any], document: Document, configured: Configured) -> dict[str, Any]:
    """The release file over its defaults."""
    whole = _merged(raw, document, configured)
    _add_team(whole, configured)
    return whole


def _merged(raw: dict[str, Any], document: Document, configured: Configured) -> dict[str, Any]:
    raw = _with_pins_as_written(raw, document, ("environments",))
    return defaults.release(configured.raw, raw)


def _add_team(whole: dict[str, Any], configured: Configured) -> None:
    if "team" not in whole and configured.config.team is not None:
        whole["team"] = configured.config.team


def _part(
    key: str, raw: dict[str, Any], document: Document, configured: Configured, known: Known
) -> Part:
    """A part of a release file over its defaults; files with the same text for it share it.

    The pins in it may be another file's.
    """
    text = document.blocks.get(key)
    if text is None and key in raw:
        return part(key, _merged({key: raw[key]}, document, configured))
    found = known.merged.get((key, text))
    if found is None:
        alone = {key: raw[key]} if key in raw else {}
        found = known.merged[key, text] = part(key, _merged(alone, document, configured))
    return found


def _faults(document: Document, environments: Path) -> list[Problem]:
    """What is wrong with the text; a pin that looks like a number is none of it."""
    depth = len(environments)
    return [
        of_fault(document.file, fault)
        for fault in document.faults
        if not (
            fault.number
            and len(fault.steps) == depth + 2
            and fault.steps[:depth] == environments
            and fault.steps[-1] == "commit"
        )
    ]


def _same_names(whole: Mapping[str, Any]) -> list[Finding]:
    environments = whole.get("environments")
    first: dict[str, str] = {}
    found: list[Finding] = []
    for name in environments if isinstance(environments, dict) else ():
        before = first.setdefault(name.lower(), name)
        if before != name:
            found.append(
                Finding(
                    path=("environments", name),
                    message=f"{shown(name)} and {shown(before)} are one environment on Baseten",
                    hint="names that differ in capitals alone mean the same",
                    at_key=True,
                )
            )
    return found


def _settle_quickly(
    places: Places, whole: dict[str, Any], by: Keys, known: Known
) -> Settled | None:
    """A file in which nothing is wrong; None for any other."""
    try:
        release = Release.model_validate(known.filled(whole, by, places.file.pins))
    except ValidationError:
        return None
    if not _passes(release, by, known):
        return None
    known.learn(by, release.environments, release.checks)
    return Settled(places, release, whole, by)


def _passes(release: Release, by: Keys, known: Known) -> bool:
    """Whether no rule finds anything; rules of parts that passed before are not asked again."""
    if by.order not in known.sound:
        if any(rules.of_environments(release.environments)):
            return False
        known.sound.add(by.order)
    if by.checks not in known.sound:
        if any(rules.of_checks(release.checks)):
            return False
        known.sound.add(by.checks)
    return not (
        any(rules.of_uses(release.environments, release.checks)) or any(rules.of_frame(release))
    )


def _once(problems: list[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


def _not_a_map(file: str) -> Problem:
    return Problem(
        where=Where(file, 1, 1),
        path="",
        message="is not a map of keys to values",
        hint="begin with `version: 1`",
    )


def _with_pins_as_written(raw: dict[str, Any], document: Document, base: Path) -> dict[str, Any]:
    """The same values, but commit ids that look like numbers as the text that was written."""
    found: Any = raw
    for step in base:
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return raw
    written: dict[str, str] = {}
    for name, environment in found.items():
        if isinstance(environment, dict) and isinstance(environment.get("commit"), int | float):
            text = document.source((*base, name, "commit"))
            if text is not None and not isinstance(environment["commit"], bool):
                written[name] = text
    if not written:
        return raw
    replaced: Any = {
        name: {**environment, "commit": written[name]} if name in written else environment
        for name, environment in found.items()
    }
    for depth in range(len(base), 0, -1):
        outer: Any = raw
        for step in base[: depth - 1]:
            outer = outer[step]
        replaced = {**outer, base[depth - 1]: replaced}
    assert isinstance(replaced, dict)
    return replaced
