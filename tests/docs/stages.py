"""What pages begin with: the repositories and models that their readers have."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import httpx

from tests.docs.page import ROOT, blocks
from tests.docs.runner import Runner
from tests.echo import CHAT, truss
from tests.forge import hub
from tests.patience import HANGS
from tests.repositories import Repository

RELEASE: Final = """\
version: 1
model: triage
truss: trusses/triage

environments:
  staging:
    commit: HEAD
    autoscaling: {{min_replica: 1, max_replica: 2}}

  production:
    commit: {pin}   # 2026-01-01 "Start"
    requires: staging
    autoscaling: {{min_replica: 1, max_replica: 2}}
    checks: [smoke]
    watch: {{for: 600ms, error_rate: 0.05, min_requests: 5}}

retention: {{keep: 1}}

checks:
  smoke:
    request: {{text: hello}}
    expect: {{equals: {{text: hello}}}}
"""


def run(runner: Runner, *words: str) -> None:
    """A command that has to succeed before the page begins."""
    code, _, both = runner.gitops(list(words))
    assert code == 0, both


class Fleet:
    """A repository with a remote, and the model `triage`, which serves in two environments."""

    def __init__(self, runner: Runner, *, release: str = RELEASE) -> None:
        self.runner = runner
        self.work = Repository.create(runner.folder / "models", truss("one"))
        self.work.publish(runner.folder / "models.git")
        files = {"releases/triage.yaml": release.format(pin=self.work.head)}
        self.work.commit({"gitops.yaml": "version: 1\n", **files}, "Release it")
        runner.folder = self.work.path
        self.push()

    def push(self) -> None:
        """As after a merge."""
        self.work.git("push", "-q", "origin", "main")

    def new_version(self) -> None:
        """A second version, which staging gets."""
        self.work.commit(truss("two"), "Read the subject too")
        self.push()


@contextmanager
def pushed(runner: Runner) -> Iterator[None]:
    """Release files that are committed, and a Baseten that knows nothing of them."""
    # What is pushed first serves production by itself, and would be ahead of staging there.
    Fleet(runner, release=RELEASE.replace("    requires: staging\n", "")).new_version()
    runner.start()
    yield


@contextmanager
def serving(runner: Runner) -> Iterator[None]:
    """Production serves the first version and staging the second one."""
    fleet = Fleet(runner)
    runner.start(traffic=20.0)
    run(runner, "apply", "--yes")
    fleet.new_version()
    run(runner, "apply", "--yes")
    yield


@contextmanager
def promoted(runner: Runner) -> Iterator[None]:
    """Both serve the second version."""
    with serving(runner):
        run(runner, "promote", "triage", "--from", "staging", "--to", "production", "--commit")
        run(runner, "apply", "--yes")
        yield


@contextmanager
def review(runner: Runner) -> Iterator[None]:
    """A job for pull request 7, which sets something."""
    with serving(runner), hub.running() as github:
        path = runner.folder / "releases/triage.yaml"
        text = path.read_text(encoding="utf-8")
        work = Repository(runner.folder)
        work.commit({"releases/triage.yaml": text.replace("max_replica: 2", "max_replica: 3", 1)})
        work.git("push", "-q", "origin", "main")
        os.environ.update(github.environ(GITHUB_REF="refs/pull/7/merge", GITHUB_SHA=work.head))
        yield
        assert github.refused == []


@contextmanager
def tutorial(runner: Runner) -> Iterator[None]:
    """A stand-in for GitHub, where the reader has a repository."""
    with hub.running() as github:
        job = github.environ()
        told = ("GITHUB_ACTIONS", "GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN")
        given = {name: job[name] for name in told}
        runner.instead["export GITHUB_TOKEN=…"] = lambda: os.environ.update(given)
        runner.instead["export GITHUB_ACTIONS=true GITHUB_REPOSITORY=OWNER/greeter"] = lambda: None
        yield
        assert github.refused == []


QWEN: Final = """\
version: 1
model: qwen-3-8b
truss: trusses/triage

environments:
  production:
    commit: HEAD
    autoscaling:
      min_replica: 2
      max_replica: 10   # two nodes
      concurrency_target: 20
"""


@contextmanager
def drifted(runner: Runner) -> Iterator[None]:
    """Alice has promoted the version before, and set a limit, in Baseten's pages."""
    work = Repository.create(
        runner.folder / "models", {**truss("one"), "releases/qwen-3-8b.yaml": QWEN}
    )
    work.publish(runner.folder / "models.git")
    runner.folder = work.path
    emulator = runner.start(rate_limits=False)
    for note in ("two", "three"):
        run(runner, "apply", "--yes", "--no-watch")
        work.commit(truss(note), f"Version {note}")
        work.git("push", "-q", "origin", "main")
    run(runner, "apply", "--yes", "--no-watch")
    [model] = emulator.world.models.values()
    with httpx.Client(
        base_url=f"{emulator.api_url}/v1/models/{model.id}",
        headers={
            "Authorization": f"Bearer {emulator.api_key}",
            "X-Emulator-Actor": "ui:alice@example.com",
        },
        timeout=HANGS,
    ) as alice:
        body = {"autoscaling_settings": {"max_replica": 7}}

        def production() -> Any:
            return alice.get("/environments/production").raise_for_status().json()

        alice.patch("/environments/production", json=body).raise_for_status()
        deployments = alice.get("/deployments").raise_for_status().json()["deployments"]
        before = next(each for each in deployments if not each["is_production"])
        alice.post("/environments/production/promote", json={"deployment_id": before["id"]})
        # As the emulator shows it, which is done within a second at this speed.
        while production()["candidate_deployment"] or production()["in_progress_promotion"]:
            pass
    yield


@contextmanager
def asked_of(runner: Runner) -> Iterator[None]:
    """The files of docs/checks.md, and the model that they are about, which serves."""
    page = blocks((ROOT / "docs/checks.md").read_text(encoding="utf-8"))
    files = {each.path: each.text for each in page if each.path is not None}
    answers = truss(behaviour="latency_ms: 2", name="answers", route=CHAT)
    work = Repository.create(runner.folder / "models", {**files, **answers})
    runner.folder = work.path
    runner.start()
    run(runner, "apply", "--yes", "--no-watch")
    yield


@contextmanager
def by_hand(runner: Runner) -> Iterator[None]:
    """Models that serve, in a workspace whose repository knows none of them."""
    runner.folder = Repository.create(runner.folder / "models", {"README.md": "Models\n"}).path
    runner.start().seed(3, prefix="whisper")
    yield


STAGES: Final[Mapping[str, Callable[[Runner], AbstractContextManager[None]]]] = {
    "docs/adopt.md": by_hand,
    "docs/air-gapped.md": pushed,
    "docs/checks.md": asked_of,
    "docs/ci.md": review,
    "docs/drift.md": drifted,
    "docs/emulator.md": pushed,
    "docs/incidents.md": promoted,
    "docs/promote.md": serving,
    "docs/python-api.md": pushed,
    "docs/retention.md": promoted,
    "docs/rollback.md": promoted,
    "docs/tutorial.md": tutorial,
}
