"""Shadow rules: a share of an environment's requests is sent to a second target as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gitops.emulator.world.entities import Deployment, Environment, Model, ShadowRule
from gitops.emulator.world.refusal import invalid
from gitops.emulator.world.timestamps import timestamp
from gitops.emulator.world.world import World

_LONGEST_SECONDS = 7 * 24 * 3600

Block = Mapping[str, Any]


def changed(
    world: World, model: Model, environment: Environment, block: Block | None
) -> tuple[ShadowRule, ...]:
    """The rules after a change. Deletes come first.

    Raises:
        Refusal: an unknown rule or target, a target that a replace would change, an end that is
            past or more than a week away.
    """
    if not block:
        return environment.shadows
    rules = {each.id: each for each in environment.shadows}
    for identifier in block.get("delete_rules") or ():
        if rules.pop(identifier, None) is None:
            raise invalid(f"Traffic routing rule {identifier!r} does not exist.")
    upserts: Sequence[Block] = block.get("rules") or ()
    for each in upserts:
        identifier = each.get("id")
        if identifier is not None and identifier not in rules:
            raise invalid(f"Traffic routing rule {identifier!r} does not exist.")
        made = _rule(world, model, environment, each, identifier or world.ids.new())
        old = rules.get(made.id)
        if old is not None and (old.deployment_id, old.environment) != (
            made.deployment_id,
            made.environment,
        ):
            raise invalid("A rule's target cannot be changed: delete it and create another one.")
        rules[made.id] = made
    return tuple(rules.values())


def _rule(
    world: World, model: Model, environment: Environment, block: Block, identifier: str
) -> ShadowRule:
    if block["type"] != "SHADOW":
        raise invalid("type must be SHADOW.")
    if block["sampling_mode"] not in {"RANDOM", "USER_SESSION"}:
        raise invalid("sampling_mode must be RANDOM or USER_SESSION.")
    targets = block["targets"]
    if len(targets) != 1:
        raise invalid("A rule must have exactly one target.")
    deployment_id, name = targets[0].get("deployment_id"), targets[0].get("environment")
    if (deployment_id is None) == (name is None):
        raise invalid("A target is either a deployment or an environment.")
    if deployment_id is not None:
        world.deployment(model.id, deployment_id)
    else:
        name = world.environment(model.id, name)[1].name
    if name == environment.name or deployment_id in {"production", environment.current_id}:
        raise invalid("An environment cannot shadow itself.")
    expires_at: datetime = block["expires_at"]
    rest = expires_at.timestamp() - world.now
    if not 0 < rest <= _LONGEST_SECONDS:
        raise invalid("expires_at must be in the future and at most 7 days away.")
    return ShadowRule(
        id=identifier,
        deployment_id=deployment_id,
        environment=name,
        percent=block["percent_traffic"],
        expires_at=expires_at.timestamp(),
        sampling_mode=block["sampling_mode"],
        propagate_client_cancellation=block["propagate_client_cancellation"],
    )


def in_force(world: World, environment: Environment) -> list[ShadowRule]:
    """The rules that have not expired."""
    return [each for each in environment.shadows if each.expires_at > world.now]


def target(world: World, environment: Environment, rule: ShadowRule) -> Deployment | None:
    """Where a rule sends to; None once the target is gone."""
    model = world.models[environment.model_id]
    if rule.deployment_id is not None:
        return model.deployments.get(rule.deployment_id)
    other = model.environments.get(rule.environment or "")
    return world.current(other) if other else None


def shown(world: World, environment: Environment) -> dict[str, Any] | None:
    """The rules as the API shows them; None where there never was one."""
    if not environment.shadows:
        return None

    model = world.models[environment.model_id]

    def targets(rule: ShadowRule) -> list[dict[str, Any]]:
        gone = (
            rule.deployment_id not in model.deployments
            if rule.deployment_id is not None
            else rule.environment not in model.environments
        )
        body = {"model_id": model.id, "deployment_id": rule.deployment_id}
        return [] if gone else [{**body, "environment": rule.environment}]

    return {
        "rules": [
            {
                "id": each.id,
                "type": "SHADOW",
                "targets": targets(each),
                "percent_traffic": each.percent,
                "expires_at": timestamp(each.expires_at),
                "sampling_mode": each.sampling_mode,
                "propagate_client_cancellation": each.propagate_client_cancellation,
            }
            for each in in_force(world, environment)
        ]
    }
