"""The three sentences of every failure: what happened, what serves now, what to do next.

One place holds them all, so that they keep one voice and a remedy never names a command that is
not there. Each sentence stands alone: the last lines of a CI job may show only one of them.
"""

from __future__ import annotations

import shlex
from typing import assert_never

from gitops.plan.events import Failure
from gitops.plan.wording import version
from gitops.record.entry import Side
from gitops.render.failure_kinds import Facts, FailureKind
from gitops.render.words import ROLLBACK, commit_and_deployment, doing, duration, one_line, refusal

__all__ = ["Facts", "FailureKind", "describe"]


def describe(kind: FailureKind, facts: Facts) -> Failure:
    """The sentences for one failure. Pure; the caller makes them safe for a terminal."""
    happened, following = _told(kind, facts)
    return Failure(
        happened=one_line(happened),
        serves_now=one_line(_serves(kind, facts)),
        next=one_line(following),
        details=tuple(line.rstrip() for line in facts.lines),
        cause=kind.value,
    )


def _told(kind: FailureKind, facts: Facts) -> tuple[str, str]:  # noqa: C901, PLR0912 - one case a kind
    candidate, place = _candidate(facts), _place(facts)
    because = _because(facts)
    again = _command(facts, "apply")
    status = _command(facts, "status")
    retry = _retry(facts)
    held = f"{_first_up(_version(facts))} is held in {place} until Git asks for something else"
    shared = f", which {place} shares," if facts.shared and facts.environment else ""
    match kind:
        case FailureKind.BUILD_FAILED:
            return _say(
                f"The build of {candidate}{shared} failed{because}.",
                f"Mend what the build log of {_of(facts)} names, and commit; {again} tries this "
                "build again.",
            )
        case FailureKind.START_FAILED:
            return _say(
                f"{_first_up(candidate)}{shared} did not become ready{because}.",
                f"Mend what the log of {_of(facts)} names, and commit; {again} tries the same "
                "deployment again.",
            )
        case FailureKind.CHECKS_FAILED:
            return _say(
                f"{_first_up(candidate)} failed the checks of {place}{because}.",
                f"{held}: correct the model or its checks and commit, or have the same commit "
                f"checked again with {retry}.",
            )
        case FailureKind.CHECKS_INCONCLUSIVE:
            return _say(
                f"The checks of {place} could not tell whether {candidate} is good{because}.",
                f"Nothing is held against {_version(facts)}: {again} checks it again.",
            )
        case FailureKind.UNVERIFIED:
            return _say(
                f"What serves {place} does not pass the checks that Git asks for{because}.",
                "Release a commit that passes, correct the checks, or run them again with "
                f"{retry}; every apply ends red until then.",
            )
        case FailureKind.TIMED_OUT:
            waited = f" after {duration(facts.seconds)}" if facts.seconds is not None else ""
            return _say(
                f"We stopped waiting for {_doing(facts)}{waited}; it goes on at Baseten{because}.",
                f"Nothing is lost: {again} continues from where {_doing(facts)} is by then.",
            )
        case FailureKind.PROMOTION_FAILED_BEFORE_TRAFFIC:
            return _say(
                f"Baseten ended the promotion of {candidate} to {place} before it got any "
                f"traffic{because}.",
                f"{held}; {retry} tries it again.",
            )
        case FailureKind.PROMOTION_FAILED_WITH_TRAFFIC:
            share = f" with {facts.percent}% of the traffic on it" if facts.percent else ""
            return _say(
                f"The promotion of {candidate} to {place} failed{share} "
                f"and was rolled back{because}.",
                _after_rollback(facts, retry),
            )
        case FailureKind.WATCH_FAILED:
            return _say(
                f"{_first_up(candidate)} was bad under real traffic in {place} "
                f"and was rolled back{because}.",
                _after_rollback(facts, retry),
            )
        case FailureKind.ROLLED_BACK_BY_HAND:
            return _say(
                f"{_first_up(candidate)} was taken out of {place} by hand{because}.",
                f"{held}: push and merge {facts.branch or 'the branch'}, which `gitops rollback` "
                "made, so that Git says the same.",
            )
        case FailureKind.WATCH_FAILED_ALERT_ONLY:
            return _say(
                f"{_first_up(candidate)} is bad under real traffic in {place}{because}; "
                "its watch only alerts, so it stays.",
                f"Decide whether {_version(facts)} may stay: {_rollback(facts)} brings the "
                "previous one back at once, and a revert of the commit that asked for it does so "
                "by way of Git.",
            )
        case FailureKind.ROLLBACK_NOT_CONFIRMED:
            return _say(
                f"{place} was to go back to {_side(facts.target)}, and that could not be "
                f"confirmed{because}.",
                f"A person is needed now: look with {status}; where {_deployment(facts.target)} "
                f"does not serve, promote it to {_environment(facts)} on Baseten by hand, then run "
                f"{again}.",
            )
        case FailureKind.NOTHING_TO_GO_BACK_TO:
            return _say(
                f"{_first_up(candidate)} is bad in {place}{because}, and nothing served there "
                "before that it could go back to.",
                "A person is needed: release a commit that works; the bad one is held and will "
                "not be promoted again.",
            )
        case FailureKind.ENDED_BY_PERSON:
            return _say(
                f"{facts.person or 'Somebody outside of Git'} ended the release of {candidate} "
                f"to {place}{because}.",
                f"{held}; {retry} starts its release again when it may go ahead.",
            )
        case FailureKind.PERSONS_RELEASE_FAILED:
            return _say(
                f"{_first_up(candidate)}, which {_who(facts)} promoted to {place}, is bad"
                f"{because}; a person's release is not undone by us.",
                f"Ask {_who(facts)}, or {_undone(facts)}.",
            )
        case FailureKind.BLOCKED_BY_PERSON:
            met = "a promotion that was paused" if facts.paused else "another promotion"
            by = f" by {facts.person}" if facts.person else ""
            way = (
                f"{_command(facts, 'resume')} or {_command(facts, 'cancel')}"
                if facts.paused
                else f"{_command(facts, 'cancel')}, or wait for its end"
            )
            return _say(
                f"Going back in {place} met {met}{by}, and stopped there{because}.",
                f"A person has to decide: {way}; then {again} goes on.",
            )
        case FailureKind.SERVING_FAILED:
            return _say(
                f"What serves {place} has failed, and retrying it did not help{because}.",
                f"A person is needed: {facts.remedy} Then run {again}."
                if facts.remedy
                else f"A person is needed: {_rollback(facts)} brings back what served before it; "
                "or read the log of what serves on Baseten, release a commit that works, and run "
                f"{again}.",
            )
        case FailureKind.SETTINGS_NOT_TAKEN:
            return _say(
                f"Baseten accepted settings for {place} and does not show them{because}.",
                f"Look with {status}; {again} sends them again.",
            )
        case FailureKind.BLOCKED:
            return _say(
                f"{place} was stopped{because}.",
                facts.remedy or f"See why with {_command(facts, 'plan')}.",
            )
        case FailureKind.HELD:
            return _say(
                f"{place} does not get what Git asks for{because}.",
                facts.remedy
                or f"Release another commit, or try the same one again with {retry}; without "
                "--strict, a hold that an earlier run made ends in 0.",
            )
        case FailureKind.REQUEST_REFUSED:
            return _say(
                f"Baseten refused {_doing(facts)}{_because(facts, refused=True)}.",
                f"{facts.remedy} Then run {again}."
                if facts.remedy
                else f"Correct what Baseten named, then run {again}.",
            )
        case FailureKind.LOG_UNREACHABLE:
            return _say(
                f"The deploy log on {facts.remote} could not be written, so {_doing(facts)} was "
                f"not started{because}.",
                f"Once the Git host answers and lets you push to refs/gitops/log/, run {again}; "
                f"on a day when it stays down, {_command(facts, 'apply', '--no-log')} goes on "
                "without it.",
            )
        case FailureKind.LOG_MOVED:
            return _say(
                f"Another run wrote to the deploy log of {facts.model} first, so {_doing(facts)} "
                "was not started.",
                f"Let that run end, then run {again}; {_command(facts, 'log')} shows what it did.",
            )
        case FailureKind.REPOSITORY_FAILED:
            return _say(
                f"The Git repository on this machine failed during {_doing(facts)}{because}.",
                f"Mend what Git named, such as a full disk; then {again} continues from what is "
                "there by then.",
            )
        case FailureKind.LOCK_LOST:
            runs = "; what was begun goes on at Baseten" if facts.still_running else ""
            return _say(
                f"This run lost the lock of {facts.model} and stopped during {_doing(facts)}"
                f"{because}{runs}.",
                f"Whoever has the lock by now continues from there, and {_command(facts, 'log')} "
                f"shows what they did; if nobody has it, {again} continues.",
            )
        case FailureKind.LEASE_ENDED:
            runs = "; what was begun goes on at Baseten" if facts.still_running else ""
            why = because or f": the lock of {facts.model} could not be renewed"
            return _say(
                f"This run stopped during {_doing(facts)}{why}{runs}.",
                f"Once the Git host answers, {again} continues from what is there by then.",
            )
        case FailureKind.API_UNAVAILABLE:
            return _say(
                f"Baseten gave no usable answer during {_doing(facts)}{because}.",
                f"When Baseten answers again, {again} looks at what took effect and continues.",
            )
        case FailureKind.INTERRUPTED:
            runs = "; it goes on at Baseten" if facts.still_running else ""
            return _say(
                f"The run was interrupted during {_doing(facts)}{because}{runs}.",
                _interrupted(facts, again),
            )
        case _:
            assert_never(kind)


