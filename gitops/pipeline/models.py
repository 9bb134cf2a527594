"""One settled release file becomes one desired model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops.errors import Problem
from gitops.pipeline.check_files import CheckFiles
from gitops.pipeline.compiled_checks import CheckCompiler, bounds
from gitops.pipeline.pins import HEAD, Pins
from gitops.pipeline.provenance import Provenance
from gitops.pipeline.release_files import Settled
from gitops.pipeline.trusses import Trusses, problem
from gitops.release.environment import Environment, Watch
from gitops.release.finding import Finding
from gitops.release.language import Release
from gitops.release.pruned import only_new
from gitops.release.rules import requirements
from gitops.release.support import UNSUPPORTED
from gitops.state import desired
from gitops.state.artifact import Artifact
from gitops.state.identity.refusal import NoArtifact
from gitops.state.names import ModelKey
from gitops.state.settings import Settings

PRODUCTION = "production"
_PAIR = ("max_surge_percent", "max_unavailable_percent")
_WATCHED = desired.Watch()
_TIMEOUTS = desired.Timeouts()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    requires: tuple[desired.Requirement, ...]
    settings: Settings
    watch: desired.Watch | None
    allow: frozenset[str]
    unsupported: tuple[str, ...]


@dataclass(slots=True)
class Parts:
    """Compiled parts of release files under one gitops.yaml, by what they were compiled from.

    Those of checks hold as long as the files that checks name stay as they are.
    """

    asked: dict[tuple[str, bytes], _Asked] = field(default_factory=dict)
    own: dict[tuple[bytes, tuple[str, ...]], dict[str, desired.Check]] = field(default_factory=dict)
    changed: dict[tuple[bytes, bytes], tuple[desired.Check, ...]] = field(default_factory=dict)
    inherited: dict[str, tuple[desired.Check, tuple[Finding, ...]]] = field(default_factory=dict)


class ModelCompiler:
    """Compiles release files of one commit; shares what they share."""

    def __init__(self, pins: Pins, trusses: Trusses, files: CheckFiles, known: Parts) -> None:
        self._pins = pins
        self._trusses = trusses
        self._checks = CheckCompiler(files)
        self._known = known

    def read_ahead(self, files: Iterable[Settled]) -> None:
        """Read what compiling these will need from Git, all at once."""
        asked = {
            (environment.commit, truss)
            for settled in files
            if (truss := settled.release.truss) is not None
            for environment in settled.release.environments.values()
            if environment.commit is not None
        }
        self._pins.read_ahead(sorted({pin for pin, _ in asked}))
        self._trusses.read_ahead(
            (commit, truss)
            for pin, truss in sorted(asked)
            if isinstance(commit := self._pins.resolve(pin, ()), str)
        )

    def compile(self, settled: Settled) -> tuple[desired.DesiredModel, list[Problem]]:
        """The model and every problem that reading its commits and files brings up."""
        found: list[Finding] = []
        problems: list[Problem] = []
        release = settled.release
        checks = self._all_checks(settled, found)
        environments = []
        for name, environment in release.environments.items():
            raw = settled.raw["environments"][name]
            asked = self._asked(settled, name, environment)
            environments.append(
                desired.DesiredEnvironment(
                    name=name,
                    mode=environment.mode or release.mode,
                    artifact=self._artifact(settled, name, environment, found, problems),
                    deployment=environment.deployment,
                    follows_head=environment.commit == HEAD,
                    requires=asked.requires,
                    settings=asked.settings,
                    instance_type=environment.instance_type,
                    checks=self._used(settled, name, environment, checks, found),
                    watch=asked.watch,
                    protected=_protected(name, environment),
                    allow=asked.allow,
                    unsupported=asked.unsupported,
                    provenance=Provenance(settled.places, ("environments", name), raw),
                )
            )
        if found:
            problems += [settled.places.problem(each) for each in only_new(found, settled.found)]
        model = desired.DesiredModel(
            key=ModelKey(release.team, release.model),
            release_file=settled.file,
            truss=release.truss,
            mode=release.mode,
            environments=tuple(environments),
            timeouts=_timeouts(release),
            retention=_retention(release),
        )
        return model, list(dict.fromkeys(problems)) if problems else problems

    def _asked(self, settled: Settled, name: str, environment: Environment) -> _Asked:
        """What an environment asks for by itself; files that ask the same share it."""
        key = settled.keys and (name, settled.keys.environments[name])
        known = self._known.asked.get(key) if key else None
        if known is None:
            known = _Asked(
                requires=tuple(
                    desired.Requirement(environment=each.environment, seconds=each.for_)
                    for _, each in requirements(environment)
                ),
                settings=settings_of(settled.raw["environments"][name]),
                watch=_watch(name, environment),
                allow=frozenset(environment.allow),
                unsupported=tuple(_unsupported(environment)),
            )
            if key:
                self._known.asked[key] = known
        return known

    def _artifact(
        self,
        settled: Settled,
        name: str,
        environment: Environment,
        found: list[Finding],
        problems: list[Problem],
    ) -> Artifact | None:
        if environment.commit is None:
            return None
        path = ("environments", name, "commit")
        commit = self._pins.resolve(environment.commit, path)
        if isinstance(commit, Finding):
            found.append(commit)
            return None
        truss = settled.release.truss
        if truss is None:
            return None
        try:
            return self._trusses.artifact(commit, truss, settled.release.rebuild)
        except NoArtifact as error:
            where = settled.places.where(("truss",))
            problems += [problem(each, commit, "truss", where) for each in error.refusals]
            return None

    def _all_checks(self, settled: Settled, found: list[Finding]) -> dict[str, desired.Check]:
        """The file's own checks, and those of gitops.yaml that its environments use."""
        checks = settled.release.checks
        if not checks:
            return {}
        compiled = self._own_checks(settled, found)
        for environment in settled.release.environments.values():
            for use in environment.checks:
                name = use if isinstance(use, str) else next(iter(use))
                if name in checks and name not in compiled:
                    compiled[name] = self._inherited(settled, name, found)
        return compiled

    def _inherited(self, settled: Settled, name: str, found: list[Finding]) -> desired.Check:
        known = self._known.inherited.get(name)
        if known is None:
            inner: list[Finding] = []
            check, raw = settled.release.checks[name], settled.raw["checks"][name]
            one = self._checks.check(name, check, raw, ("checks", name), inner)
            known = self._known.inherited[name] = (one, tuple(inner))
        found += known[1]
        return known[0]

    def _own_checks(self, settled: Settled, found: list[Finding]) -> dict[str, desired.Check]:
        own = settled.places.file.value
        mine = tuple(own.get("checks", ())) if isinstance(own, dict) else ()
        key = settled.keys and (settled.keys.checks, mine)
        known = self._known.own.get(key) if key else None
        if known is not None:
            return dict(known)
        before = len(found)
        raw = settled.raw["checks"]
        compiled = {
            name: self._checks.check(name, check, raw[name], ("checks", name), found)
            for name, check in settled.release.checks.items()
            if name in mine
        }
        if key and len(found) == before:
            self._known.own[key] = compiled
        return dict(compiled)

    def _used(
        self,
        settled: Settled,
        name: str,
        environment: Environment,
        checks: Mapping[str, desired.Check],
        found: list[Finding],
    ) -> tuple[desired.Check, ...]:
        uses = environment.checks
        plain = [use for use in uses if isinstance(use, str)]
        if len(plain) == len(uses):
            return tuple(checks[use] for use in plain if use in checks)
        key = settled.keys and (settled.keys.environments[name], settled.keys.checks)
        known = self._known.changed.get(key) if key else None
        if known is not None:
            return known
        before = len(found)
        used: list[desired.Check] = []
        for index, use in enumerate(uses):
            check = use if isinstance(use, str) else next(iter(use))
            if check not in checks:
                continue
            if isinstance(use, str):
                used.append(checks[use])
                continue
            raw = settled.raw["environments"][name]["checks"][index]
            path = ("environments", name, "checks", index, check, "expect")
            used.append(
                self._checks.changed(
                    checks[check],
                    settled.raw["checks"][check],
                    raw[check]["expect"],
                    path,
                    found,
                )
            )
        if key and len(found) == before:
            self._known.changed[key] = tuple(used)
        return tuple(used)


