"""Rules between keys: what each value alone cannot say. Pure, over a validated, merged release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

from gitops.release import words
from gitops.release.checks import Check, Expect
from gitops.release.environment import Environment, Requirement
from gitops.release.finding import STAND_IN, Finding, Path
from gitops.release.language import Config, Release
from gitops.release.settings import Autoscaling, OneTime, RollingDeployConfig, ScheduledAutoscaling
from gitops.release.words import shown

RESERVED = "development"


def of_release(release: Release) -> list[Finding]:
    """Everything wrong between the keys of a release file, defaults merged."""
    return [
        *of_frame(release),
        *of_environments(release.environments),
        *of_uses(release.environments, release.checks),
        *of_checks(release.checks),
    ]


def of_frame(release: Release) -> Iterator[Finding]:
    """What is wrong between a release file's top level and the rest."""
    if release.truss is None:
        building = [n for n, each in release.environments.items() if each.deployment is None]
        if building:
            yield Finding(
                path=("truss",),
                message=f"is missing, and {words.names(building)} names no deployment",
                hint="write the directory that holds config.yaml",
            )
    if release.retention is not None and not (
        release.retention.model_fields_set & {"keep", "older_than"}
    ):
        yield Finding(
            path=("retention",),
            message="needs keep, older_than or both",
            hint="for instance `keep: 5`",
        )


def of_environments(environments: Mapping[str, Environment]) -> Iterator[Finding]:
    """What is wrong within the environments of a release file, and between them."""
    for name, environment in environments.items():
        path: Path = ("environments", name)
        yield from _environment(path, name, environment)
        yield from _sources(path, environment)
    if any(each.requires is not None for each in environments.values()):
        yield from _requires(environments)


def of_uses(
    environments: Mapping[str, Environment], checks: Mapping[str, Check]
) -> Iterator[Finding]:
    """What is wrong between environments and the checks that they name."""
    for name, environment in environments.items():
        if environment.checks:
            yield from _uses(("environments", name), environment, checks)


def of_checks(checks: Mapping[str, Check]) -> Iterator[Finding]:
    """What is wrong within the checks of a release file."""
    for name, check in checks.items():
        yield from of_check(("checks", name), check)


def of_config(config: Config) -> list[Finding]:
    """Everything wrong between the keys of gitops.yaml."""
    found: list[Finding] = []
    for name, environment in config.defaults.environments.items():
        found += _environment(("defaults", "environments", name), name, environment)
    for name, check in config.defaults.checks.items():
        found += of_check(("defaults", "checks", name), check)
    return found


@lru_cache(maxsize=1024)
def _plain(name: str) -> Requirement:
    return Requirement(environment=name)


def requirements(environment: Environment) -> tuple[tuple[Path, Requirement], ...]:
    """``requires`` in its one full form, each with its path below the environment."""
    match environment.requires:
        case None:
            return ()
        case str(name):
            return ((("requires",), _plain(name)),)
        case Requirement() as one:
            return ((("requires", "environment"), one),)
        case list(several):
            return tuple(
                (("requires", i), _plain(each) if isinstance(each, str) else each)
                for i, each in enumerate(several)
            )


def _environment(path: Path, name: str, environment: Environment) -> Iterator[Finding]:
    if name == RESERVED:
        yield Finding(
            path=path,
            message="development is a deployment of its own on Baseten, not an environment",
            hint="choose another name, for instance staging",
            at_key=True,
        )
    written = environment.model_fields_set
    if "autoscaling" in written:
        yield from _replicas((*path, "autoscaling"), environment.autoscaling)
    if "promotion" in written and "rolling_deploy_config" in environment.promotion.model_fields_set:
        yield from _rolling(
            (*path, "promotion", "rolling_deploy_config"),
            environment.promotion.rolling_deploy_config,
        )
    if environment.schedules:
        yield from _schedules((*path, "schedules"), environment.schedules)


def _replicas(path: Path, block: Autoscaling | ScheduledAutoscaling) -> Iterator[Finding]:
    if {"min_replica", "max_replica"} <= block.model_fields_set and (
        block.min_replica > block.max_replica
    ):
        yield Finding(
            path=(*path, "min_replica"),
            message=f"min_replica {block.min_replica} is above max_replica {block.max_replica}",
        )


def _rolling(path: Path, block: RollingDeployConfig) -> Iterator[Finding]:
    written = block.model_fields_set
    surge = block.max_surge_percent if "max_surge_percent" in written else None
    unavailable = block.max_unavailable_percent if "max_unavailable_percent" in written else None
    if surge and unavailable:
        yield Finding(
            path=(*path, "max_unavailable_percent"),
            message=f"surge {surge} and unavailable {unavailable} percent are both set",
            hint="exactly one of them is above 0",
        )
    elif surge == 0 and not unavailable:
        yield Finding(
            path=(*path, "max_surge_percent"),
            message="max_surge_percent and max_unavailable_percent would both be 0",
            hint="exactly one of them is above 0",
        )


