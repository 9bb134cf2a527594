"""Runs the jobs of GitLab CI that `gitops init` writes, as they are written.

The file that `.gitlab-ci.yml` includes is read from the commit that a pipeline is for, with its
`extends` and `!reference`. Rules decide which jobs there are, `needs` and stages their order; a
job's scripts are a real `bash -e` process in a checkout of its own, with the variables that GitLab
sets and those of the job's environment. What stands in for GitLab's runner: a clone instead of its
fetch of all branches, no container for `image`, files copied for artifacts, and one installation
of gitops for all jobs. Every key of the file that is not known here is an error.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from tests.e2e.jobs import Job, Machine, Step
from tests.forge.lab import PROJECT, TOKEN, Lab
from tests.repositories import Repository

STAGES: Final = ("build", "test", "deploy")
KEYS: Final = frozenset(
    {
        *("after_script", "artifacts", "before_script", "environment", "extends", "image", "needs"),
        *("resource_group", "rules", "script", "stage", "timeout", "variables"),
    }
)
_TOKEN: Final = re.compile(r'\s*(==|!=|&&|\|\||\(|\)|"[^"]*"|\$[A-Za-z_]\w*)')


class _Loader(yaml.BaseLoader):
    """YAML as GitLab reads it, every scalar a string."""


@dataclass(frozen=True, slots=True)
class _Reference:
    path: tuple[str, ...]


def _reference(loader: yaml.BaseLoader, node: yaml.Node) -> _Reference:
    assert isinstance(node, yaml.SequenceNode)
    return _Reference(tuple(loader.construct_sequence(node)))


_Loader.add_constructor("!reference", _reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What started a pipeline. `variables` are those that only such a pipeline has."""

    source: Literal["merge_request_event", "push", "schedule", "web"]
    sha: str
    variables: Mapping[str, str] = field(default_factory=dict)
    project: int = PROJECT
    """In which project it runs: that of a fork may be another one."""
    protected: bool = False
    """Whether it runs for a protected branch, so that it may see protected variables."""


@dataclass(slots=True)
class Pipeline:
    """The jobs of one pipeline: those that ran, and those that wait for somebody."""

    number: int
    done: dict[str, Job] = field(default_factory=dict)
    manual: dict[str, Callable[[], None]] = field(default_factory=dict)
    kept: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """The files that each job kept."""
    reported: dict[str, dict[str, str]] = field(default_factory=dict)
    """The variables that each job's dotenv report gives to the jobs that need it."""

    def play(self, name: str) -> Job:
        """Start a job that waits for it."""
        self.manual.pop(name)()
        return self.done[name]


