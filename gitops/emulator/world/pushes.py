"""Pushing: what a push may ask for, and the deployment that it makes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops.emulator.world import deeds, hardware, lifecycle, promotions, scheduling
from gitops.emulator.world.audit import Actor
from gitops.emulator.world.entities import (
    Artifact,
    Deployment,
    Environment,
    EnvironmentUpdate,
    Model,
)
from gitops.emulator.world.environments import create_environment
from gitops.emulator.world.promotions import Wish
from gitops.emulator.world.refusal import Refusal, invalid
from gitops.emulator.world.settings import Autoscaling, PromotionSettings, check_development
from gitops.emulator.world.world import World

_NAME = re.compile(r"^[A-Za-z0-9_.\-]{1,255}$")
_LABEL_BYTES = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """The deployment part of a push request, already of the right types."""

    config: Mapping[str, Any]
    raw_config: str | None = None
    environment_name: str | None = None
    create_environment_if_missing: bool = True
    preserve_env_instance_type: bool = True
    instance_type_id: str | None = None
    deploy_timeout_minutes: int | None = None
    deployment_name: str | None = None
    labels: Mapping[str, Any] | None = None
    is_development: bool = False
    autoscaling: Mapping[str, Any] | None = None
    backpressure: Mapping[str, Any] | None = None
    promotion_override: Mapping[str, Any] | None = field(default=None)
    schedule_settings: Mapping[str, Any] | None = None
    region: str | None = None


def check_push(world: World, model: Model | None, push: Push) -> None:
    """What prepare and commit both refuse.

    Raises:
        Refusal: the payload is wrong or clashes with what exists.
    """
    if push.is_development and (
        push.environment_name or push.deployment_name or not push.preserve_env_instance_type
    ):
        raise invalid(
            "environment_name, deployment_name and preserve_env_instance_type must be left "
            "at their defaults for a development deployment."
        )
    if push.deploy_timeout_minutes is not None and not (10 <= push.deploy_timeout_minutes <= 1440):
        raise invalid("deploy_timeout_minutes must be between 10 and 1440.")
    if push.instance_type_id is not None:
        if push.environment_name and push.preserve_env_instance_type:
            raise invalid("instance_type_id cannot be set with preserve_env_instance_type: true.")
        hardware.instance_type(push.instance_type_id)
    else:
        hardware.for_config(push.config)
    if push.promotion_override and not push.environment_name:
        raise invalid("promotion_settings_override requires environment_name.")
    if push.schedule_settings and not push.environment_name:
        raise invalid("autoscaling_schedule_settings requires environment_name.")
    first = Autoscaling().merged(push.autoscaling)
    if push.is_development:
        check_development(first)
    check_labels(push.labels)
    if push.deployment_name is not None:
        check_name(world, model, push.deployment_name)
    _check_environment(world, model, push)


def _check_environment(world: World, model: Model | None, push: Push) -> None:
    name = world.options.environment_name(push.environment_name or "")
    environment = model.environments.get(name) if model else None
    if environment is None:
        if name not in {"", "production"} and not push.create_environment_if_missing:
            raise invalid(f"Environment {name!r} does not exist.")
        PromotionSettings().merged(push.promotion_override, world.options)
        scheduling.changed(world, None, Autoscaling(), push.schedule_settings)
        return
    promotions.refuse_if_promoting(world, environment)
    environment.autoscaling.merged(push.autoscaling)
    promotions.effective_settings(world, environment, _wish(world, environment, push))


def _wish(world: World, environment: Environment, push: Push) -> Wish:
    base = environment.autoscaling.merged(push.autoscaling)
    schedules = scheduling.changed(world, environment.schedules, base, push.schedule_settings)
    return Wish(
        update=EnvironmentUpdate(
            autoscaling=push.autoscaling,
            backpressure=push.backpressure,
            schedules=schedules if push.schedule_settings else None,
            schedule_changes=scheduling.audited_operations(push.schedule_settings, schedules),
        ),
        override=push.promotion_override,
    )


def check_labels(labels: Mapping[str, Any] | None) -> None:
    """At most 2 KB; keys and strings printable ASCII without spaces. Raises: Refusal."""
    if not labels:
        return
    if len(json.dumps(labels).encode()) > _LABEL_BYTES:
        raise invalid("labels must be at most 2 KB.")

    def walk(value: object) -> None:
        if isinstance(value, str):
            if not all("!" <= character <= "~" for character in value):
                raise invalid(f"Label {value!r} must be printable ASCII without spaces.")
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                walk(key)
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(labels)


def check_name(world: World, model: Model | None, name: str) -> None:
    """A deployment's name: its characters, and that it is free. Raises: Refusal."""
    if not _NAME.match(name):
        raise invalid(f"Deployment name {name!r} may hold only letters, digits, '_', '.' and '-'.")
    if name == "development":
        raise invalid("The name 'development' is reserved.")
    if model and any(each.name == name for each in model.deployments.values()):
        raise Refusal(
            world.options.conflict_status,
            "ALREADY_EXISTS",
            f"A deployment named {name!r} already exists.",
        )