def _schedules(path: Path, schedules: Mapping[str, Any]) -> Iterator[Finding]:
    zones = {schedule.timezone for schedule in schedules.values()}
    first = next(iter(schedules.values())).timezone
    for name, schedule in schedules.items():
        here = (*path, name)
        yield from _replicas((*here, "autoscaling"), schedule.autoscaling)
        if len(zones) > 1 and schedule.timezone != first:
            yield Finding(
                path=(*here, "timezone"),
                message=f"{shown(schedule.timezone)} is not {shown(first)}, as in the first one",
                hint="all schedules of an environment share one time zone",
            )
        if isinstance(schedule, OneTime):
            if datetime.fromisoformat(schedule.start_at) >= datetime.fromisoformat(schedule.end_at):
                yield Finding(path=(*here, "end_at"), message="is not after start_at")
        elif (schedule.start_hour is None) != (schedule.end_hour is None):
            yield Finding(path=here, message="needs both start_hour and end_hour, or neither")
        elif (schedule.start_hour, schedule.start_minute) == (
            schedule.end_hour,
            schedule.end_minute,
        ):
            yield Finding(path=here, message="begins and ends at the same time")


def _sources(path: Path, environment: Environment) -> Iterator[Finding]:
    if environment.commit is not None and environment.deployment is not None:
        yield Finding(
            path=(*path, "deployment"),
            message="commit and deployment are both set",
            hint=(
                "keep commit for what is built from this repository, deployment for what others "
                "push"
            ),
            at_key=True,
        )
    elif environment.commit is None and environment.deployment is None:
        yield Finding(
            path=path,
            message="has neither commit nor deployment",
            hint="write `commit: HEAD`, or the full id of the commit to serve",
            at_key=True,
        )


def _uses(path: Path, environment: Environment, checks: Mapping[str, Check]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, use in enumerate(environment.checks):
        name = use if isinstance(use, str) else next(iter(use))
        here: Path = (*path, "checks", index)
        if name == STAND_IN:
            continue
        if name not in checks:
            hint = words.meant(name, checks) or "define it under checks, here or in gitops.yaml"
            yield Finding(path=here, message=f"no check is called {shown(name)}", hint=hint)
        elif name in seen:
            yield Finding(path=here, message=f"{shown(name)} stands in the list twice")
        seen.add(name)
        if not isinstance(use, str) and name in checks:
            change = use[name].expect
            yield from of_expect((*here, name, "expect"), change, stream=checks[name].stream)


def _requires(environments: Mapping[str, Environment]) -> Iterator[Finding]:
    edges: dict[str, list[str]] = {}
    for name, environment in environments.items():
        seen: set[str] = set()
        for below, each in requirements(environment):
            path: Path = ("environments", name, *below)
            other = each.environment
            if other == STAND_IN:
                continue
            if other == name:
                yield Finding(path=path, message="an environment cannot require itself")
            elif other not in environments:
                yield Finding(
                    path=path,
                    message=f"this file has no environment {shown(other)}",
                    hint=words.meant(other, [each for each in environments if each != name]),
                )
            elif other in seen:
                yield Finding(path=path, message=f"{shown(other)} is required twice")
            else:
                edges.setdefault(name, []).append(other)
            seen.add(other)
    if any(other in edges for others in edges.values() for other in others):
        yield from _cycles(edges)


def _cycles(edges: Mapping[str, list[str]]) -> Iterator[Finding]:
    left = {name: list(others) for name, others in edges.items()}
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][::-1]
        else:
            return
        start = min(range(len(circle) - 1), key=lambda i: circle[i])
        circle = [*circle[start:-1], *circle[: start + 1]]
        yield Finding(
            path=("environments", circle[0], "requires"),
            message=f"requires goes in a circle: {' → '.join(circle)}",
            hint="no environment of a circle could ever be first",
        )
        left[circle[0]] = []


def of_check(path: Path, check: Check) -> Iterator[Finding]:
    """Everything wrong between the keys of one check."""
    has_one, has_file = "request" in check.model_fields_set, check.requests is not None
    if has_one and has_file:
        yield Finding(
            path=(*path, "requests"), message="request and requests are both set", at_key=True
        )
    elif not has_one and not has_file:
        yield Finding(
            path=path,
            message="has nothing to send",
            hint="write request (a JSON body) or requests (a .jsonl file)",
            at_key=True,
        )
    if check.warmup + check.runs > check.max_requests:
        yield Finding(
            path=(*path, "runs" if "runs" in check.model_fields_set else "warmup"),
            message=f"runs {check.runs} and warmup {check.warmup} are more than max_requests"
            f" {check.max_requests}",
            hint="raise max_requests if the check may cost that much",
        )
    if "expect" in check.model_fields_set:
        expect = check.expect
        yield from of_expect((*path, "expect"), expect, stream=check.stream)
        judged = expect.model_fields_set & {"schema_", "equals", "contains", "matches", "close_to"}
        if expect.at is not None and not judged:
            yield Finding(
                path=(*path, "expect", "at"),
                message="selects a part that nothing judges",
                hint="write schema, equals, contains, matches or close_to beside it",
            )


def of_expect(path: Path, expect: Expect, *, stream: bool) -> Iterator[Finding]:
    """What is wrong between expectations and the check that they belong to."""
    asked: list[Path] = []
    if expect.latency is not None and expect.latency.first_token is not None:
        asked.append((*path, "latency", "first_token"))
    ratios = expect.than_current.latency if expect.than_current is not None else None
    if ratios is not None and ratios.first_token is not None:
        asked.append((*path, "than_current", "latency", "first_token"))
    for each in [] if stream else asked:
        yield Finding(
            path=each,
            message="only a stream has a first token",
            hint="write `stream: true` in the check",
        )
