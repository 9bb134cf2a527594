"""Runs the workflow files of GitHub Actions that `gitops init` writes, as they are written.

Jobs and steps are read from the YAML; a `run` step is a real `bash -e` process in a checkout of its
own, with the variables that GitHub sets. What stands in for the `uses` steps is `STAND_INS`, and
everything else about a workflow that these files do not use is an error here.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tests.e2e.jobs import Job, Machine, Step
from tests.forge.hub import REPOSITORY, TOKEN, Hub
from tests.repositories import Repository

_EXPRESSION: Final = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN: Final = re.compile(r"\s*(==|!=|&&|\|\||!|\(|\)|'[^']*'|[A-Za-z_][\w.-]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What started a workflow. `values` are the names below `github` and `inputs`."""

    name: str
    sha: str
    ref: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    """One job while it runs."""

    runner: Runner
    event: Event
    folder: Path
    names: dict[str, str]
    permissions: Mapping[str, str] = field(default_factory=dict)
    failed: bool = False

    def value(self, name: str) -> str:
        return self.names.get(name, "")


StandIn = Callable[[_Run, Mapping[str, str]], None]


def _checkout(run: _Run, options: Mapping[str, str]) -> None:
    assert options["fetch-depth"] == "0", "the history is needed"
    subprocess.run(
        ["git", "clone", "-q", "--no-checkout", str(run.runner.remote.path), str(run.folder)],
        check=True,
    )
    copy = Repository(run.folder)
    copy.git("fetch", "-q", "origin", f"+{run.event.ref}:refs/remotes/pull/here")
    copy.git("checkout", "-q", "--detach", run.event.sha)
    if options["persist-credentials"] != "true":
        copy.git("remote", "set-url", "origin", "/nowhere/without/credentials")
    elif run.permissions.get("contents") != "write":
        copy.git("remote", "set-url", "--push", "origin", "/nowhere/with/a/token/that/reads")


def _upload(run: _Run, options: Mapping[str, str]) -> None:
    path = run.folder / options["path"]
    head = run.event.values.get("github.event.pull_request.head.sha", run.event.sha)
    run.runner.hub.upload(options["name"], {path.name: path.read_bytes()}, head)


def _download(run: _Run, options: Mapping[str, str]) -> None:
    [content] = run.runner.hub.files(options["name"])[-1:]
    for name, data in content.items():
        (run.folder / name).write_bytes(data)


def _nothing(_: _Run, __: Mapping[str, str]) -> None:
    """The tests' own interpreter is on the PATH already, and gitops is installed in it."""


STAND_INS: Final[Mapping[str, StandIn]] = {
    "actions/checkout": _checkout,
    "actions/setup-python": _nothing,
    "actions/upload-artifact": _upload,
    "actions/download-artifact": _download,
}
"""What stands in for a `uses` step."""


