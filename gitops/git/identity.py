"""Who Git says writes: the author and committer of what this tool commits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from gitops.git.process import Git, decoded

Source: TypeAlias = Literal["git", "ci", "nobody"]

_NOT_IN_A_NAME: Final = re.compile(r"[\x00-\x1f\x7f<>\ud800-\udfff]+")
_CI: Final = (
    ("GITHUB_ACTOR", None, "users.noreply.github.com"),
    ("GITLAB_USER_NAME", "GITLAB_USER_EMAIL", "gitlab.invalid"),
    ("GITLAB_USER_LOGIN", "GITLAB_USER_EMAIL", "gitlab.invalid"),
    ("BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_CREATOR_EMAIL", "buildkite.invalid"),
    ("CIRCLE_USERNAME", None, "circleci.invalid"),
    ("BITBUCKET_STEP_TRIGGERER_UUID", None, "bitbucket.invalid"),
    ("CHANGE_AUTHOR", "CHANGE_AUTHOR_EMAIL", "jenkins.invalid"),
)
"""Variables of CI runners: the actor's name, their address, and the host of a made-up address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A name and an address that can stand in a commit.

    ``source`` says who named them: Git, the CI run, or nobody.
    """

    name: str
    email: str
    source: Source = field(default="git", compare=False)

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    @property
    def notice(self) -> str | None:
        """What to tell before something is written in this name; None where Git has it."""
        if self.source == "git":
            return None
        why = "whom the CI run names" if self.source == "ci" else "for want of a better name"
        return f"Git has no user.name here: what is written into Git is by {self}, {why}."


def identity(git: Git, environ: Mapping[str, str]) -> Identity:
    """Who commits: Git's own variables, then its configuration, then the CI run's actor.

    ``environ`` is the environment to look in. Where nothing is set it is ``gitops``.
    """
    asked = git.try_run("config", "-z", "--get-regexp", r"^(user|committer)\.(name|email)$")
    config: dict[str, str] = {}
    for row in decoded(asked.out).split("\0"):
        key, _, value = row.partition("\n")
        config[key.lower()] = value
    source: Source = "git"
    name = _first(environ.get("GIT_COMMITTER_NAME"), config, "committer.name", "user.name")
    email = _first(environ.get("GIT_COMMITTER_EMAIL"), config, "committer.email", "user.email")
    if not name:
        for actor, address, host in _CI:
            name = _clean(environ.get(actor, ""))
            if name:
                source = "ci"
                local = re.sub(r"[^A-Za-z0-9._+-]+", "-", name)
                email = email or _clean(environ.get(address or "", "")) or f"{local}@{host}"
                break
    if not name:
        name, source = "gitops", "nobody"
    return Identity(name=name, email=email or "gitops@localhost", source=source)


def _first(variable: str | None, config: Mapping[str, str], *keys: str) -> str:
    for value in (variable, *(config.get(key) for key in keys)):
        cleaned = _clean(value or "")
        if cleaned:
            return cleaned
    return ""


def _clean(text: str) -> str:
    return _NOT_IN_A_NAME.sub(" ", text).strip(" .,:;\"'\\")
