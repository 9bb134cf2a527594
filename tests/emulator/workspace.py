"""An emulator inside the test's own thread, with a workspace in which every operation can succeed.

No socket and no second thread: requests go straight into the application, on a clock that stands
still between them. The same requests find the same ids every time.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from gitops.emulator import ManualClock, Options
from gitops.emulator.emulator import Emulator
from gitops.emulator.http.app import App
from gitops.emulator.world.create import seed
from gitops.emulator.world.lifecycle import fail
from tests.emulator.client import echo_truss, tar

MODELS = 6
CONFIG = echo_truss()["config"]


class Workspace:
    """Models in every situation that an operation may ask for; `targets` names them."""

    def __init__(self, **switches: Any) -> None:
        self._stack = ExitStack()
        self._switches = {"rate_limits": False, "seed": 7, **switches}
        self._runner = self._stack.enter_context(asyncio.Runner())
        self.targets: list[dict[str, str]] = []
        self.s3_key = ""
        self.emulator: Emulator | None = None
        self.sent = self.changes = 0
        """Requests since it was last renewed, and those that may have changed something."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.run(self._close())
        self._stack.close()

    async def _close(self) -> None:
        if self.emulator is not None:
            await self._http.aclose()
            await self.emulator.stop()
            self._folder.cleanup()
            self.emulator = None

    def renew(self) -> None:
        """Begin again with everything as it was in the beginning."""
        self._runner.run(self._renew())

    async def _renew(self) -> None:
        await self._close()
        self._folder = tempfile.TemporaryDirectory(prefix="workspace-")
        options = Options(**self._switches)
        self.emulator = Emulator(options, ManualClock(), Path(self._folder.name))
        app = App(self.emulator, lambda _client: None)
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=True),
            base_url="http://localhost",
            headers={"Authorization": "Bearer test.key"},
        )
        await self.emulator.start()
        await self._fill(self.emulator)
        self.sent = self.changes = 0

    @property
    def now(self) -> float:
        """The emulator's time, in epoch seconds."""
        assert self.emulator is not None
        return self.emulator.clock.now()

    def send(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, and let a second pass."""

        async def work() -> httpx.Response:
            assert self.emulator is not None
            response = await self._http.send(request)
            await self.emulator.advance(1)
            return response

        response = self._runner.run(work())
        self.sent += 1
        self.changes += request.method != "GET" and response.is_success
        return response

    def request(self, method: str, url: str, **named: Any) -> httpx.Request:
        """A request with the workspace's key."""
        return self._http.build_request(method, url, **named)

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        response = await self._http.request(method, path, json=body)
        assert response.status_code == 200, (method, path, response.text)
        return response.json()

    async def _fill(self, emulator: Emulator) -> None:
        world = emulator.world
        made = seed(world, MODELS, environments=("staging", "qa"))
        for name in ("token", "other"):
            await self._ask("POST", "/v1/secrets", {"name": name, "value": "v"})
        self.s3_key = self._store(emulator)
        key = await self._ask("POST", "/v1/api_keys", {"type": "PERSONAL"})
        for model in made:
            for is_development in (False, True):
                payload = {"config": CONFIG, "is_development": is_development}
                source = {"kind": "model_archive", "s3_key": self.s3_key, "deployment": payload}
                await self._ask("POST", f"/v1/models/{model.id}/deployments", {"source": source})
        await emulator.advance(200)
        spare = {
            model.id: next(
                each.id
                for each in model.deployments.values()
                if each.environment is None and not each.is_development
            )
            for model in made
        }
        ramping, paused, stopped = (f"/v1/models/{model.id}" for model in made[:3])
        for model, path in zip(made, (ramping, paused), strict=False):
            environment = f"{path}/environments/production"
            rolling = {"promotion_settings": {"rolling_deploy": True}}
            await self._ask("PATCH", environment, rolling)
            await self._ask("POST", f"{environment}/promote", {"deployment_id": spare[model.id]})
        await emulator.advance(20)
        await self._ask("POST", f"{paused}/environments/production/pause_promotion")
        await self._ask("POST", f"{stopped}/deployments/{spare[made[2].id]}/deactivate")
        await self._ask("POST", f"{stopped}/environments/staging/deactivate")
        await emulator.advance(15)
        for deployment in made[3].deployments.values():
            if deployment.environment != "production":
                fail(world, deployment, "BUILD_FAILED")
        team = world.default_team
        self.targets = [
            {
                "model_id": model.id,
                "deployment_id": deployment.id,
                "env_name": deployment.environment or "production",
                "replica_id": f"{deployment.id}-0",
                "secret_name": "token",
                "api_key_prefix": key["api_key"].partition(".")[0],
                "team_id": team.id,
                "user_id": world.user_id,
                "spare": spare[model.id],
            }
            for model in [*made, *made[4:], *made[4:]]
            for deployment in model.deployments.values()
        ]

    @staticmethod
    def _store(emulator: Emulator) -> str:
        credentials = emulator.uploads.prepare()
        path = emulator.uploads.new_file()
        data = tar(echo_truss()["files"])
        path.write_bytes(data)
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        emulator.uploads.put(credentials.key, path, digest)
        return credentials.key
