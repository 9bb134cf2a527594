"""How the sentences of a failure name things: places, deployments, people, commands.

Commands are given as they can be pasted into a shell.
"""

from __future__ import annotations

import shlex
from typing import Final

from gitops.record.entry import Side
from gitops.render.failure_kinds import Facts
from gitops.render.words import commit_and_deployment, one_line, refusal
from gitops.wording import version as version_of

_NEW: Final = "the new deployment"
_BEFORE: Final = "the deployment before"


def place(facts: Facts) -> str:
    """``ml/triage/production``, or the model where it is about no environment."""
    return f"{facts.model}/{facts.environment}" if facts.environment else facts.model


def environment(facts: Facts) -> str:
    """The environment's own name."""
    return facts.environment or facts.model


def candidate(facts: Facts) -> str:
    """What is released, by its commit and its deployment."""
    return commit_and_deployment(facts.candidate) if facts.candidate else _NEW


def built(facts: Facts) -> str:
    """The same by its deployment alone: whose logs to read."""
    return deployment(facts.candidate) if facts.candidate else _NEW


def version(facts: Facts) -> str:
    """The same by its commit, where one is known: what to release or to hold."""
    return version_of(facts.candidate) if facts.candidate else _NEW


def side(it: Side | None) -> str:
    """What serves or is to serve again, by its commit and its deployment."""
    return commit_and_deployment(it) if it else _BEFORE


def deployment(it: Side | None) -> str:
    """The same by its deployment alone."""
    return f"deployment {it.deployment_id}" if it else _BEFORE


def doing(facts: Facts) -> str:
    """The step that was being taken."""
    return facts.doing or f"the release to {place(facts)}"


def because(facts: Facts, *, refused: bool = False) -> str:
    """``: the reason``, to stand before a full stop; nothing where none is known."""
    detail = one_line(facts.detail).rstrip(".")
    detail = refusal(detail) if refused else detail
    return f": {detail}" if detail else ""


def who(facts: Facts) -> str:
    """The person whose release it is."""
    return facts.person or "somebody outside of Git"


def undone(facts: Facts) -> str:
    """How what a person promoted goes away: it serves, or is still on its way."""
    new, serving = facts.candidate, facts.serving
    on_its_way = (
        new is not None and serving is not None and new.deployment_id != serving.deployment_id
    )
    if on_its_way and facts.environment:
        return f"end that promotion, where it still runs, with {command(facts, 'cancel')}"
    return f"bring back what served before at once with {rollback(facts)}"


def command(facts: Facts, verb: str, *options: str) -> str:
    """A command about this model, or about this environment where the command takes one."""
    words = ["gitops", verb, shlex.quote(facts.model)]
    if verb in {"cancel", "resume", "log", "rollback"} and facts.environment:
        words.append(shlex.quote(facts.environment))
    return f"`{' '.join([*words, *options])}`"


def retry(facts: Facts) -> str:
    """The command that tries what is held again."""
    return f"`gitops apply {shlex.quote(facts.model)} --retry {shlex.quote(place(facts))}`"


def rollback(facts: Facts) -> str:
    """The command that brings back what served before."""
    return command(facts, "rollback", "--now") if facts.environment else "a rollback"


def first_up(text: str) -> str:
    """With a capital, to begin a sentence."""
    return text[:1].upper() + text[1:]
