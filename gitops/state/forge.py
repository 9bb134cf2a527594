"""What GitHub and GitLab both have, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DeploymentState = Literal["in_progress", "success", "failure"]
"""How a release ended, as far as a forge can show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One comment on a pull request; ``author`` is a login."""

    id: int
    author: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One open issue. ``number`` is what its URL ends with."""

    number: int
    author: str
    title: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull or merge request; ``head`` is the last commit that was pushed to it."""

    number: int
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What an apply did with one environment, for the forge's page of environments.

    ``environment`` is MODEL/ENV, ``run`` the apply's own id, ``description`` a short sentence.
    ``back``: what served before serves again; the release that was shown as active is that no more.
    """

    environment: str
    commit: str
    run: str
    state: DeploymentState
    description: str
    production: bool
    back: bool = False
