"""`gitops init`: what it writes is valid, is left alone the next time, and asks for little."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from gitops._version import __version__
from gitops.cli.main import gitops, run
from tests.repositories import Repository

WORKFLOWS = ("gitops-apply", "gitops-drift", "gitops-plan", "gitops-rollback")
TRUSS = {
    "trusses/triage/config.yaml": "model_name: 'yes: a #model'\nresources: {cpu: '1'}\n",
    "trusses/triage/model/model.py": "class Model: ...\n",
    "other/config.yaml": "colour: blue\n",
}


def tree(repository: Repository) -> dict[str, bytes]:
    return {
        str(path.relative_to(repository.path)): path.read_bytes()
        for path in repository.path.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def read(path: Path) -> dict[str, Any]:
    """A workflow as GitHub reads it: `on` is a word there."""
    workflow: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
    return workflow


def test_a_first_release_file_that_is_valid(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = repository.commit(TRUSS, 'Answer "politely" # now')
    assert run(["-C", str(repository.path), "init"]) == 0
    assert "wrote releases/model.yaml: what each environment of yes: a #model" in (
        capsys.readouterr().out
    )
    [release] = (repository.path / "releases").iterdir()
    written = yaml.safe_load(release.read_text())
    assert (written["model"], written["truss"]) == ("yes: a #model", "trusses/triage")
    assert written["environments"]["production"]["commit"] == commit
    assert run(["-C", str(repository.path), "validate"]) == 0
    assert "Valid: 1 release file" in capsys.readouterr().out


def test_nothing_is_overwritten(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit({**TRUSS, "gitops.yaml": "version: 1\nreleases: live\n"}, "Begin")
    for _ in range(2):
        assert run(["-C", str(repository.path), "init", "--ci", "github"]) == 0
        before = tree(repository)
    assert tree(repository) == before
    assert before["gitops.yaml"] == b"version: 1\nreleases: live\n"
    assert "live/model.yaml" in before
    out = capsys.readouterr().out
    assert "kept  gitops.yaml" in out
    assert "The release files in live/ are left as they are." in out


def test_trusses_that_no_release_file_names_are_named(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit(TRUSS, "Begin")
    assert run(["-C", str(repository.path), "init"]) == 0
    more = {f"trusses/t{n}/config.yaml": f"model_name: t{n}\n" for n in range(5)}
    repository.commit({**more, "releases/odd.yaml": "truss: ./trusses/t0/\nno: [\n"}, "More")
    capsys.readouterr()
    assert run(["-C", str(repository.path), "init"]) == 0
    out = capsys.readouterr().out
    assert "None of them names trusses/t0, trusses/t1, trusses/t2 and 2 more: copy one" in out
    repository.commit({"releases/odd.yaml": "truss: ./trusses/t0/\nno: true\n"}, "Mend")
    assert run(["-C", str(repository.path), "init"]) == 0
    out = capsys.readouterr().out
    assert "None of them names trusses/t1, trusses/t2, trusses/t3 and 1 more: copy one" in out
    assert "left as they are" in out


def test_an_empty_repository_and_a_bare_one(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-C", str(repository.path), "init", "--ci", "gitlab"]) == 0
    assert "no committed truss here yet" in capsys.readouterr().out
    assert sorted(tree(repository)) == [".gitlab/gitops.yml", "gitops.yaml"]
    assert not re.search(rb"@[A-Z]+@", tree(repository)[".gitlab/gitops.yml"])
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare")], check=True)
    assert run(["-C", str(tmp_path / "bare"), "init"]) == 1
    assert "no working tree" in capsys.readouterr().err


def test_gitlabs_jobs_are_said_to_take_the_default_branch(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "gitops.yaml names the branch live: where that is not GitLab's default branch"
    repository.commit({"gitops.yaml": "version: 1\nbranch: live\n"}, "Begin")
    for ci, said in (("github", False), ("gitlab", True)):
        assert run(["-C", str(repository.path), "init", "--ci", ci]) == 0
        assert (told in capsys.readouterr().out) is said


def test_the_workflows_ask_for_little_and_are_found_clean(repository: Repository) -> None:
    branch = 'the "release"'
    assert run(["-C", str(repository.path), "init", "--ci", "github", "--branch", branch]) == 0
    folder = repository.path / ".github" / "workflows"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(WORKFLOWS)
    for path in folder.iterdir():
        workflow = read(path)
        assert workflow["permissions"] == {}
        assert "pull_request_target" not in path.read_text()
        for name, job in workflow["jobs"].items():
            writes = {key for key, value in job["permissions"].items() if value == "write"}
            assert writes == ALLOWED.get((path.stem, name), set()), (path.stem, name)
            with_key = [step for step in job["steps"] if "BASETEN_API_KEY" in step.get("env", {})]
            assert not with_key or "environment" in job
    apply = read(folder / "gitops-apply.yml")
    assert apply["on"]["push"]["branches"] == [branch]
    zizmor = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [zizmor, "--offline", "--persona", "pedantic", "--no-progress", str(repository.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


ALLOWED = {
    ("gitops-plan", "plan"): {"pull-requests"},
    ("gitops-apply", "apply"): {"contents", "deployments"},
    ("gitops-apply", "apply-by-hand"): {"contents", "deployments"},
    ("gitops-drift", "drift"): {"issues"},
    ("gitops-rollback", "rollback"): {"contents", "deployments"},
}
"""What each job may write; every other one may write nothing."""


HOSTILE = "--out=/etc/x; $(touch pwned) `touch pwned` 'a b"
CHOSEN = {"MODEL": HOSTILE, "RETRY": HOSTILE, "ALLOW_MANY": "true", "ALLOW_COST": "false"}
BACK = {"MODEL": HOSTILE, "ENVIRONMENT": HOSTILE, "TO": HOSTILE}
ASKED = {
    "plan-by-hand": ["plan", "--out", "gitops-plan.json", f"--retry={HOSTILE}", "--", HOSTILE],
    "apply-by-hand": [
        *("apply", "--plan", "gitops-plan.json", "--yes", "--events", "gitops-events.jsonl"),
        *(f"--retry={HOSTILE}", "--allow-many"),
    ],
}


def words_of(script: str, folder: Path, variables: dict[str, str]) -> list[str]:
    """What a script calls gitops with, one word each."""
    tell = 'gitops() { if [ "$1" != forge ]; then printf "%s\\0" "$@" > words; fi; }\n'
    done = subprocess.run(
        ["bash", "-e", "-c", tell + script],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "GITHUB_STEP_SUMMARY": "summary", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["words"]
    return (folder / "words").read_text().split("\0")[:-1]


@pytest.mark.parametrize("name", ASKED)
def test_what_is_chosen_by_hand_is_a_word_and_never_code(
    name: str, repository: Repository, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    script = whole(pipeline(repository), f"gitops-{name}")["script"]
    variables = {f"GITOPS_{key}": value for key, value in CHOSEN.items()}
    assert words_of("\n".join(script), scratch, variables) == ASKED[name]
    assert run(["-C", str(repository.path), "init", "--ci", "github"]) == 0
    workflow = read(repository.path / ".github" / "workflows" / "gitops-apply.yml")
    [step] = [
        each for each in workflow["jobs"][name]["steps"] if "BASETEN_API_KEY" in each.get("env", {})
    ]
    inputs = {f"${{{{ inputs.{key.lower()} }}}}" for key in CHOSEN}
    given = {key for key, value in step["env"].items() if value in inputs}
    assert given <= CHOSEN.keys()
    assert words_of(step["run"], scratch, {key: CHOSEN[key] for key in given}) == ASKED[name]


@pytest.mark.parametrize("to", [[f"--to={HOSTILE}"], []])
def test_what_is_rolled_back_by_hand_is_a_word_and_never_code(
    to: list[str], repository: Repository, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    chosen = {key: value for key, value in BACK.items() if to or key != "TO"}
    names = {"MODEL": "ROLLBACK", "ENVIRONMENT": "ENV", "TO": "TO"}
    variables = {f"GITOPS_{names[key]}": value for key, value in chosen.items()}
    script = whole(pipeline(repository), "gitops-rollback")["script"][:2]
    called = ["rollback", "--now", "--branch"]
    asked = ["--events", "gitops-events.jsonl", *to, "--", HOSTILE, HOSTILE]
    words = words_of("\n".join(script), scratch, {"CI_JOB_ID": "7", **variables})
    assert words == [*called, "gitops-rollback-7", *asked]
    assert run(["-C", str(repository.path), "init", "--ci", "github"]) == 0
    workflow = read(repository.path / ".github" / "workflows" / "gitops-rollback.yml")
    steps = workflow["jobs"]["rollback"]["steps"]
    [step] = [each for each in steps if "BASETEN_API_KEY" in each.get("env", {})]
    inputs = {key: f"${{{{ inputs.{key.lower()} }}}}" for key in BACK}
    assert inputs.items() <= step["env"].items()
    assert words_of(step["run"], scratch, {"TO": "", "BRANCH": "b", **chosen}) == [
        *(*called, "b"),
        *asked,
    ]


@dataclass(frozen=True)
class Reference:
    """What `!reference` names: a path of keys."""

    keys: tuple[str, ...]


class GitLabLoader(yaml.SafeLoader):
    """YAML as GitLab reads a pipeline."""


GitLabLoader.add_constructor(
    "!reference", lambda loader, node: Reference(tuple(loader.construct_sequence(node)))
)
FORBIDDEN_FOR_FORKS = ("BASETEN_API_KEY", "GITLAB_TOKEN", "gitops forge", "git push")
KEYWORDS = {
    *("extends", "image", "variables", "before_script", "script", "after_script", "rules"),
    *("needs", "environment", "artifacts", "timeout"),
}


def pipeline(repository: Repository) -> dict[str, Any]:
    assert run(["-C", str(repository.path), "init", "--ci", "gitlab"]) == 0
    text = (repository.path / ".gitlab" / "gitops.yml").read_text()
    found: dict[str, Any] = yaml.load(text, Loader=GitLabLoader)  # noqa: S506
    return found


def whole(jobs: dict[str, Any], name: str) -> dict[str, Any]:
    """A job with what it extends, as GitLab merges them: maps by key, all else replaced."""
    job = dict(jobs[name])
    if "extends" in job:
        parent = whole(jobs, job.pop("extends"))
        variables = {**parent.get("variables", {}), **job.get("variables", {})}
        job = {**parent, **job, "variables": variables}
    return job


def lines(jobs: dict[str, Any], job: dict[str, Any], part: str) -> list[str]:
    found: list[str] = []
    for each in job.get(part, ()):
        if isinstance(each, Reference):
            value: Any = jobs
            for key in each.keys:
                value = value[key]
            found += value
        else:
            found.append(each)
    assert all(isinstance(each, str) for each in found), found
    return found


def commands(script: str) -> Iterator[list[str]]:
    """The words of every `gitops` command of a script."""
    punctuation = shlex.shlex(script, posix=True, punctuation_chars=";&|<>()\n")
    punctuation.whitespace = " \t\r"
    punctuation.whitespace_split = True
    words: list[str] | None = None
    skip = False
    for word in punctuation:
        if set(word) <= set(";&|()\n"):
            if words:
                yield words
            words, skip = None, False
        elif set(word) <= set("<>"):
            skip = True
        elif skip:
            skip = False
        elif word == "gitops" and words is None:
            words = [word]
        elif words is not None:
            words.append(word)
    if words:
        yield words


def parsed(words: list[str]) -> str:
    """A command line held against the commands; nothing is run. The command's path."""
    command: click.Command = gitops
    context = click.Context(gitops, info_name="gitops")
    # What `set --` gave them is options.
    path, *rest = [word for word in words if word != "$@"]
    while isinstance(command, click.Group):
        found = command.get_command(context, rest[0])
        assert found is not None, words
        command, path, rest = found, f"{path} {rest[0]}", rest[1:]
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=path, parent=context)
    command.make_context(path, rest, parent=context, resilient_parsing=False)
    return path