_UNTOUCHED = frozenset(
    {
        FailureKind.BUILD_FAILED,
        FailureKind.START_FAILED,
        FailureKind.CHECKS_FAILED,
        FailureKind.CHECKS_INCONCLUSIVE,
        FailureKind.PROMOTION_FAILED_BEFORE_TRAFFIC,
        FailureKind.LOG_UNREACHABLE,
    }
)
"""Kinds after which no request was ever answered by the candidate."""

_CONFIRMED = frozenset(
    {
        FailureKind.PROMOTION_FAILED_WITH_TRAFFIC,
        FailureKind.WATCH_FAILED,
        FailureKind.ROLLED_BACK_BY_HAND,
    }
)
"""Kinds that end with the deployment before serving again, read back."""


def _serves(kind: FailureKind, facts: Facts) -> str:
    if facts.environment is None:
        if kind in _UNTOUCHED:
            return f"Every environment of {facts.model} serves what it served before."
        if not facts.serving_known:
            return f"What {facts.model} serves could not be read; nothing was deleted."
        return f"Nothing that {facts.model} serves was changed by this."
    place = _place(facts)
    if not facts.serving_known:
        return f"What {place} serves could not be read; nothing was deleted."
    if kind is FailureKind.API_UNAVAILABLE or facts.answered is not None:
        at = f", at {facts.answered:%H:%M:%S} UTC" if facts.answered is not None else ""
        late = kind is FailureKind.API_UNAVAILABLE or facts.unanswered
        when = "When Baseten last answered" if late else "When it was last read"
        return f"{when}{at}, {_served(facts)}."
    if facts.serving is None:
        return f"Nothing serves {place}."
    status = f", {facts.serving_status}" if facts.serving_status else ""
    serving = f"{place} serves {_side(facts.serving)}{status}"
    if kind in _CONFIRMED:
        return f"{serving}: what it served before, read back and confirmed."
    if kind in _UNTOUCHED:
        return f"{serving}, as before: no traffic was moved."
    if facts.percent and facts.candidate not in {None, facts.serving}:
        return f"{serving}, and {facts.percent}% of its traffic goes to {_candidate(facts)}."
    return f"{serving}."


