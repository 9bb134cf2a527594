"""Two worlds that nobody who acts can tell apart, as far as what follows goes, have one key.

Times count from now and in steps of five seconds, up to where nothing asks for them any more; the
audit log and the deploy log are what rows and procedures read out of them; Git is its last two
commits and what holds need of the rest. Who serves since when does not count.
"""

from __future__ import annotations

from typing import Any

from gitops.record.history import EnvironmentHistory
from tests.exploration.memory import history, letter
from tests.exploration.world import Environment, World, moment


def _left(due: float | None, now: float) -> int | None:
    return None if due is None else int((due - now) // 5)


def world_key(world: World) -> int:
    """A number for the world; equal worlds have equal ones within one process."""
    past, head = history(world.chain), len(world.git) - 1
    logged = int(world.chain[-1].applied_commit, 16) if world.chain else -1
    return hash(
        (
            tuple(
                (each.art, "." in each.name, each.status, _left(each.due, world.now), each.env)
                for each in world.deployments
            ),
            tuple(
                (_environment(world, each), _audit(world, each, past.environment(each.name)))
                for each in world.envs.values()
            ),
            tuple(_log(world, name, past.environment(name)) for name in ("staging", "production")),
            world.git[-1],
            world.git[-2] if head else None,
            max(world.applied - head, -2),
            max(logged - head, -2),
            past.model_id == world.model,
            tuple((each.event, each.environment) for each, _ in world.kept),
            _left(world.lock_until, world.now) if world.lock is not None else None,
            world.clicks > 0,
        )
    )


def _settings(settings: dict[str, Any] | None) -> Any:
    return None if settings is None else tuple(sorted(settings.items()))


def _environment(world: World, env: Environment) -> Any:
    promotion, head = env.promotion, len(world.git) - 1
    return (
        env.name,
        env.current,
        env.candidate,
        _settings(env.settings),
        env.put_by,
        env.foreign,
        env.touched,
        env.stopped_by_person,
        _settings(env.before),
        tuple(
            (art, _unbroken(world, env.name, art, since))
            for art, since in env.condemned.items()
            if since <= head
        ),
        None
        if promotion is None
        else (
            promotion.by,
            promotion.rolling,
            promotion.back,
            promotion.status,
            promotion.percent,
            _left(promotion.due, world.now),
            _settings(promotion.pending),
        ),
    )


def _unbroken(world: World, env: str, art: str, since: int) -> bool:
    return all(each.art(env) == art for each in world.git[since:])


def _audit(world: World, env: Environment, past: EnvironmentHistory) -> Any:
    opened = past.open_intent
    after = None if opened is None else (opened.entry.at - moment(0)).total_seconds() - 30.0
    promoted: dict[int | None, str] = {}
    switched: dict[int | None, tuple[str, str]] = {}
    since = []
    for deed in world.audit:
        if deed.kind == "MODEL_DEPLOYMENT_PROMOTED" and deed.env == env.name:
            promoted[deed.deployment] = deed.by
        elif deed.kind in {"MODEL_DEPLOYMENT_ACTIVATED", "MODEL_DEPLOYMENT_DEACTIVATED"}:
            switched[deed.deployment] = (deed.kind, deed.by)
        if after is not None and deed.env == env.name and deed.at >= after:
            since.append((deed.kind, deed.by, deed.deployment, deed.action))
    return (tuple(promoted.items()), tuple(switched.items()), tuple(since))


def _log(world: World, name: str, past: EnvironmentHistory) -> Any:
    opened = past.open_intent
    held = []
    for hold in past.holds:
        art, since = letter(hold.side), int(hold.entry.applied_commit, 16)
        if art is not None and _unbroken(world, name, art, since):
            same = all(each.least == world.git[-1].least for each in world.git[since:])
            held.append(
                (
                    art,
                    same,
                    _settings(dict(hold.settings_before)),
                    _settings(dict(hold.settings_after)),
                )
            )
    return (
        None
        if opened is None
        else (
            letter(opened.artifact),
            opened.artifact.deployment_id,
            letter(opened.origin),
            opened.origin.deployment_id if opened.origin is not None else None,
            opened.condemned,
            min(int((moment(world.now) - opened.entry.at).total_seconds() // 5), 13),
            _settings(dict(opened.entry.settings_before or {})),
            _settings(dict(opened.entry.settings_after or {})),
        ),
        letter(past.last_served),
        tuple(sorted({(letter(each.side) or "", each.side.deployment_id) for each in past.served})),
        tuple(held),
        letter(past.unverified.to) if past.unverified is not None else None,
    )