def test_gitlabs_pipeline_can_run(repository: Repository) -> None:
    jobs = pipeline(repository)
    asked: set[str] = set()
    for name in jobs:
        if name.startswith("."):
            continue
        job = whole(jobs, name)
        assert set(job) <= KEYWORDS, name
        assert job["rules"], name
        assert all(rule["if"] for rule in job["rules"]), name
        for needed in job.get("needs", ()):
            # A job that needs one which is not there cannot be made.
            assert job["rules"][0]["if"].startswith(whole(jobs, needed)["rules"][0]["if"])
        for part in ("before_script", "script", "after_script"):
            script = "\n".join(lines(jobs, job, part))
            subprocess.run(["bash", "-n", "-c", script], check=True)
            asked |= {parsed(words) for words in commands(script)}
        assert f"baseten-gitops=={__version__}" in "\n".join(lines(jobs, job, "before_script"))
    assert asked == {
        *("gitops validate", "gitops diff", "gitops plan", "gitops apply", "gitops drift"),
        *("gitops rollback", "gitops forge comment", "gitops forge approved"),
        *("gitops forge deployments", "gitops forge issue", "gitops forge outputs"),
    }


@pytest.mark.parametrize(("target", "base"), [("", "parted"), ("target", "target")])
def test_what_gitlab_merged_is_compared_with_what_it_merged_into(
    repository: Repository, target: str, base: str
) -> None:
    jobs = pipeline(repository)
    variables = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "parted"}
    if target:
        variables["CI_MERGE_REQUEST_TARGET_BRANCH_SHA"] = target
    for name, line in (("gitops-diff", f"diff {base}..HEAD"), ("gitops-plan", f"--changed {base}")):
        stand_in = "gitops() { echo gitops $*; touch gitops-plan.json; }"
        script = "\n".join([stand_in, *lines(jobs, jobs[name], "script")])
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=repository.path,
            env=variables,
            capture_output=True,
            text=True,
            check=True,
        )
        assert line in done.stdout


