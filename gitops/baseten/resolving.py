"""Which live model a key means: by team and name, never by guess. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitops.errors import NotFound, RequestRefused
from gitops.state.live import Team
from gitops.state.names import ModelKey


def teams_of(keys: Sequence[ModelKey], teams: Sequence[Team]) -> dict[ModelKey, Team | None]:
    """The team of each key: the named one, by name or id, else the default team.

    None where Baseten names no default team: then the name alone has to be enough.

    Raises:
        NotFound: keys name teams that this key cannot see; all of them are listed.
    """
    default = next((each for each in teams if each.default), None)
    by_word = {each.id: each for each in teams} | {each.name: each for each in teams}
    missing = sorted({key.team for key in keys if key.team and key.team not in by_word})
    if missing:
        there = ", ".join(sorted(each.name for each in teams)) or "none"
        one = len(missing) == 1
        raise NotFound(
            f"{'team' if one else 'teams'} {', '.join(missing)} "
            f"{'is' if one else 'are'} not in this workspace, or not visible to this API key; "
            f"teams there are: {there}",
            method="GET",
            path="/v1/teams",
            hint="correct team in the release file or in gitops.yaml",
        )
    return {key: by_word[key.team] if key.team else default for key in keys}


def pick(
    key: ModelKey, team: Team | None, models: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """The one model that a key means; None where it is not there.

    Raises:
        RequestRefused: two models fit; both are named, with what to write.
    """
    named = [each for each in models if each.get("name") == key.name]
    fitting = [each for each in named if team is None or each.get("team_name") == team.name]
    if len(fitting) <= 1:
        return fitting[0] if fitting else None
    listed = " and ".join(
        f"{each.get('id')} (team {each.get('team_name')})"
        for each in sorted(fitting, key=lambda each: str(each.get("id")))
    )
    if team is None:
        hint = f"write team: in the release file of {key.name}, with one of these teams"
    else:
        hint = "rename one of them in Baseten; a release file can only name one"
    raise RequestRefused(
        f"the name {key.name} is there more than once: {listed}",
        method="GET",
        path="/v1/models",
        hint=hint,
    )