@dataclass(slots=True)
class Runner:
    """Runs workflows of one repository. `secrets` are by the name of an environment."""

    hub: Hub
    remote: Repository
    folder: Path
    machine: Machine
    secrets: Mapping[str, Mapping[str, str]]
    count: int = 0

    def run(self, workflow: str, event: Event) -> dict[str, Job]:
        """Run a workflow file as it stands at the event's commit; its jobs by their ids."""
        text = self.remote.git("show", f"{event.sha}:.github/workflows/{workflow}.yml")
        found: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
        assert event.name in found["on"], f"{workflow} is not for {event.name}"
        done: dict[str, Job] = {}
        for name, job in found["jobs"].items():
            needed = job.get("needs")
            if needed is not None and not (needed in done and done[needed].green):
                continue
            names = self._names(event, job.get("environment", ""))
            if "if" in job and not _true(job["if"], _Run(self, event, self.folder, names)):
                continue
            done[name] = self._job(name, job, event, names)
        return done

    def _names(self, event: Event, environment: str) -> dict[str, str]:
        self.count += 1
        secrets = {f"secrets.{key}": value for key, value in self.secrets[environment].items()}
        return {
            "github.event_name": event.name,
            "github.repository": REPOSITORY,
            "github.sha": event.sha,
            "github.run_id": str(self.count),
            "github.run_attempt": "1",
            "github.token": TOKEN,
            **secrets,
            **event.values,
        }

    def _job(self, name: str, job: Mapping[str, Any], event: Event, names: dict[str, str]) -> Job:
        folder = self.folder / f"job-{self.count}"
        run = _Run(self, event, folder / "work", names, job["permissions"])
        folder.mkdir()
        for file in ("summary", "output"):
            (folder / file).touch()
        head = {"sha": event.values.get("github.event.pull_request.head.sha")}
        (folder / "event").write_text(json.dumps({"pull_request": {"head": head}}))
        steps = []
        for step in job["steps"]:
            if run.failed and "if" not in step:
                continue
            if "if" in step and not _true(step["if"], run):
                continue
            ended = self._step(step, run, folder)
            if "id" in step:
                names[f"steps.{step['id']}.outcome"] = "failure" if ended.code else "success"
            run.failed = run.failed or ended.code != 0
            steps.append(ended)
        return Job(name=name, steps=tuple(steps), summary=(folder / "summary").read_text())

    def _step(self, step: Mapping[str, Any], run: _Run, folder: Path) -> Step:
        if "uses" in step:
            action, _, commit = step["uses"].partition("@")
            assert re.fullmatch(r"[0-9a-f]{40}", commit.partition(" ")[0]), step["uses"]
            options = {key: _filled(text, run) for key, text in step.get("with", {}).items()}
            STAND_INS[action](run, options)
            return Step(name=action, code=0, output="")
        assert "${{" not in step["run"], "values come as variables, never as code"
        ended = self.machine.run(
            [step["run"]],
            name=step.get("name", "run"),
            folder=run.folder,
            variables=self._variables(step, run, folder),
        )
        if "id" in step:
            for line in (folder / "output").read_text().splitlines():
                key, _, value = line.partition("=")
                run.names[f"steps.{step['id']}.outputs.{key}"] = value
        return ended

    def _variables(self, step: Mapping[str, Any], run: _Run, folder: Path) -> dict[str, str]:
        own = {key: _filled(text, run) for key, text in step.get("env", {}).items()}
        forge = self.hub.environ(
            GITHUB_SHA=run.event.sha,
            GITHUB_REF=run.event.ref,
            GITHUB_EVENT_NAME=run.event.name,
            GITHUB_EVENT_PATH=str(folder / "event"),
            GITHUB_RUN_ID=run.value("github.run_id"),
            GITHUB_JOB="job",
            GITHUB_STEP_SUMMARY=str(folder / "summary"),
            GITHUB_OUTPUT=str(folder / "output"),
        )
        # The token is there only where a step asks for it.
        forge.pop("GITHUB_TOKEN")
        return {**forge, **own}


def _filled(text: str, run: _Run) -> str:
    return _EXPRESSION.sub(lambda found: _evaluated(found[1], run), text)


def _true(condition: str, run: _Run) -> bool:
    whole = _EXPRESSION.fullmatch(condition.strip())
    return _evaluated(whole[1] if whole else condition, run) == "true"


def _evaluated(expression: str, run: _Run) -> str:
    tokens = _TOKEN.findall(expression)
    assert "".join(tokens) == re.sub(r"\s(?=(?:[^']*'[^']*')*[^']*$)", "", expression), expression
    value, rest = _either(tokens, run)
    assert not rest, expression
    return value


def _either(tokens: list[str], run: _Run) -> tuple[str, list[str]]:
    value, tokens = _both(tokens, run)
    while tokens[:1] == ["||"]:
        other, tokens = _both(tokens[1:], run)
        value = _told(value == "true" or other == "true")
    return value, tokens


def _both(tokens: list[str], run: _Run) -> tuple[str, list[str]]:
    value, tokens = _compared(tokens, run)
    while tokens[:1] == ["&&"]:
        other, tokens = _compared(tokens[1:], run)
        value = _told(value == "true" and other == "true")
    return value, tokens


def _compared(tokens: list[str], run: _Run) -> tuple[str, list[str]]:
    value, tokens = _single(tokens, run)
    if tokens[:1] in (["=="], ["!="]):
        other, rest = _single(tokens[1:], run)
        return _told((value == other) == (tokens[0] == "==")), rest
    return value, tokens


def _single(tokens: list[str], run: _Run) -> tuple[str, list[str]]:
    first, *rest = tokens
    if first == "!":
        value, rest = _single(rest, run)
        return _told(value != "true"), rest
    if first.startswith("'"):
        return first[1:-1], rest
    if rest[:1] == ["("]:
        end = rest.index(")")
        return _called(first, [each[1:-1] for each in rest[1:end]], run), rest[end + 1 :]
    return run.value(first), rest


def _called(function: str, arguments: list[str], run: _Run) -> str:
    match function, arguments:
        case "cancelled", []:
            return "false"
        case "hashFiles", [name]:
            return "digest" if (run.folder / name).is_file() else ""
    raise AssertionError(f"{function}{arguments} is not known here")


def _told(truth: bool) -> str:
    return "true" if truth else "false"
