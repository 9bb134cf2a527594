"""The command with a wrong applier in it: ``python -m tests.controls.command WRONG ARGUMENTS…``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from gitops import wiring
from gitops.baseten.endpoint import Endpoint, from_environment
from gitops.cli.main import main
from gitops.pipeline.project import Project
from gitops.state.desired import Desired
from gitops.wiring import Outside
from tests.controls import appliers

Wrong = Callable[[Outside, Endpoint], Outside]


def of_ports(wrong: appliers.Wrong) -> Wrong:
    """An applier that is wrong by one of its ports."""
    return lambda outside, endpoint: replace(outside, ports=wrong(outside.ports, endpoint))


WRONG: Final[dict[str, Wrong]] = {
    "stops-what-served": of_ports(appliers.stops_what_served),
    "checks-nothing": of_ports(appliers.checks_nothing),
    "sees-no-errors": of_ports(appliers.sees_no_errors),
    "deletes-the-bad": of_ports(appliers.deletes_the_bad),
    "locks-nothing": lambda outside, _: replace(
        outside, locks=appliers.LocksNothing(outside.locks)
    ),
}


def run(name: str, arguments: list[str]) -> None:
    """Run the command as it is, but for what it is connected with."""
    real = wiring.connect

    def connect(project: Project, desired: Desired, **named: Any) -> Outside:
        return WRONG[name](real(project, desired, **named), from_environment(project.environ))

    wiring.connect = connect
    sys.argv = ["gitops", *arguments]
    main()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
