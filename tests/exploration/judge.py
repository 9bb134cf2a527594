"""Ten properties, judged while applies write and when everything has come to rest.

What is judged is kept beside the world and comes from what really happened there, not from what
the log or a decision says of it. A deed of somebody else after the run last looked at the
environment excuses the run: between a look and a request anything may happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from gitops.record.entry import Entry, Event
from tests.exploration.memory import history, letter
from tests.exploration.world import ENVIRONMENTS, PRODUCTION, STAGING, UP, Environment, World

if TYPE_CHECKING:
    from tests.exploration.runs import Run

PROPERTIES: Final = {
    "served": "never without a serving deployment because of us",
    "watched": "no release is left unwatched or unrecorded",
    "held": "nothing held comes back unasked",
    "persons": "no person's artifact or promotion is undone or cancelled",
    "rest": "when all else is still, every environment comes to rest in a stable row",
    "twice": "nothing is promoted or pushed twice",
    "old": "no old pin comes back",
    "queued": "a revert is never queued",
    "settings": "the settings after a rollback are those before",
    "consent": "no capacity leaves a protected environment without consent",
    "ahead": "staging ahead of production is stable",
}
STABLE_ROWS: Final = frozenset({1, 2, 3, 4, 9, 11, 12, 14, 15, 16, 18, 19, 20})
AT_EASE_ROWS: Final = frozenset({1, 11, 16, 18, 19, 20})
_OPEN_ROWS: Final = frozenset({1, 2, 3, 4, 9})
_PATIENCE: Final = 45.0
_KNOWN: Final = frozenset(Event) - {Event.INTENT, Event.SETTINGS, Event.LIFTED}
"""Entries that say what serves, and leave it to the next release to replace that."""


class Violation(BaseException):
    """A property does not hold. A ``BaseException``: the run that broke it must not swallow it."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{PROPERTIES[name]}: {what}")
        self.name = name
        self.what = what


