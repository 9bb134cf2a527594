"""Creating, renaming and deleting models; secrets."""

from __future__ import annotations

from dataclasses import replace

from gitops.emulator.world import deeds
from gitops.emulator.world.audit import Actor
from gitops.emulator.world.deployments import forget
from gitops.emulator.world.entities import Artifact, Deployment, Model, Secret, Team
from gitops.emulator.world.environments import new_environment
from gitops.emulator.world.pushes import Push, check_push, push
from gitops.emulator.world.refusal import Refusal, invalid, not_found
from gitops.emulator.world.rollout import make_current
from gitops.emulator.world.world import World

_NAME_LENGTH = 255


def check_model_name(world: World, team: Team, name: str) -> None:
    """A model's name: its length, and that it is free in the team. Raises: Refusal."""
    if not 1 <= len(name) <= _NAME_LENGTH:
        raise invalid("A model's name must have 1 to 255 characters.")
    if any(each.name == name and each.team_id == team.id for each in world.models.values()):
        raise Refusal(
            world.options.conflict_status,
            "ALREADY_EXISTS",
            f"A model named {name!r} already exists in team {team.name!r}.",
        )


def add_model(world: World, team: Team, name: str) -> Model:
    """A model with nothing but its production environment."""
    model = Model(id=world.ids.new(), name=name, team_id=team.id, created_at=world.now)
    new_environment(world, model, "production")
    world.models[model.id] = model
    return model


def create_model(
    world: World,
    actor: Actor,
    team: Team,
    name: str,
    *,
    wanted: Push,
    artifact: Artifact,
    archive_download: bool = True,
) -> tuple[Model, Deployment]:
    """Create a model by its first push.

    What becomes of a published first push is the `first_push` option's.

    Raises:
        Refusal: the name is taken or the push is wrong; then nothing exists.
    """
    check_model_name(world, team, name)
    check_push(world, None, wanted)
    model = add_model(world, team, name)
    model.archive_download = archive_download
    by_itself = wanted.environment_name is None and not wanted.is_development
    if by_itself and world.options.first_push == "production":
        wanted = replace(wanted, environment_name="production")
    deployment = push(world, actor, model, wanted, artifact)
    if by_itself and world.options.first_push == "serving":
        deployment.environment = "production"
        make_current(world, model.production, deployment)
    return model, deployment


def rename_model(world: World, actor: Actor, model: Model, name: str) -> None:
    """Give a model another name; its id stays. Raises: Refusal."""
    if name == model.name:
        return
    check_model_name(world, world.teams[model.team_id], name)
    previous, model.name = model.name, name
    deeds.record(world, actor, "MODEL_RENAMED", model, previous_name=previous)


def delete_model(world: World, actor: Actor, model: Model) -> None:
    """Delete a model with all its deployments and environments."""
    deeds.record(world, actor, "MODEL_DELETED", model)
    for environment in model.environments.values():
        environment.promotion = None
    for deployment in list(model.deployments.values()):
        forget(world, model, deployment)
    del world.models[model.id]
    world.changed()


def upsert_secret(world: World, actor: Actor, team: Team, name: str, value: str) -> Secret:
    """Create or overwrite a secret; the id survives. Raises: Refusal."""
    if not name:
        raise invalid("A secret needs a name.")
    found = _secret(world, team, name)
    if found is None:
        found = Secret(
            id=world.ids.new(), name=name, value=value, team_id=team.id, created_at=world.now
        )
        world.secrets[found.id] = found
    found.value = value
    world.audit.write(
        world.now, actor, "SECRET_UPDATED", {"secret_id": found.id, "secret_name": name}
    )
    return found


def delete_secret(world: World, actor: Actor, team: Team, name: str) -> None:
    """Delete a secret by name. Raises: Refusal 404."""
    found = _secret(world, team, name)
    if found is None:
        raise not_found("Secret")
    del world.secrets[found.id]
    world.audit.write(
        world.now, actor, "SECRET_DELETED", {"secret_id": found.id, "secret_name": name}
    )


def secrets_of(world: World, team_id: str) -> dict[str, str]:
    """Names and values of a team's secrets, for its trusses."""
    return {
        secret.name: secret.value for secret in world.secrets.values() if secret.team_id == team_id
    }


def _secret(world: World, team: Team, name: str) -> Secret | None:
    return next(
        (
            secret
            for secret in world.secrets.values()
            if secret.team_id == team.id and secret.name == name
        ),
        None,
    )
