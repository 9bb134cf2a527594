"""The three sentences of every failure: what happened, what serves now, what to do next.

One place holds them all, so that they keep one voice and a remedy never names a command that is
not there. Each sentence stands alone: the last lines of a CI job may show only one of them. What
serves now depends on what was read more than on what failed: ``gitops.render.failure_serving``.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from gitops.plan.events import Failure
from gitops.render import failure_words as words
from gitops.render.failure_kinds import Facts, FailureKind
from gitops.render.failure_serving import serves_now
from gitops.render.failure_words import first_up
from gitops.render.words import ROLLBACK, doing, duration, one_line

__all__ = ["Facts", "FailureKind", "describe"]


def describe(kind: FailureKind, facts: Facts) -> Failure:
    """The sentences for one failure. Pure; the caller makes them safe for a terminal."""
    told = _told(kind, facts)
    return Failure(
        happened=one_line(told.happened),
        serves_now=one_line(serves_now(kind, facts)),
        next=one_line(told.next),
        details=tuple(line.rstrip() for line in facts.lines),
        cause=kind.value,
    )


class _Told(NamedTuple):
    happened: str
    next: str


def _told(kind: FailureKind, facts: Facts) -> _Told:  # noqa: C901, PLR0912 - one case a kind
    candidate, built, version = words.candidate(facts), words.built(facts), words.version(facts)
    place, what, because = words.place(facts), words.doing(facts), words.because(facts)
    again, status = words.command(facts, "apply"), words.command(facts, "status")
    retry = words.retry(facts)
    held = f"{first_up(version)} is held in {place} until Git asks for something else"
    shared = f", which {place} shares," if facts.shared and facts.environment else ""
    match kind:
        case FailureKind.BUILD_FAILED:
            return _Told(
                f"The build of {candidate}{shared} failed{because}.",
                f"Mend what the build log of {built} names, and commit; {again} tries this build "
                "again.",
            )
        case FailureKind.START_FAILED:
            return _Told(
                f"{first_up(candidate)}{shared} did not become ready{because}.",
                f"Mend what the log of {built} names, and commit; {again} tries the same "
                "deployment again.",
            )
        case FailureKind.CHECKS_FAILED:
            return _Told(
                f"{first_up(candidate)} failed the checks of {place}{because}.",
                f"{held}: correct the model or its checks and commit, or have the same commit "
                f"checked again with {retry}.",
            )
        case FailureKind.CHECKS_INCONCLUSIVE:
            return _Told(
                f"The checks of {place} could not tell whether {candidate} is good{because}.",
                f"Nothing is held against {version}: {again} checks it again.",
            )
        case FailureKind.UNVERIFIED:
            return _Told(
                f"What serves {place} does not pass the checks that Git asks for{because}.",
                "Release a commit that passes, correct the checks, or run them again with "
                f"{retry}; every apply ends red until then.",
            )
        case FailureKind.TIMED_OUT:
            waited = f" after {duration(facts.seconds)}" if facts.seconds is not None else ""
            return _Told(
                f"We stopped waiting for {what}{waited}; it goes on at Baseten{because}.",
                f"Nothing is lost: {again} continues from where {what} is by then.",
            )
        case FailureKind.PROMOTION_FAILED_BEFORE_TRAFFIC:
            return _Told(
                f"Baseten ended the promotion of {candidate} to {place} before it got any "
                f"traffic{because}.",
                f"{held}; {retry} tries it again.",
            )
        case FailureKind.PROMOTION_FAILED_WITH_TRAFFIC:
            share = f" with {facts.percent}% of the traffic on it" if facts.percent else ""
            return _Told(
                f"The promotion of {candidate} to {place} failed{share} "
                f"and was rolled back{because}.",
                _after_rollback(facts, retry),
            )
        case FailureKind.WATCH_FAILED:
            return _Told(
                f"{first_up(candidate)} was bad under real traffic in {place} "
                f"and was rolled back{because}.",
                _after_rollback(facts, retry),
            )
        case FailureKind.ROLLED_BACK_BY_HAND:
            return _Told(
                f"{first_up(candidate)} was taken out of {place} by hand{because}.",
                f"{held}: push and merge {facts.branch or 'the branch'}, which `gitops rollback` "
                "made, so that Git says the same.",
            )
        case FailureKind.WATCH_FAILED_ALERT_ONLY:
            return _Told(
                f"{first_up(candidate)} is bad under real traffic in {place}{because}; "
                "its watch only alerts, so it stays.",
                f"Decide whether {version} may stay: {words.rollback(facts)} brings the "
                "previous one back at once, and a revert of the commit that asked for it does so "
                "by way of Git.",
            )
        case FailureKind.ROLLBACK_NOT_CONFIRMED:
            return _Told(
                f"{place} was to go back to {words.side(facts.target)}, and that could not be "
                f"confirmed{because}.",
                f"A person is needed now: look with {status}; where "
                f"{words.deployment(facts.target)} does not serve, promote it to "
                f"{words.environment(facts)} on Baseten by hand, then run {again}.",
            )
        case FailureKind.NOTHING_TO_GO_BACK_TO:
            return _Told(
                f"{first_up(candidate)} is bad in {place}{because}, and nothing served there "
                "before that it could go back to.",
                "A person is needed: release a commit that works; the bad one is held and will "
                "not be promoted again.",
            )
        case FailureKind.ENDED_BY_PERSON:
            return _Told(
                f"{facts.person or 'Somebody outside of Git'} ended the release of {candidate} "
                f"to {place}{because}.",
                f"{held}; {retry} starts its release again when it may go ahead.",
            )
        case FailureKind.PERSONS_RELEASE_FAILED:
            return _Told(
                f"{first_up(candidate)}, which {words.who(facts)} promoted to {place}, is bad"
                f"{because}; a person's release is not undone by us.",
                f"Ask {words.who(facts)}, or {words.undone(facts)}.",
            )
        case FailureKind.BLOCKED_BY_PERSON:
            met = "a promotion that was paused" if facts.paused else "another promotion"
            by = f" by {facts.person}" if facts.person else ""
            way = (
                f"{words.command(facts, 'resume')} or {words.command(facts, 'cancel')}"
                if facts.paused
                else f"{words.command(facts, 'cancel')}, or wait for its end"
            )
            return _Told(
                f"Going back in {place} met {met}{by}, and stopped there{because}.",
                f"A person has to decide: {way}; then {again} goes on.",
            )
        case FailureKind.SERVING_FAILED:
            return _Told(
                f"What serves {place} has failed, and retrying it did not help{because}.",
                f"A person is needed: {facts.remedy} Then run {again}."
                if facts.remedy
                else f"A person is needed: {words.rollback(facts)} brings back what served before "
                "it; or read the log of what serves on Baseten, release a commit that works, and "
                f"run {again}.",
            )
        case FailureKind.SETTINGS_NOT_TAKEN:
            return _Told(
                f"Baseten accepted settings for {place} and does not show them{because}.",
                f"Look with {status}; {again} sends them again.",
            )
        case FailureKind.BLOCKED:
            return _Told(
                f"{place} was stopped{because}.",
                facts.remedy or f"See why with {words.command(facts, 'plan')}.",
            )
        case FailureKind.HELD:
            return _Told(
                f"{place} does not get what Git asks for{because}.",
                facts.remedy
                or f"Release another commit, or try the same one again with {retry}; without "
                "--strict, a hold that an earlier run made ends in 0.",
            )
        case FailureKind.REQUEST_REFUSED:
            return _Told(
                f"Baseten refused {what}{words.because(facts, refused=True)}.",
                f"{facts.remedy} Then run {again}."
                if facts.remedy
                else f"Correct what Baseten named, then run {again}.",
            )
        case FailureKind.LOG_UNREACHABLE:
            return _Told(
                f"The deploy log on {facts.remote} could not be written, so {what} was "
                f"not started{because}.",
                f"Once the Git host answers and lets you push to refs/gitops/log/, run {again}; "
                f"on a day when it stays down, {words.command(facts, 'apply', '--no-log')} goes on "
                "without it.",
            )
        case FailureKind.LOG_MOVED:
            return _Told(
                f"Another run wrote to the deploy log of {facts.model} first, so {what} "
                "was not started.",
                f"Let that run end, then run {again}; {words.command(facts, 'log')} shows what it "
                "did.",
            )
        case FailureKind.REPOSITORY_FAILED:
            return _Told(
                f"The Git repository on this machine failed during {what}{because}.",
                f"Mend what Git named, such as a full disk; then {again} continues from what is "
                "there by then.",
            )
        case FailureKind.LOCK_LOST:
            runs = "; what was begun goes on at Baseten" if facts.still_running else ""
            return _Told(
                f"This run lost the lock of {facts.model} and stopped during {what}"
                f"{because}{runs}.",
                "Whoever has the lock by now continues from there, and "
                f"{words.command(facts, 'log')} shows what they did; if nobody has it, {again} "
                "continues.",
            )
        case FailureKind.LEASE_ENDED:
            runs = "; what was begun goes on at Baseten" if facts.still_running else ""
            why = because or f": the lock of {facts.model} could not be renewed"
            return _Told(
                f"This run stopped during {what}{why}{runs}.",
                f"Once the Git host answers, {again} continues from what is there by then.",
            )
        case FailureKind.API_UNAVAILABLE:
            return _Told(
                f"Baseten gave no usable answer during {what}{because}.",
                f"When Baseten answers again, {again} looks at what took effect and continues.",
            )
        case FailureKind.INTERRUPTED:
            runs = "; it goes on at Baseten" if facts.still_running else ""
            return _Told(
                f"The run was interrupted during {what}{because}{runs}.",
                _interrupted(facts, again),
            )
        case _:
            assert_never(kind)


def _after_rollback(facts: Facts, retry: str) -> str:
    return (
        f"{first_up(words.version(facts))} is held in {words.place(facts)}, still on Baseten to be "
        "looked into: correct the model and release that, or try the same commit again with "
        f"{retry}."
    )


def _interrupted(facts: Facts, again: str) -> str:
    what = words.doing(facts)
    if what == ROLLBACK:
        return (
            f"Run {again} now: it goes on with the rollback; until then nobody sees to it that "
            "what served before serves again."
        )
    serving = doing("promote") if facts.still_running else doing("watch")
    until = ", and nobody judges the release before that" if what == serving else ""
    return f"Nothing is lost: {again} continues from what is there by then{until}."