class Judge:
    """Hears of everything that applies do before it takes effect."""

    def watching(self, run: Run) -> Watcher:
        return Watcher(run)

    def begins(self, run: Run, name: str) -> None:
        env = run.world.envs.get(name)
        if env is not None and at_ease(run, env):
            run.at_ease[name] = env.disturbed

    def pushes(self, run: Run, art: str) -> None:
        if run.world.model is None and history(run.entries()).model_id is not None:
            raise Violation("persons", "a model that a person deleted is made again")
        if any(each.art == art for each in run.world.deployments):
            raise Violation("twice", f"{art} is pushed although a deployment of it is there")

    def promotes(
        self, run: Run, name: str, number: int, settings: Mapping[str, Any], *, back: bool
    ) -> None:
        world, env = run.world, run.world.envs[name]
        art = world.deployments[number].art
        excused = env.disturbed > run.read_at.get(name, -1)
        if excused:
            return
        if env.promotion is not None:
            if env.promotion.by == "person":
                raise Violation("persons", f"{art} is promoted against a person's promotion")
            return
        self._takes_away(env, settings)
        self._eased(run, env, f"{art} is promoted")
        serving = world.deployments[env.current].art if env.current is not None else None
        if run.commit.paused and name == PRODUCTION:
            raise Violation("persons", f"{art} is promoted although Git says `mode: pause`")
        if env.foreign is not None and art != env.foreign and not run.plan.undo_drift:
            raise Violation("persons", f"{art} replaces {serving}, which a person put into {name}")
        if back:
            if env.put_by == "person":
                raise Violation("persons", f"{serving}, which a person promoted, is rolled back")
            if serving is not None:
                env.condemned = {**env.condemned, serving: run.index}
            return
        self._forward(run, env, art, serving)

    def _forward(self, run: Run, env: Environment, art: str, serving: str | None) -> None:
        world, name = run.world, env.name
        if serving == art:
            raise Violation("twice", f"{art} is promoted to {name}, where it serves")
        newest = world.applied
        if run.index < newest and world.git[newest].art(name) != art:
            raise Violation("old", f"{art} of an older commit is promoted to {name}")
        since = env.condemned.get(art)
        if since is not None and not run.plan.retry:
            asked = {world.git[each].art(name) for each in range(since, run.index + 1)}
            if asked == {art}:
                raise Violation("held", f"{art} is promoted to {name} again")
        past = history(run.entries()).environment(name)
        succeeded = {letter(each.side) for each in past.served}
        staged = {letter(each.side) for each in history(run.entries()).environment(STAGING).served}
        if name == PRODUCTION and art not in succeeded | staged:
            raise Violation("watched", f"{art} is promoted to production and was never in staging")
        if art == "B" and art not in succeeded:
            raise Violation("watched", f"B, which fails its checks, is promoted to {name}")
        intent = past.open_intent
        if intent is None or intent.condemned or letter(intent.artifact) != art:
            raise Violation("watched", f"{art} is promoted to {name} without an intent in the log")

    def cancels(self, run: Run, name: str) -> None:
        env = run.world.envs[name]
        promotion = env.promotion
        if promotion is None or env.disturbed > run.read_at.get(name, -1):
            return
        assert env.candidate is not None
        art = run.world.deployments[env.candidate].art
        if promotion.by == "person":
            raise Violation("persons", f"a person's promotion of {art} to {name} is ended")
        if promotion.status == "PAUSED":
            raise Violation("persons", f"the promotion of {art}, which a person paused, is ended")
        if run.commit.paused and name == PRODUCTION:
            raise Violation("persons", "a promotion is ended although Git says `mode: pause`")
        if run.commit.art(name) == art and not promotion.back:
            env.condemned = {**env.condemned, art: run.index}

    def updates(self, run: Run, name: str, settings: Mapping[str, Any]) -> None:
        env = run.world.envs[name]
        if env.disturbed > run.read_at.get(name, -1):
            return
        self._takes_away(env, settings)
        if env.promotion is not None:
            raise Violation("settings", f"{name}'s settings are changed while a promotion runs")
        self._eased(run, env, "its settings are changed")

    def _takes_away(self, env: Environment, settings: Mapping[str, Any]) -> None:
        least, then = env.settings.get("min_replica", 0), settings.get("min_replica")
        if then == (env.before or {}).get("min_replica"):
            # A rollback takes along what its release had brought.
            return
        if env.name == PRODUCTION and then is not None and then * 2 <= least:
            raise Violation("consent", f"{env.name} goes from {least} replicas to {then}")

    def activates(self, run: Run, number: int) -> None:
        for env in run.world.envs.values():
            if env.current == number and env.stopped_by_person:
                raise Violation("persons", f"what a person stopped in {env.name} is started")

    def stops(self, run: Run, deployment_id: str) -> None:
        number = int(deployment_id[1:])
        if run.world.deployments[number].env is not None:
            raise Violation("served", f"{deployment_id} is stopped while it serves")

    def writes_down(self, run: Run, entry: Entry) -> None:
        """An entry is about to stand in the log."""
        env = run.world.envs.get(entry.environment)
        if env is None or env.disturbed > run.read_at.get(env.name, -1):
            return
        art = letter(entry.to)
        self._remembers(env, entry)
        serving = run.world.deployments[env.current].art if env.current is not None else None
        if entry.event is Event.RELEASED and art == "C" and env.name == PRODUCTION:
            raise Violation("watched", "C is recorded as released, although it fails under traffic")
        decision = run.job.decision if run.job is not None else None
        past = history(run.entries()).environment(env.name)
        unchecked = art == "B" and "B" not in {letter(each.side) for each in past.served}
        as_is = decision is not None and decision.row in {17, 18}
        if entry.event is Event.ADOPTED and unchecked and as_is:
            raise Violation("watched", f"B is adopted in {env.name} and was never checked")
        if entry.event in {Event.RELEASED, Event.ADOPTED} and serving != art:
            raise Violation(
                "watched",
                f"{art} is recorded as {entry.event} in {env.name}, where {serving} serves",
            )
        if entry.event is Event.ROLLED_BACK and entry.from_ is not None and serving == art:
            raise Violation("watched", f"{art} is recorded as rolled back in {env.name} and serves")
        if entry.event is Event.ROLLED_BACK and env.before is not None:
            self._settings_are_back(run, env, entry)

    def ends(self, run: Run) -> None:
        """An apply that was neither killed nor hindered leaves no promotion of ours to itself."""
        if run.error or run.host_down or run.lost_lock:
            return
        for name, env in run.world.envs.items():
            result = run.results.get(f"model/{name}")
            promotion = env.promotion
            if result is None or result.decision is None or promotion is None:
                continue
            hindered = result.exit_code in {6, 7, 8} or result.decision.row in {1, 2, 3, 4}
            if hindered or promotion.by != "us" or env.disturbed >= promotion.tick:
                continue
            assert env.candidate is not None
            art = run.world.deployments[env.candidate].art
            if promotion.back or run.commit.art(name) == art:
                raise Violation("watched", f"an apply ends while {art} goes to {name}")
            raise Violation("queued", f"an apply leaves {art} on its way to {name}")

    def _remembers(self, env: Environment, entry: Entry) -> None:
        """What the log knows is ours to go on from; what --retry lifted is asked for anew."""
        art = letter(entry.to)
        if entry.event in _KNOWN and env.foreign in {art, letter(entry.from_)}:
            env.foreign = None
        if entry.event is Event.LIFTED:
            env.condemned = {each: at for each, at in env.condemned.items() if each != art}

    def _settings_are_back(self, run: Run, env: Environment, entry: Entry) -> None:
        before = env.before or {}
        if before.get("_art") != letter(entry.to) or env.promotion is not None:
            return
        now, then = _asks(run, run.index, env), _asks(run, run.released_by(entry), env)
        for name, value in env.settings.items():
            if value == now.get(name) != then.get(name):
                # Git has asked for another value since the release: a hold leaves that to Git.
                continue
            if name not in env.touched and before.get(name, value) != value:
                raise Violation(
                    "settings",
                    f"{env.name}'s {name} was {before[name]} and is {value} after the rollback",
                )

    def _eased(self, run: Run, env: Environment, what: str) -> None:
        if run.at_ease.get(env.name) == env.disturbed:
            raise Violation("ahead", f"{env.name} was as Git says, and {what}")


