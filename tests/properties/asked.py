"""What Git can ask for in these tests: trusses that behave well and badly, and release files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gitops.emulator.runtime.archive import problems_of
from gitops.git.archive import Archives
from gitops.git.repository import Repository
from gitops.pipeline.compile import look
from gitops.state.names import ModelKey
from tests import echo, repositories
from tests.pipeline.memory_files import MemoryFiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from gitops.state.artifact import Artifact
    from gitops.state.desired import Desired

MODEL: Final = "triage"
KEY: Final = ModelKey(None, MODEL)
FILE: Final = "releases/triage.yaml"
STAGING, PRODUCTION = "staging", "production"
ENVIRONMENTS: Final = (STAGING, PRODUCTION)
BEHAVIOUR: Final = {
    "A": "",
    "B": "reply: {text: goodbye}",
    "C": "fails_after_requests: 6",
    "D": "",
}
"""A and D are good, B fails its checks, C fails under traffic."""

RELEASE: Final = """\
version: 1
model: triage
truss: trusses/triage
environments:
  staging:
    commit: {staging}
    autoscaling: {{min_replica: 1, max_replica: 5}}
    checks: [smoke]
  production:
    commit: {production}
    mode: {mode}
    requires: staging
    autoscaling: {{min_replica: {least}, max_replica: 5}}
    promotion:
      rolling_deploy: true
      rolling_deploy_config: {{max_surge_percent: 50, stabilization_time_seconds: 5}}
    checks: [smoke]
    watch: {{for: 20s, error_rate: 0.05, min_requests: 5}}
checks:
  smoke:
    request: {{text: hello}}
    expect: {{equals: {{text: hello}}}}
"""


@dataclass(frozen=True, slots=True)
class Content:
    """What one commit asks for: artifacts, and production's ``min_replica``."""

    staging: str = "A"
    production: str = "A"
    least: int = 2
    paused: bool = False

    def artifact(self, environment: str) -> str:
        return self.staging if environment == STAGING else self.production

    def __str__(self) -> str:
        paused = ", production paused" if self.paused else ""
        return f"{self.staging} in staging, {self.production} ×{self.least} in production{paused}"


@dataclass
class Template:
    """A repository with one commit for each truss; made once, and copied for each sequence."""

    folder: Path
    pins: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    _desired: dict[Content, Desired] = field(default_factory=dict)
    _archives: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    _built: dict[bytes, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        work = repositories.Repository.create(self.folder / "work")
        for letter, behaviour in BEHAVIOUR.items():
            self.pins[letter] = work.commit(echo.truss(letter, behaviour), letter)
        work.commit({FILE: self.text(Content())}, "Release")
        work.publish(self.folder / "remote.git")
        self.repository = Repository.discover(work.path)
        self.head = work.head
        for letter in BEHAVIOUR:
            (model,) = self.desired(Content(letter, letter)).models
            artifact = model.environments[0].artifact
            assert artifact is not None
            self.digests[letter] = artifact.digest

    def close(self) -> None:
        self.repository.close()

    def text(self, content: Content) -> str:
        """The release file."""
        return RELEASE.format(
            staging=self.pins[content.staging],
            production=self.pins[content.production],
            least=content.least,
            mode="pause" if content.paused else "reconcile",
        )

    def desired(self, content: Content) -> Desired:
        """As the real compiler has it."""
        found = self._desired.get(content)
        if found is None:
            files = MemoryFiles({FILE: self.text(content)})
            compilation = look(self.repository, files, self.head, dirty=False)
            assert not compilation.errors, compilation.errors
            found = self._desired[content] = compilation.desired
        return found

    def archive(self, artifact: Artifact) -> Iterator[bytes]:
        """Fulfils ``gitops.apply.ports.Archives``: made from Git once."""
        if artifact.digest not in self._archives:
            pieces = tuple(Archives(self.repository).archive(artifact))
            self._archives[artifact.digest] = pieces
        return iter(self._archives[artifact.digest])

    def problems_of(self, root: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
        """What the emulator's build says of an unpacked truss, once for the same truss."""
        text = (root / "config.yaml").read_bytes()
        if text not in self._built:
            self._built[text] = problems_of(root, config)
        return self._built[text]

    def letter(self, digest: Any) -> str:
        """The artifact of a digest; F is any other."""
        return next((each for each, own in self.digests.items() if own == digest), "F")
