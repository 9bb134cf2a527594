"""The order in which the environments of a model are taken."""

from __future__ import annotations

from collections.abc import Iterable

from gitops.state.desired import DesiredEnvironment


def in_order(environments: Iterable[DesiredEnvironment]) -> tuple[DesiredEnvironment, ...]:
    """What an environment ``requires`` comes before it; otherwise the file's order stays.

    Names that are not among them do not count. A cycle, which a release file cannot hold, would
    keep the file's order rather than lose an environment.
    """
    waiting = list(environments)
    taken: list[DesiredEnvironment] = []
    while waiting:
        open_names = {each.name for each in waiting}
        free = next(
            (
                each
                for each in waiting
                if not any(need.environment in open_names - {each.name} for need in each.requires)
            ),
            waiting[0],
        )
        waiting.remove(free)
        taken.append(free)
    return tuple(taken)
