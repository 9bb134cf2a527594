"""Repositories with many release files, made by `git fast-import`: always the same commits."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

CONFIG = """\
version: 1

defaults:
  environments:
    staging:
      autoscaling: {min_replica: 0, max_replica: 1}
    production:
      promotion:
        rolling_deploy: true
        rolling_deploy_config: {max_surge_percent: 25, max_unavailable_percent: 0}
        promotion_cleanup_strategy: SCALE_TO_ZERO
  checks:
    chat:
      path: /v1/chat/completions
      request: {messages: [{role: user, content: ping}], max_tokens: 8}
      expect:
        schema: checks/chat-completion.schema.json

limits:
  max_rollbacks: 3
"""

SCHEMA = """\
{"type": "object", "required": ["choices"], "properties": {"choices": {"type": "array"}}}
"""

RELEASE = """\
# yaml-language-server: $schema=../schemas/release.schema.json
version: 1
model: model-{number:04}
truss: trusses/truss-{truss:03}

environments:
  staging:
    commit: HEAD
    checks: [chat]

  production:
    commit: {pin}   # 2026-01-01 "Change {change}"
    requires: staging
    autoscaling:
      min_replica: {least}
      max_replica: {most}
      concurrency_target: 32
      scale_down_delay: 900         # seconds, as Baseten counts them
    checks: [chat, latency]
    watch:
      for: 10m
      error_rate: 0.01
      latency: {{p95: 5s}}

checks:
  latency:
    path: /v1/chat/completions
    request: {{messages: [{{role: user, content: Say hello in {truss} words.}}], max_tokens: 8}}
    runs: 20
    concurrency: 4
    expect:
      latency: {{p50: 1s, p95: 3s}}
      error_rate: 0
"""

TRUSS_CONFIG = """\
model_name: truss-{truss}
python_version: py311
requirements:
  - torch==2.5.{change}
  - transformers==4.46.3
resources:
  accelerator: L4
  cpu: "4"
  memory: 16Gi
  use_gpu: true
secrets:
  hf_access_token: null
environment_variables:
  MAX_LENGTH: "{truss}"
"""

MODEL = """\
class Model:
    change = {change}

    def load(self):
        self.ready = True

    def predict(self, model_input):
        return model_input
"""

ADOPTED = """\
version: 1
model: model-{number:03}

environments:
  staging:
    deployment: deployment-2
    autoscaling: {{min_replica: 0}}
  production:
    deployment: deployment-1
    requires: staging
    autoscaling: {{min_replica: 0}}
"""


def git(folder: Path, *arguments: str, given: bytes | None = None) -> str:
    """Run Git without the settings of this machine's user; what it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        input=given,
        env=environ,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


Files = Iterable[tuple[str, str]]


def repository(folder: Path, commits: Iterable[Callable[[list[str]], Files]]) -> list[str]:
    """Make a repository with one commit after the other on `main`, checked out; their ids.

    Each commit's files are made by a function of the ids of those before it.
    """
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "--initial-branch=main")
    made: list[str] = []
    for number, files in enumerate(commits):
        stream = bytearray(b"commit refs/heads/main\n")
        stream += b"committer Benchmark <benchmark@example.invalid> %d +0000\n" % (
            1767225600 + 60 * number
        )
        stream += _data(f"Change {number}")
        if made:
            stream += b"from refs/heads/main^0\n"
        for path, text in files(made):
            stream += b"M 100644 inline %s\n" % path.encode() + _data(text)
        git(folder, "fast-import", "--quiet", given=bytes(stream))
        made.append(git(folder, "rev-parse", "main"))
    git(folder, "reset", "-q", "--hard", "main")
    return made


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s\n" % (len(content), content)


def releases(folder: Path, *, models: int, trusses: int, changes: int) -> list[str]:
    """A fleet of models that follow HEAD in staging and a pin in production; the commits' ids.

    The first of `changes` commits adds the trusses, each other one changes every tenth; production
    pins one of them, in turn. The last commit adds the release files.
    """

    def change(number: int) -> Callable[[list[str]], Files]:
        return lambda _: (
            file
            for truss in range(trusses)
            if number == 0 or truss % 10 == number
            for file in (
                (
                    f"trusses/truss-{truss:03}/config.yaml",
                    TRUSS_CONFIG.format(truss=truss, change=number),
                ),
                (f"trusses/truss-{truss:03}/model/__init__.py", ""),
                (f"trusses/truss-{truss:03}/model/model.py", MODEL.format(change=number)),
            )
        )

    def fleet(made: list[str]) -> Files:
        yield "gitops.yaml", CONFIG
        yield "checks/chat-completion.schema.json", SCHEMA
        for number in range(models):
            at = number % changes
            yield (
                f"releases/model-{number:04}.yaml",
                RELEASE.format(
                    number=number,
                    truss=number % trusses,
                    pin=made[at],
                    change=at,
                    least=1 + number % 3,
                    most=4 + number % 7,
                ),
            )

    return repository(folder, [*(change(number) for number in range(changes)), fleet])


def adopted(folder: Path, *, models: int) -> list[str]:
    """A fleet that fits what `gitops emulator --seed` makes: named deployments, equal settings."""

    def fleet(_: list[str]) -> Files:
        yield "gitops.yaml", "version: 1\n"
        for number in range(1, models + 1):
            yield f"releases/model-{number:03}.yaml", ADOPTED.format(number=number)

    return repository(folder, [fleet])