def settings_of(raw: Mapping[str, Any]) -> Settings:
    """The settings that an environment manages, from what was written, defaults merged."""
    promotion = raw.get("promotion", {})
    rolling = promotion.get("rolling_deploy_config")
    if rolling and (_PAIR[0] in rolling) != (_PAIR[1] in rolling):
        # Exactly one of the pair is above 0 on Baseten, whose default for surge is 10 or 25: the
        # other one is part of what was asked for.
        rolling = {
            **rolling,
            _PAIR[0]: rolling.get(_PAIR[0], 0),
            _PAIR[1]: rolling.get(_PAIR[1], 0),
        }
        promotion = {**promotion, "rolling_deploy_config": rolling}
    schedules = raw.get("schedules")
    return Settings(
        autoscaling=raw.get("autoscaling", {}),
        promotion=promotion,
        backpressure=raw.get("backpressure"),
        schedules=None
        if schedules is None
        else {
            name: {"enabled": True, "timezone": "UTC", **_minutes(each)}
            for name, each in schedules.items()
        },
    )


def _minutes(schedule: Mapping[str, Any]) -> dict[str, Any]:
    if schedule["cadence"] == "DAILY":
        return {"start_minute": 0, "end_minute": 0, **schedule}
    return dict(schedule)


def _protected(name: str, environment: Environment) -> bool:
    return name == PRODUCTION if environment.protected is None else environment.protected


def _watch(name: str, environment: Environment) -> desired.Watch | None:
    watch = environment.watch
    if watch is None:
        return _WATCHED if _protected(name, environment) else None
    return desired.Watch(
        seconds=watch.for_,
        error_rate=watch.error_rate,
        latency=bounds(watch.latency),
        min_requests=watch.min_requests,
        unhealthy_for=watch.unhealthy_for,
        keep_previous=watch.keep_previous,
        on_inconclusive=watch.on_inconclusive,
        on_failure=watch.on_failure,
    )


def _timeouts(release: Release) -> desired.Timeouts:
    if "timeouts" not in release.model_fields_set:
        return _TIMEOUTS
    given = release.timeouts
    return desired.Timeouts(build=given.build, start=given.start, promotion=given.promotion)


def _retention(release: Release) -> desired.Retention | None:
    given = release.retention
    if given is None:
        return None
    return desired.Retention(keep=given.keep, older_than=given.older_than, action=given.action)


def _unsupported(environment: Environment) -> Iterator[str]:
    """``key: why`` for everything the environment asks for that cannot be carried out yet."""
    watch: Watch | None = environment.watch
    if watch is not None:
        key = "watch.latency.max"
        if "max" in bounds(watch.latency) and key in UNSUPPORTED:
            yield f"{key}: {UNSUPPORTED[key]}"
