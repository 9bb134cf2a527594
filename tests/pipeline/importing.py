"""A workspace that serves already, beside a repository whose history holds what it serves."""

from __future__ import annotations

import hashlib
import io
import itertools
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from gitops.emulator import Running, running
from gitops.emulator.world import rollout
from gitops.emulator.world.audit import SYSTEM
from gitops.emulator.world.create import _serving
from gitops.emulator.world.entities import Artifact as Uploaded
from gitops.emulator.world.entities import Deployment, Model
from gitops.emulator.world.environments import create_environment
from gitops.emulator.world.models import add_model
from gitops.pipeline.importing.live import ImportRequest, import_models
from gitops.pipeline.project import Project, desired_state
from gitops.plan.imported import Import
from gitops.record.entry import Entry, Event, Side
from gitops.state.artifact import Artifact
from gitops.state.names import ModelKey
from gitops.wiring import connect, open_project
from tests.patience import HANGS
from tests.repositories import Executable, Repository

CONFIG = """\
model_name: {name}
resources: {{cpu: "1", memory: 2Gi}}
docker_server: {{start_command: serve, server_port: 8000}}
model_metadata: {{note: {note}}}
"""


def truss(name: str = "triage", note: str = "one", **files: str) -> dict[str, str]:
    """A truss below trusses/, with further files by their names."""
    config = {f"trusses/{name}/config.yaml": CONFIG.format(name=name, note=note)}
    return config | {f"trusses/{name}/{path}": text for path, text in files.items()}


def tar(files: Mapping[str, Any], below: str = "", **how: Any) -> bytes:
    """What `truss push` would upload for these files of a folder: a tar with Unix modes."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=how.get("mode", "w")) as out:
        for path, content in sorted(files.items()):
            if not path.startswith(below):
                continue
            executable = isinstance(content, Executable)
            data = content.content if isinstance(content, Executable) else content
            data = data.encode() if isinstance(data, str) else data
            member = tarfile.TarInfo(how.get("prefix", "") + path.removeprefix(below))
            member.size, member.mode = len(data), 0o775 if executable else 0o664
            member.mtime = 1_700_000_000
            out.addfile(member, io.BytesIO(data))
    return made.getvalue()


@dataclass
class Scene:
    """A repository with a remote, and an emulator that serves; neither knows of the other."""

    work: Repository
    emulator: Running
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def project(self) -> Project:
        """The working tree, with the variables that lead to the emulator."""
        return open_project(
            self.work.path, {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", **self.emulator.environ()}
        )

    def run(self, *models: str, dry_run: bool = False) -> Import:
        """One import."""
        project = self.project
        try:
            request = ImportRequest(models=models, dry_run=dry_run)
            return import_models(project, request, lambda _: None)
        finally:
            project.repository.close()  # type: ignore[attr-defined]

    def read(self, path: str) -> str:
        """A file of the working tree."""
        return (self.work.path / path).read_text(encoding="utf-8")

    def logged(self) -> list[str]:
        """The subjects of the deploy logs on the remote, newest first."""
        remote = Repository(self.work.path.parent / "remote.git")
        return [subject for ref in remote.refs("refs/gitops/log") for subject in remote.log(ref)]

    def log_release(self, model: Model, deployment: Deployment, artifact: Artifact) -> None:
        """What an apply of a file that is gone by now wrote."""
        project = self.project
        with connect(project, desired_state(project)) as outside:
            outside.fetch()
            outside.log.append(
                ModelKey(None, model.name),
                Entry(
                    at=datetime(2026, 1, 2, tzinfo=UTC),
                    event=Event.RELEASED,
                    environment="production",
                    to=Side(
                        deployment_id=deployment.id,
                        deployment_name=deployment.name,
                        digest=artifact.digest,
                        commit=artifact.commit,
                    ),
                    model_id=model.id,
                    model=model.name,
                    release_file=f"releases/{model.name}.yaml",
                    applied_commit=artifact.commit,
                ),
            )

    def promote(self, model: Model, environment: str, deployment: Deployment) -> None:
        """Somebody begins a promotion."""
        path = f"/v1/models/{model.id}/environments/{environment}/promote"
        headers = {"Authorization": f"Bearer {self.emulator.api_key}"}
        body = {"deployment_id": deployment.id}
        httpx.post(
            self.emulator.api_url + path, headers=headers, json=body, timeout=HANGS
        ).raise_for_status()

    # What Baseten has

    def model(self, name: str, *, team: str | None = None) -> Model:
        """A new model with nothing but its empty production."""
        return self.emulator.call(self._model, name, team)

    def serve(
        self,
        model: Model,
        environment: str = "production",
        archive: bytes | None = None,
        *,
        labels: Mapping[str, Any] | None = None,
        name: str | None = None,
        raw_config: str | None = None,
        **settings: Any,
    ) -> Deployment:
        """An environment that serves what was uploaded, as somebody else set it up."""
        stored = self._stored(archive) if archive is not None else None
        return self.emulator.call(
            self._serve,
            model,
            environment,
            settings,
            artifact=Uploaded(
                config={"model_name": model.name}, raw_config=raw_config, archive=stored
            ),
            name=name or f"deployment-{next(self._numbers)}",
            labels=dict(labels) if labels else None,
        )

    def _model(self, name: str, team: str | None) -> Model:
        world = self.emulator.world
        owner = world.default_team
        if team is not None:
            owner = next(each for each in world.teams.values() if each.name == team)
        return add_model(world, owner, name)

    def _stored(self, archive: bytes) -> Path:
        def put() -> Path:
            uploads = self.emulator.emulator.uploads
            path = uploads.new_file()
            path.write_bytes(archive)
            md5 = hashlib.md5(archive, usedforsecurity=False).hexdigest()
            uploads.put(f"models/{path.name}/model.tgz", path, md5)
            return path

        return self.emulator.call(put)

    def _serve(
        self,
        model: Model,
        place: str,
        settings: Mapping[str, Any],
        *,
        name: str,
        **uploaded: Any,
    ) -> Deployment:
        world = self.emulator.world
        if place not in model.environments:
            create_environment(world, SYSTEM, model, place)
        environment = model.environments[place]
        for key, value in settings.items():
            setattr(environment, key, value)
        deployment = _serving(world, model, environment, name)
        for key, value in uploaded.items():
            setattr(deployment, key, value)
        rollout.make_current(world, environment, deployment)
        world.changed()
        return deployment


@contextmanager
def scene(folder: Path, files: Mapping[str, Any], **options: Any) -> Iterator[Scene]:
    """A scene with a first commit."""
    work = Repository.create(
        folder / "work", dict(files), object_format=options.pop("object_format", "sha1")
    )
    if work.git("rev-parse", "--show-object-format") == "sha1":
        work.publish(folder / "remote.git")
    with running(**{"seed": 7, "rate_limits": False, "speed": 1.0, **options}) as emulator:
        yield Scene(work=work, emulator=emulator)