def _served(facts: Facts) -> str:
    """What served when it was last read, told as what is past."""
    place = _place(facts)
    if facts.serving is None:
        return f"nothing served {place}"
    status = f", {facts.serving_status}" if facts.serving_status else ""
    served = f"{place} served {_side(facts.serving)}{status}"
    if facts.percent and facts.candidate not in {None, facts.serving}:
        return f"{served}, and {facts.percent}% of its traffic went to {_candidate(facts)}"
    return served


def _say(happened: str, following: str) -> tuple[str, str]:
    return happened, following


def _after_rollback(facts: Facts, retry: str) -> str:
    return (
        f"{_first_up(_version(facts))} is held in {_place(facts)}, still on Baseten to be looked "
        "into: correct the model and release that, or try the same commit again with "
        f"{retry}."
    )


def _interrupted(facts: Facts, again: str) -> str:
    if _doing(facts) == ROLLBACK:
        return (
            f"Run {again} now: it goes on with the rollback; until then nobody sees to it that "
            "what served before serves again."
        )
    serving = doing("promote") if facts.still_running else doing("watch")
    until = ", and nobody judges the release before that" if _doing(facts) == serving else ""
    return f"Nothing is lost: {again} continues from what is there by then{until}."


def _place(facts: Facts) -> str:
    return f"{facts.model}/{facts.environment}" if facts.environment else facts.model


def _environment(facts: Facts) -> str:
    return facts.environment or facts.model


def _side(side: Side | None) -> str:
    return commit_and_deployment(side) if side else "the deployment before"


def _deployment(side: Side | None) -> str:
    return f"deployment {side.deployment_id}" if side else "the deployment before"


def _version(facts: Facts) -> str:
    return version(facts.candidate) if facts.candidate else "the new deployment"


def _of(facts: Facts) -> str:
    candidate = facts.candidate
    return f"deployment {candidate.deployment_id}" if candidate else "the new deployment"


def _candidate(facts: Facts) -> str:
    return commit_and_deployment(facts.candidate) if facts.candidate else "the new deployment"


def _doing(facts: Facts) -> str:
    return facts.doing or f"the release to {_place(facts)}"


def _who(facts: Facts) -> str:
    return facts.person or "somebody outside of Git"


def _because(facts: Facts, *, refused: bool = False) -> str:
    detail = one_line(facts.detail).rstrip(".")
    detail = refusal(detail) if refused else detail
    return f": {detail}" if detail else ""


def _retry(facts: Facts) -> str:
    return f"`gitops apply {shlex.quote(facts.model)} --retry {shlex.quote(_place(facts))}`"


def _rollback(facts: Facts) -> str:
    return _command(facts, "rollback", "--now") if facts.environment else "a rollback"


def _undone(facts: Facts) -> str:
    """How what a person promoted goes away: it serves, or is still on its way."""
    candidate, serving = facts.candidate, facts.serving
    on_its_way = (
        candidate is not None
        and serving is not None
        and candidate.deployment_id != serving.deployment_id
    )
    if on_its_way and facts.environment:
        return f"end that promotion, where it still runs, with {_command(facts, 'cancel')}"
    return f"bring back what served before at once with {_rollback(facts)}"


def _command(facts: Facts, verb: str, *options: str) -> str:
    words = ["gitops", verb, shlex.quote(facts.model)]
    if verb in {"cancel", "resume", "log", "rollback"} and facts.environment:
        words.append(shlex.quote(facts.environment))
    return f"`{' '.join([*words, *options])}`"


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