@dataclass(slots=True)
class Runner:
    """Runs pipelines of one project. `secrets` are by the name of an environment."""

    lab: Lab
    remote: Repository
    folder: Path
    machine: Machine
    secrets: Mapping[str, Mapping[str, str]]
    protected: frozenset[str] = frozenset({"gitops-production"})
    """Environments whose variables only a pipeline of a protected branch sees."""

    def run(self, event: Event) -> Pipeline:
        """Create the pipeline and run what waits for nobody."""
        config = _read(self.remote, event.sha)
        pipeline = Pipeline(number=self.lab.number())
        common = self._common(event, pipeline)
        for name, job in _jobs(config):
            when = _when(job.get("rules"), common)
            if when is None:
                continue
            needs = job.get("needs", [])
            if not all(each in pipeline.done and pipeline.done[each].green for each in needs):
                continue

            def play(name: str = name, job: Mapping[str, Any] = job) -> None:
                self._job(name, job, event, pipeline, common)

            if when == "manual":
                pipeline.manual[name] = play
            else:
                play()
        return pipeline

    def _common(self, event: Event, pipeline: Pipeline) -> dict[str, str]:
        variables = {
            "CI": "true",
            "CI_COMMIT_SHA": event.sha,
            "CI_DEFAULT_BRANCH": "main",
            "CI_PIPELINE_ID": str(pipeline.number),
            "CI_PIPELINE_SOURCE": event.source,
            "CI_PROJECT_URL": str(self.remote.path).removesuffix(".git"),
            "CI_SERVER_HOST": "127.0.0.1",
            **self.lab.environ(CI_PROJECT_ID=str(event.project), CI_COMMIT_SHA=event.sha),
        }
        # The token is there only in a job of an environment that has it.
        del variables["GITLAB_TOKEN"]
        if event.source != "merge_request_event":
            variables["CI_COMMIT_BRANCH"] = "main"
        return {**variables, **event.variables}

    def _job(
        self,
        name: str,
        job: Mapping[str, Any],
        event: Event,
        pipeline: Pipeline,
        common: Mapping[str, str],
    ) -> None:
        number = self.lab.number()
        folder = self.folder / f"job-{number}"
        own = {
            "CI_JOB_ID": str(number),
            "CI_JOB_NAME": name,
            "CI_JOB_URL": f"{self.lab.url}/acme/models/-/jobs/{number}",
            **{key: _expanded(text, common) for key, text in job.get("variables", {}).items()},
            **self._secrets(job, event),
        }
        handed = {
            key: value
            for needed in job.get("needs", [])
            for key, value in pipeline.reported.get(needed, {}).items()
        }
        variables = {**handed, **common, **own}
        _checkout(self.remote, folder, event.sha, depth=own.get("GIT_DEPTH", "20"))
        for needed in job.get("needs", []):
            for path, content in pipeline.kept.get(needed, {}).items():
                (folder / path).write_bytes(content)
        steps = [self._script("script", [*job["before_script"], *job["script"]], folder, variables)]
        if "after_script" in job:
            state = {"CI_JOB_STATUS": "failed" if steps[0].code else "success"}
            after = self._script("after_script", job["after_script"], folder, variables | state)
            steps.append(Step(name=after.name, code=after.code, output=after.output, counts=False))
        pipeline.done[name] = Job(name=name, steps=tuple(steps))
        pipeline.kept[name] = dict(_artifacts(job.get("artifacts", {}), folder, steps[0]))
        report = folder / job.get("artifacts", {}).get("reports", {}).get("dotenv", "none")
        pipeline.reported[name] = _dotenv(report.read_text()) if report.is_file() else {}
        shutil.rmtree(folder)

    def _script(
        self, name: str, script: Sequence[str], folder: Path, variables: Mapping[str, str]
    ) -> Step:
        assert all(isinstance(line, str) for line in script), script
        return self.machine.run([*script], name=name, folder=folder, variables=variables)

    def _secrets(self, job: Mapping[str, Any], event: Event) -> Mapping[str, str]:
        environment = job.get("environment")
        if environment is None or event.project != PROJECT:
            return {}
        assert environment["action"] == "access", "it is no deployment of GitLab's own"
        if environment["name"] in self.protected and not event.protected:
            return {}
        return self.secrets[environment["name"]]


def secrets(plan: str, production: str) -> dict[str, dict[str, str]]:
    """The variables that somebody sets for the environments, as the head of the file says."""
    return {
        "gitops-plan": {"BASETEN_API_KEY": plan, "GITLAB_TOKEN": TOKEN},
        "gitops-production": {"BASETEN_API_KEY": production, "GITLAB_TOKEN": TOKEN},
    }


def _read(remote: Repository, commit: str) -> dict[str, Any]:
    """The whole configuration at a commit: `.gitlab-ci.yml` and what it includes from there."""
    found: dict[str, Any] = {}
    top: dict[str, Any] = _yaml(remote.git("show", f"{commit}:.gitlab-ci.yml"))
    for each in top.pop("include"):
        assert set(each) == {"local"}
        found |= _yaml(remote.git("show", f"{commit}:{each['local'].lstrip('/')}"))
    return found | top