class Watcher:
    """Sees promotions end while one run is in progress."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def completes(self, world: World, env: Environment) -> None:
        run, promotion = self.run, env.promotion
        assert promotion is not None
        assert env.candidate is not None
        art = world.deployments[env.candidate].art
        began = run.env_began.get(env.name)
        if began is None or promotion.by != "us" or promotion.back:
            return
        if run.commit.art(env.name) == art or run.index < run.applied or run.commit.paused:
            return
        if env.disturbed > promotion.tick or world.lock != run.number:
            return
        if world.now - max(began, promotion.began) > _PATIENCE:
            raise Violation(
                "queued",
                f"{art} arrived in {env.name} while an apply of {run.commit.art(env.name)} waited",
            )


def _asks(run: Run, index: int, env: Environment) -> Mapping[str, Any]:
    """The settings that a commit asks for."""
    from tests.exploration.runs import desired

    found = desired(run.world.git[index]).environments
    return next(each for each in found if each.name == env.name).settings.autoscaling


def at_ease(run: Run, env: Environment) -> bool:
    """Whether Git, Baseten and the log agree that nothing is to be done in an environment."""
    from tests.exploration.runs import desired

    world, art = run.world, run.commit.art(env.name)
    if env.current is None or env.promotion is not None or env.foreign is not None:
        return False
    current = world.deployments[env.current]
    wanted = next(each for each in desired(run.commit).environments if each.name == env.name)
    past = history(run.entries()).environment(env.name)
    return (
        current.art == art
        and current.status in UP
        and all(env.settings.get(k) == v for k, v in wanted.settings.autoscaling.items())
        and past.open_intent is None
        and letter(past.last_served) == art
        and any(letter(each.side) == art for each in past.served)
    )


def judge_rest(run: Run) -> None:
    """Everything is still, and this apply changed nothing any more."""
    world = run.world
    for name in ENVIRONMENTS:
        result = run.results.get(f"model/{name}")
        if result is None or result.decision is None:
            raise Violation("rest", f"{name} ends without a decision: {run.error or result}")
        row, env = result.decision.row, world.envs.get(name)
        # Exit 8 asks for a person, who alone can end what a rollback could not.
        # What the release file takes away without consent blocks, beside what a person added.
        ends = row in STABLE_ROWS or (row == 17 and result.decision.blocked is not None)
        ends = ends and not (result.decision.steps and not result.decision.after)
        if not ends and result.exit_code != 8:
            raise Violation("rest", f"{name} does not come to rest: row {row}")
        if env is None:
            continue
        past = history(world.chain).environment(name)
        stopped = env.current is not None and world.deployments[env.current].status == "INACTIVE"
        ours = env.put_by == "us" and result.exit_code != 8 and not stopped
        if past.open_intent is not None and row not in _OPEN_ROWS and ours:
            raise Violation("watched", f"an intent stays open in {name} (row {row})")
        if row == 18 and (env.current is None or world.deployments[env.current].status not in UP):
            raise Violation("served", f"{name} rests as converged, and what serves is not up")
        if row == 18 and letter(past.last_served) != run.commit.art(name):
            raise Violation("watched", f"what serves {name} is not what the log says last served")
        if world.clicks == 0:
            _undisturbed(run, env, row)


def _undisturbed(run: Run, env: Environment, row: int) -> None:  # noqa: C901 - a case a line
    """Where nobody clicked and nothing broke, more can be said."""
    world, commit, name = run.world, run.commit, env.name
    if commit.paused and name == PRODUCTION:
        return
    serving = world.deployments[env.current].art if env.current is not None else None
    past = history(world.chain).environment(name)
    served = {letter(each.side) for each in past.served}
    if row not in AT_EASE_ROWS:
        raise Violation("rest", f"{name} rests in row {row}, and nobody else did anything")
    if serving is None and served:
        raise Violation("served", f"nothing serves {name}")
    if env.current is not None and world.deployments[env.current].status not in UP:
        raise Violation("served", f"{name} is served by a deployment that is not up")
    if serving == "C" and name == PRODUCTION and served - {"C"}:
        raise Violation("watched", "C, which fails under traffic, is left serving production")
    if serving is not None and env.put_by == "us" and row == 18 and serving not in served:
        raise Violation("watched", f"{serving} serves {name} and was never recorded")
    wanted = commit.art(name)
    if row == 20 and wanted == "B":
        raise Violation("watched", f"B failed its checks for {name}, which is written nowhere")
    since = env.condemned.get(wanted)
    asked = {each.art(name) for each in world.git[since:]} if since is not None else set()
    if row == 11 and len(asked) > 1:
        raise Violation("rest", f"{wanted} stays held in {name}, although Git asked for it anew")
    staged = {letter(each.side) for each in history(world.chain).environment(STAGING).served}
    if wanted == "A" and (name == STAGING or "A" in staged | served) and serving != "A":
        raise Violation("rest", f"{name} rests with {serving}, and Git asks for A (row {row})")
    ends = wanted == serving and row == 18 and name == PRODUCTION
    if ends and env.settings.get("min_replica") != commit.least:
        raise Violation("rest", "production rests with other settings than Git's")
