"""Who Git says writes: the author and committer of what this tool commits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gitops.git.process import Git, decoded

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
    """A name and an address that can stand in a commit."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


def identity(git: Git, environ: Mapping[str, str]) -> Identity:
    """Who commits: Git's own variables, then its configuration, then the CI run's actor.

    ``environ`` is the environment to look in. Where nothing is set it is ``gitops``.
    """
    asked = git.try_run("config", "-z", "--get-regexp", r"^(user|committer)\.(name|email)$")
    config: dict[str, str] = {}
    for row in decoded(asked.out).split("\0"):
        key, _, value = row.partition("\n")
        config[key.lower()] = value
    name = _first(environ.get("GIT_COMMITTER_NAME"), config, "committer.name", "user.name")
    email = _first(environ.get("GIT_COMMITTER_EMAIL"), config, "committer.email", "user.email")
    if not name:
        for actor, address, host in _CI:
            name = _clean(environ.get(actor, ""))
            if name:
                local = re.sub(r"[^A-Za-z0-9._+-]+", "-", name)
                email = email or _clean(environ.get(address or "", "")) or f"{local}@{host}"
                break
    name = name or "gitops"
    return Identity(name=name, email=email or "gitops@localhost")


def _first(variable: str | None, config: Mapping[str, str], *keys: str) -> str:
    for value in (variable, *(config.get(key) for key in keys)):
        cleaned = _clean(value or "")
        if cleaned:
            return cleaned
    return ""


def _clean(text: str) -> str:
    return _NOT_IN_A_NAME.sub(" ", text).strip(" .,:;\"'\\")