def _yaml(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506
    return found


def _jobs(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The jobs in the order in which they can run: by stage, and after what they need."""
    whole = {name: _whole(name, config) for name in config if not name.startswith(".")}
    assert all({*job} <= KEYS for job in whole.values()), whole
    left = sorted(whole, key=lambda name: STAGES.index(whole[name].get("stage", "test")))
    done: set[str] = set()
    while left:
        ready = [name for name in left if done.issuperset(whole[name].get("needs", []))]
        assert ready, f"{left} wait for each other, or for jobs that are not there"
        yield ready[0], whole[ready[0]]
        done.add(ready[0])
        left.remove(ready[0])


def _whole(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A job with what it extends: maps are merged, everything else is replaced."""
    own = dict(config[name])
    assert {*own} <= KEYS, (name, {*own} - KEYS)
    parent = own.pop("extends", None)
    merged = _merged(_whole(parent, config), own) if parent else own
    return {key: _followed(value, config) for key, value in merged.items()}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for key, value in other.items():
        old = both.get(key)
        both[key] = (
            _merged(old, value)
            if isinstance(old, Mapping) and isinstance(value, Mapping)
            else value
        )
    return both


def _followed(value: Any, config: Mapping[str, Any]) -> Any:
    """A value with what it refers to; lists in a list become its own lines."""
    if isinstance(value, _Reference):
        found: Any = config
        for key in value.path:
            found = found[key]
        return _followed(found, config)
    if isinstance(value, list):
        lines: list[Any] = []
        for each in value:
            followed = _followed(each, config)
            lines += followed if isinstance(each, _Reference) else [followed]
        return lines
    return value


def _checkout(remote: Repository, folder: Path, commit: str, *, depth: str) -> None:
    assert depth == "0", "the history is needed"
    subprocess.run(
        ["git", "clone", "-q", "--no-checkout", str(remote.path), str(folder)], check=True
    )
    copy = Repository(folder)
    copy.git("fetch", "-q", "origin", commit)
    copy.git("checkout", "-q", "--detach", commit)
    # The runner's own token may neither read nor write the deploy log: a job says where it is.
    copy.git("remote", "set-url", "origin", "/nowhere/with/the/token/of/the/job")


def _artifacts(asked: Mapping[str, Any], folder: Path, script: Step) -> Iterator[tuple[str, bytes]]:
    assert {*asked} <= {"expire_in", "paths", "reports", "when"}, asked
    if asked.get("when", "on_success") == "on_success" and script.code:
        return
    for path in asked.get("paths", []):
        if (folder / path).is_file():
            yield path, (folder / path).read_bytes()
    for path in asked.get("reports", {}).values():
        if (folder / path).is_file():
            yield path, (folder / path).read_bytes()


def _dotenv(report: str) -> dict[str, str]:
    """The variables of a report, as far as GitLab takes it: 5 kB, and no space in a value."""
    assert len(report.encode()) <= 5 << 10
    assert report.isascii()
    found = [line.partition("=") for line in report.splitlines()]
    assert all(re.fullmatch(r"\w+", name) and not re.search(r"\s", to) for name, _, to in found)
    return {name: value for name, _, value in found}


def _when(rules: Sequence[Mapping[str, str]] | None, variables: Mapping[str, str]) -> str | None:
    """When a job runs by the first rule that holds; None: there is no such job in the pipeline."""
    assert rules is not None, "a job without rules is in every pipeline but those of merge requests"
    for rule in rules:
        assert {*rule} <= {"if", "when"}, rule
        if _true(rule["if"], variables):
            return rule.get("when", "on_success")
    return None


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda found: variables.get(found[1], ""), text)


def _true(condition: str, variables: Mapping[str, str]) -> bool:
    tokens = _TOKEN.findall(condition)
    assert "".join(tokens) == re.sub(r'\s(?=(?:[^"]*"[^"]*")*[^"]*$)', "", condition), condition
    value, rest = _either(tokens, variables)
    assert not rest, condition
    return value


def _either(tokens: list[str], variables: Mapping[str, str]) -> tuple[bool, list[str]]:
    value, tokens = _both(tokens, variables)
    while tokens[:1] == ["||"]:
        other, tokens = _both(tokens[1:], variables)
        value = value or other
    return value, tokens


def _both(tokens: list[str], variables: Mapping[str, str]) -> tuple[bool, list[str]]:
    value, tokens = _compared(tokens, variables)
    while tokens[:1] == ["&&"]:
        other, tokens = _compared(tokens[1:], variables)
        value = value and other
    return value, tokens


def _compared(tokens: list[str], variables: Mapping[str, str]) -> tuple[bool, list[str]]:
    if tokens[0] == "(":
        value, rest = _either(tokens[1:], variables)
        assert rest[0] == ")"
        return value, rest[1:]
    one, rest = _value(tokens[0], variables), tokens[1:]
    if rest[:1] in (["=="], ["!="]):
        same = one == _value(rest[1], variables)
        return same == (rest[0] == "=="), rest[2:]
    # Alone, a variable holds where it is there and not empty.
    return bool(one), rest


def _value(token: str, variables: Mapping[str, str]) -> str | None:
    return variables.get(token[1:]) if token.startswith("$") else token[1:-1]