@pytest.mark.parametrize(
    ("rollback", "branch", "push", "code"),
    [(0, 0, 0, 0), (0, 0, 128, 128), (4, 1, 0, 4), (8, 0, 0, 8)],
)
def test_gitlabs_rollback_is_red_where_the_revert_was_not_pushed(
    repository: Repository, rollback: int, branch: int, push: int, code: int
) -> None:
    jobs = pipeline(repository)
    stand_ins = (
        f"gitops() {{ return {rollback}; }}",
        f"git() {{ if [ $1 = rev-parse ]; then return {branch}; fi; echo pushed; return {push}; }}",
    )
    script = "\n".join([*stand_ins, *lines(jobs, jobs["gitops-rollback"], "script")])
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=repository.path,
        env={"GITOPS_ROLLBACK": "triage", "CI_JOB_ID": "7"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert ("pushed" in done.stdout) is (branch == 0)


def test_what_gitlab_runs_for_a_fork_gets_no_secret(repository: Repository) -> None:
    jobs = pipeline(repository)
    # In a pipeline that runs in a fork, $CI_PROJECT_ID is the fork's.
    own = "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID"
    for_forks = []
    for name in jobs:
        if name.startswith("."):
            continue
        job = whole(jobs, name)
        for rule in job["rules"]:
            if "merge_request_event" in rule["if"] and own not in rule["if"]:
                for_forks.append(name)
            elif "merge_request_event" not in rule["if"]:
                assert "$CI_PIPELINE_SOURCE ==" in rule["if"], "it would run for merge requests too"
    assert for_forks == ["gitops-diff"]
    job = whole(jobs, "gitops-diff")
    assert "environment" not in job
    for part in ("before_script", "script", "after_script"):
        for line in lines(jobs, job, part):
            assert not any(each in line for each in FORBIDDEN_FOR_FORKS), line


def test_gitlabs_key_that_writes_is_in_one_environment(repository: Repository) -> None:
    jobs = pipeline(repository)
    writing = ("gitops apply", "--now")
    for name in jobs:
        if name.startswith("."):
            continue
        job = whole(jobs, name)
        text = "\n".join(lines(jobs, job, "script"))
        environment = job.get("environment", {"name": None})
        if any(each in text for each in writing):
            assert environment["name"] == "gitops-production", name
            assert "$CI_DEFAULT_BRANCH" in job["rules"][0]["if"], name
        else:
            assert environment["name"] != "gitops-production", name
        # Reading its variables is no deployment: those are of models.
        assert environment["name"] is None or environment["action"] == "access"