def push(world: World, actor: Actor, model: Model, wanted: Push, artifact: Artifact) -> Deployment:
    """Create a deployment (or overwrite the development slot) and start its build.

    Raises:
        Refusal: as `check_push`.
    """
    check_push(world, model, wanted)
    environment_name = world.options.environment_name(wanted.environment_name or "") or None
    if environment_name is not None and environment_name not in model.environments:
        create_environment(world, actor, model, environment_name)
    if wanted.is_development:
        deployment = _development_slot(world, model, wanted, artifact)
    else:
        deployment = _published(world, model, wanted, artifact)
    deployment.autoscaling = deployment.autoscaling.merged(wanted.autoscaling)
    if wanted.backpressure is not None:
        deployment.backpressure = wanted.backpressure.get("policy")
    deeds.record(
        world,
        actor,
        "MODEL_DEPLOYED",
        model,
        deployment,
        scale_previous_to_zero=True,
        trusted=True,
        publish=not wanted.is_development,
        environment_name=environment_name,
    )
    if environment_name is not None:
        _attach(world, model, environment_name, deployment, wanted)
    lifecycle.begin_build(world, deployment)
    return deployment


def _attach(world: World, model: Model, name: str, deployment: Deployment, wanted: Push) -> None:
    environment = model.environments[name]
    if wanted.preserve_env_instance_type and environment.current_id is not None:
        deployment.instance_type_id = environment.instance_type_id
    wish = _wish(world, environment, wanted)
    settings = promotions.effective_settings(world, environment, wish)
    promotions.attach(world, environment, deployment, settings, wish)


def _published(world: World, model: Model, wanted: Push, artifact: Artifact) -> Deployment:
    model.pushes += 1
    name = wanted.deployment_name
    while name is None or any(each.name == name for each in model.deployments.values()):
        name = f"deployment-{model.pushes}"
        if any(each.name == name for each in model.deployments.values()):
            model.pushes += 1
    deployment = Deployment(
        id=world.ids.new(),
        name=name,
        model_id=model.id,
        created_at=world.now,
        visible_at=world.now + world.options.scaled(world.options.durations.not_found),
        artifact=artifact,
        instance_type_id=_instance_type(wanted),
        labels=dict(wanted.labels) if wanted.labels else None,
        region=wanted.region,
        deploy_timeout_minutes=wanted.deploy_timeout_minutes,
    )
    _add(world, model, deployment)
    return deployment


def _development_slot(world: World, model: Model, wanted: Push, artifact: Artifact) -> Deployment:
    slot = model.development
    if slot is None:
        slot = Deployment(
            id=world.ids.new(),
            name="development",
            model_id=model.id,
            created_at=world.now,
            visible_at=world.now + world.options.scaled(world.options.durations.not_found),
            artifact=artifact,
            instance_type_id=_instance_type(wanted),
            is_development=True,
        )
        _add(world, model, slot)
    world.runner.stop(slot.id)
    slot.artifact = artifact
    slot.deploy_timeout_minutes = wanted.deploy_timeout_minutes
    slot.built = slot.deployed = False
    slot.instance_type_id = _instance_type(wanted)
    if wanted.labels:
        slot.labels = dict(wanted.labels)
    return slot


def _add(world: World, model: Model, deployment: Deployment) -> None:
    model.deployments[deployment.id] = deployment
    world.deployments[deployment.id] = deployment


def _instance_type(wanted: Push) -> str:
    return wanted.instance_type_id or hardware.for_config(wanted.config).id
