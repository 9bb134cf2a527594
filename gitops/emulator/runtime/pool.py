"""All truss processes of one emulator: started when a deployment loads, ended when it stops."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitops.emulator.options import Options
from gitops.emulator.runtime.archive import is_served_elsewhere, problems_of, unpack
from gitops.emulator.runtime.echo import BehaviourError, Echo
from gitops.emulator.runtime.reply import Reply
from gitops.emulator.runtime.worker import NotIsolated, Order, Worker, WorkerGone
from gitops.emulator.world import lifecycle
from gitops.emulator.world.entities import READY, Deployment
from gitops.emulator.world.models import secrets_of
from gitops.emulator.world.world import World

_LOG = logging.getLogger("gitops.emulator")
_DRAIN_SECONDS = 30.0
_FIRST_REST = 0.01
_LONGEST_REST = 10.0


class Pool:
    """The world's `Runner`, and the way requests take to a truss."""

    def __init__(self, options: Options, folder: Path, now: Callable[[], float]) -> None:
        """`folder` holds unpacked archives; `now` gives the emulator's time."""
        self._options = options
        self._folder = folder
        self._now = now
        self._roots: dict[Path, Path] = {}
        self._workers: dict[str, Worker] = {}
        self._starting: dict[str, asyncio.Task[Worker | None]] = {}
        self._retiring: set[Worker] = set()
        self._loading: set[Worker] = set()
        self._echoes: dict[str, Echo] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loads: set[asyncio.Task[Any]] = set()
        self._drains: set[asyncio.Task[Any]] = set()
        self._room = asyncio.Event()
        self._launching = 0
        self._crashes: dict[str, int] = {}
        self._fallen: set[str] = set()
        """Deployments that are UNHEALTHY because their process ended."""
        self.network_reason: str | None = None
        """Why trusses are not cut off from the network, where they should be."""
        self._world: World | None = None

    def serve(self, world: World) -> None:
        """Work for `world`."""
        self._world = world

    @property
    def world(self) -> World:
        """The world that was given to `serve`."""
        if self._world is None:
            raise RuntimeError("the pool has no world yet")
        return self._world

    def build(self, deployment: Deployment) -> tuple[str, ...]:
        """Unpack and check the archive; copies share what is unpacked."""
        archive = deployment.artifact.archive
        if archive is None or archive in self._roots:
            return ()
        root = self._folder / f"truss-{len(self._roots)}"
        shutil.rmtree(root, ignore_errors=True)
        problem = unpack(archive, root)
        if problem is not None:
            return (problem,)
        problems = problems_of(root, deployment.artifact.config)
        if not problems:
            self._roots[archive] = root
        return problems

    def load(self, deployment: Deployment) -> None:
        """Start the truss; `lifecycle.load_finished` is told how it went."""
        generation = deployment.generation
        if not self._is_python(deployment):
            self._load_echo(deployment, generation)
            return
        task = self._spawn(self._load(deployment, generation))
        self._loads.add(task)
        task.add_done_callback(self._loads.discard)

    def resume(self, deployment: Deployment) -> None:
        """Start the truss of a deployment with replicas again, while there is room.

        Without room its process starts with its next request.
        """
        if not self._is_python(deployment):
            return
        if deployment.status == "UNHEALTHY":
            self._fallen.add(deployment.id)
        if len(self._starting) < self._options.worker_limit:
            self._begin(deployment)

    def stop(self, deployment_id: str) -> None:
        """End the truss once its running requests have ended."""
        self._echoes.pop(deployment_id, None)
        worker = self._workers.pop(deployment_id, None)
        if worker is not None:
            self._retire(worker)

    async def settle(self) -> None:
        """Wait until no load is running."""
        while self._loads:
            await asyncio.wait(set(self._loads))

    async def retired(self) -> None:
        """Wait until every truss that was stopped is gone."""
        while self._drains:
            await asyncio.wait(set(self._drains))

    async def close(self) -> None:
        """End every process and wait for its end."""
        workers = [*self._workers.values(), *self._retiring, *self._loading]
        self._workers.clear()
        for worker in workers:
            worker.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.ended() for worker in workers))

    @property
    def live(self) -> int:
        """Truss processes that run now."""
        return len(self._workers) + len(self._retiring) + self._launching

    async def answer(
        self,
        deployment: Deployment,
        method: str,
        route: str | None,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Reply:
        """Send one request to a deployment that has replicas."""
        if not self._is_python(deployment):
            return await self._answer_echo(deployment, method, route, body)
        if route is not None:
            return Reply.problem(404, "client_error", f"The model has no route /{route}.")
        try:
            json.loads(body)
        except ValueError:
            return Reply.problem(400, "client_error", "The request body is not JSON.")
        worker = await self._running(deployment)
        if worker is None:
            return Reply.problem(503, "model_unavailable", "The model could not be started.")
        worker.last_used = self._now()
        try:
            return await worker.predict(body, headers, self._options.request_seconds)
        except TimeoutError:
            self._say(
                deployment,
                f"A request took longer than {self._options.request_seconds:g} seconds; "
                "its process was killed.",
            )
            worker.close()
            return Reply.problem(504, "timeout", "The model took too long to answer.")
        except WorkerGone:
            return Reply.problem(502, "model_unavailable", "The model process ended.")
        finally:
            self._room.set()

    def _is_python(self, deployment: Deployment) -> bool:
        artifact = deployment.artifact
        return artifact.archive is not None and not is_served_elsewhere(artifact.config)

    def _load_echo(self, deployment: Deployment, generation: int) -> None:
        try:
            echo = Echo(deployment.artifact.config)
        except BehaviourError as wrong:
            lifecycle.load_finished(self.world, deployment.id, generation, str(wrong))
            return
        self._echoes[deployment.id] = echo
        error = (
            "The server exited during start-up, as model_metadata.emulator says."
            if echo.behaviour.fails_to_load
            else None
        )
        self.world.after(
            echo.behaviour.load_seconds,
            lifecycle.load_finished,
            deployment.id,
            generation,
            error,
        )

    async def _answer_echo(
        self, deployment: Deployment, method: str, route: str | None, body: bytes
    ) -> Reply:
        echo = self._echoes.get(deployment.id)
        if echo is None:
            echo = self._echoes[deployment.id] = Echo(deployment.artifact.config)
        reply = await echo.answer(method, route, body)
        if echo.unhealthy and deployment.status == "ACTIVE":
            self._say(deployment, "The health check fails.")
            lifecycle.set_status(self.world, deployment, "UNHEALTHY")
        return reply

    async def _load(self, deployment: Deployment, generation: int) -> None:
        worker, error = await self._start(deployment)
        self.world.advance(self._now())
        if worker is not None and deployment.generation == generation:
            self._adopt(deployment, worker)
        elif worker is not None:
            self._retire(worker)
        lifecycle.load_finished(self.world, deployment.id, generation, error)

    async def _start(self, deployment: Deployment) -> tuple[Worker | None, str | None]:
        await self._make_room()
        archive = deployment.artifact.archive
        if archive is None or self.build(deployment):
            return None, "The archive cannot be unpacked again."
        self._launching += 1
        try:
            return await self._launch(deployment, self._order(deployment, self._roots[archive]))
        finally:
            self._launching -= 1

    def _order(self, deployment: Deployment, root: Path) -> Order:
        config = deployment.artifact.config
        model = self.world.models.get(deployment.model_id)
        known = secrets_of(self.world, model.team_id) if model else {}
        runtime = config.get("runtime") or {}
        return Order(
            root=root,
            config=config,
            secrets={name: known[name] for name in config.get("secrets") or {} if name in known},
            environment=deployment.environment,
            memory_mib=self._options.worker_memory_mib,
            cpu_seconds=self._options.worker_cpu_seconds,
            concurrency=max(1, int(runtime.get("predict_concurrency") or 1)),
            variables={
                str(name): str(value)
                for name, value in (config.get("environment_variables") or {}).items()
            },
            network=self.network == "on",
        )

    @property
    def network(self) -> str:
        """Whether trusses have a network: `on` or `off`."""
        if self._options.truss_network == "auto":
            return "off" if self.network_reason is None else "on"
        return self._options.truss_network

    async def _launch(
        self, deployment: Deployment, order: Order
    ) -> tuple[Worker | None, str | None]:
        try:
            worker = await Worker.start(order, lambda line: self.world.log(deployment, line))
        except (OSError, ValueError) as problem:
            return None, f"The model process could not be started: {problem}"
        self._loading.add(worker)
        try:
            error = await worker.loaded(self._options.load_seconds)
        except NotIsolated as refused:
            self._retire(worker)
            if self._options.truss_network == "off":
                return None, f"The truss cannot be cut off from the network: {refused}."
            self._stay_connected(str(refused))
            return await self._launch(deployment, replace(order, network=True))
        finally:
            self._loading.discard(worker)
        if error is not None:
            self._retire(worker)
            return None, error
        if self.network_reason is not None:
            self.world.log(
                deployment,
                f"This truss can reach the network: {self.network_reason}.",
                "WARNING",
            )
        return worker, None

    def _stay_connected(self, reason: str) -> None:
        if self.network_reason is None:
            self.network_reason = reason
            _LOG.warning(
                "gitops emulator: trusses can reach the network, because this system does not "
                "let them be cut off: %s",
                reason,
            )

    def _adopt(self, deployment: Deployment, worker: Worker) -> None:
        worker.last_used = self._now()
        self._workers[deployment.id] = worker
        self._room.set()
        self._spawn(self._watch(deployment, worker))

    async def _watch(self, deployment: Deployment, worker: Worker) -> None:
        """Notice a process that ends by itself."""
        await worker.gone.wait()
        if self._workers.get(deployment.id) is not worker:
            return
        del self._workers[deployment.id]
        self._retire(worker)
        self.world.advance(self._now())
        if deployment.id not in self.world.deployments or deployment.status not in READY:
            return
        if deployment.status == "ACTIVE":
            self._fallen.add(deployment.id)
            lifecycle.set_status(self.world, deployment, "UNHEALTHY")
        deployment.restarts.append(self.world.now)
        how = await worker.ending()
        self._say(deployment, f"The model process ended ({how}); it is restarted.")
        crashes = self._crashes[deployment.id] = self._crashes.get(deployment.id, 0) + 1
        await asyncio.sleep(min(_LONGEST_REST, _FIRST_REST * 2**crashes))
        if deployment.status in READY:
            await self._running(deployment)

    async def _running(self, deployment: Deployment) -> Worker | None:
        """The deployment's process; started again where it gave way or crashed."""
        worker = self._workers.get(deployment.id)
        if worker is not None:
            return worker
        return await asyncio.shield(self._starting.get(deployment.id) or self._begin(deployment))

    def _begin(self, deployment: Deployment) -> asyncio.Task[Worker | None]:
        task = self._spawn(self._restart(deployment))
        self._starting[deployment.id] = task
        task.add_done_callback(lambda _: self._starting.pop(deployment.id, None))
        return task

    async def _restart(self, deployment: Deployment) -> Worker | None:
        worker, error = await self._start(deployment)
        if worker is None:
            self._say(deployment, error or "")
            return None
        if deployment.status not in READY:
            self._retire(worker)
            return None
        self._adopt(deployment, worker)
        if deployment.id in self._fallen and deployment.status == "UNHEALTHY":
            lifecycle.set_status(self.world, deployment, "ACTIVE")
        self._fallen.discard(deployment.id)
        return worker

    async def _make_room(self) -> None:
        while self.live >= self._options.worker_limit:
            idle = [
                (worker.last_used, identifier)
                for identifier, worker in self._workers.items()
                if not worker.in_flight
            ]
            if idle:
                self._retire(self._workers.pop(min(idle)[1]))
            self._room.clear()
            await self._room.wait()

    def _retire(self, worker: Worker) -> None:
        self._retiring.add(worker)
        task = self._spawn(self._drain(worker))
        self._drains.add(task)
        task.add_done_callback(self._drains.discard)

    async def _drain(self, worker: Worker) -> None:
        await worker.finish(_DRAIN_SECONDS)
        self._retiring.discard(worker)
        self._room.set()

    def _say(self, deployment: Deployment, message: str) -> None:
        self.world.log(deployment, message, "ERROR")

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
