"""A release in words: the source commits that it ships, and what happens where it fails."""

from __future__ import annotations

from dataclasses import dataclass

from gitops.plan.model import EnvironmentPlan, ModelPlan, Ships
from gitops.render.sentences import serving
from gitops.render.words import count
from gitops.state.commit import CommitInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """What ships: a sentence, the commits that it announces, and how many more there are."""

    sentence: str
    commits: tuple[CommitInfo, ...] = ()
    more: int = 0


def shipped(model: ModelPlan, environment: EnvironmentPlan) -> Shipped | None:
    """What ships to one environment; None where no other artifact does.

    Commits that an earlier environment of the model gets too are not named again.
    """
    ships = environment.ships
    if ships is None:
        return None
    if ships.unknown is not None:
        return Shipped(sentence=f"Which source commits that ships is not known: {ships.unknown}.")
    for other in model.environments[: model.environments.index(environment)]:
        if other.ships == ships and ships.commits:
            return Shipped(sentence=f"Ships the same as {other.environment} gets.")
    head = "Its source is at:" if environment.serving is None else _announced(ships)
    return Shipped(sentence=head, commits=ships.commits, more=ships.more)


def _announced(ships: Ships) -> str:
    number = len(ships.commits) + ships.more
    if not number and ships.cancelled:
        return f"Ships no source commit: the {ships.cancelled} on the way cancel each other out."
    if not number:
        return "No source commit on the way from one to the other touches its files."
    commits = count(number, "source commit")
    others = f" ({ships.cancelled} more cancel each other out)" if ships.cancelled else ""
    match ships.direction:
        case "forward":
            return f"Ships {commits}{others}:"
        case "back":
            return f"Goes back, and takes {commits} out{others}:"
        case "elsewhere" | None:
            return f"Is not in the history of what serves; ships {commits}{others}:"


def commit_words(commit: CommitInfo) -> str:
    """A commit's subject, with who wrote it and when; its id is told apart."""
    return f"{commit.subject} ({commit.author}, {commit.at:%Y-%m-%d})"


def failing(model: ModelPlan, environment: EnvironmentPlan) -> str:
    """What happens where a release fails, before it has traffic and after; empty for no release."""
    own = {each.kind: each for each in model.actions if each.environment == environment.environment}
    promote, watch = own.get("promote"), own.get("watch")
    if promote is None:
        return ""
    needed = {name for each in own.values() for name in each.depends_on}
    pushed = any(each.kind == "push" and each.id in needed for each in model.actions)
    built = {
        "its build": pushed,
        "its start": "ready" in own or "activate" in own or "retry" in own,
        "a check": "check" in own,
    }
    before = [part for part, there in built.items() if there]
    old = serving(environment.serving) if environment.serving else ""
    first = ""
    if before:
        stays = f" and {old} goes on serving" if old else ""
        *others, last = before
        parts = f"{', '.join(others)} or {last}" if others else last
        first = f"If {parts} fails, nothing is promoted{stays}; "
    reason = watch.reason if watch is not None else ""
    judged = reason.startswith("judges")
    fails = "it turns out bad under traffic" if judged else "its promotion fails"
    then = f"gitops goes back to {old} by itself"
    if not old:
        then = "there is nothing to go back to, and a person is needed"
    if judged and "only alerts" in reason:
        then = "it stays, and the run only says so"
    after = f"if {fails}, {then}."
    return first + after if first else after[0].upper() + after[1:]
