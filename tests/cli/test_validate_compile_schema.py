"""The commands as a shell meets them: streams, exit codes, formats."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repositories import Repository

GOOD = "version: 1\nmodel: m\ntruss: t\nenvironments: {staging: {commit: HEAD}}\n"


@pytest.fixture
def fleet(repository: Repository) -> Repository:
    repository.commit({"t/config.yaml": "model_name: m\n", "releases/m.yaml": GOOD})
    return repository


def gitops(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gitops", "-C", str(directory), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_validate_says_what_was_checked(fleet: Repository) -> None:
    done = gitops(fleet.path, "validate")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Valid: 1 release file, 1 model, 1 environment\n"


def test_validate_tells_every_problem_and_ends_with_1(fleet: Repository) -> None:
    fleet.write({"releases/m.yaml": GOOD.replace("truss: t", "trus: t\nmode: of,f:%")})
    done = gitops(fleet.path, "validate")
    assert done.returncode == 1
    assert done.stdout == (
        "releases/m.yaml:1:1: truss: is missing, and staging names no deployment;"
        " write the directory that holds config.yaml\n"
        "releases/m.yaml:3:1: trus: unknown key; did you mean truss?\n"
        'releases/m.yaml:4:7: mode: must be one of reconcile, observe, pause, not "of,f:%"\n'
        "3 problems in 1 release file\n"
    )
    annotated = gitops(fleet.path, "validate", "--format", "github")
    assert annotated.returncode == 1
    assert annotated.stdout.splitlines()[2] == (
        "::error file=releases/m.yaml,line=4,col=7,title=mode::"
        'must be one of reconcile, observe, pause, not "of,f:%25"'
    )
    reported = gitops(fleet.path, "validate", "--format", "gitlab")
    assert reported.returncode == 1
    report = json.loads(reported.stdout)
    assert report[2] == {
        "description": 'mode: must be one of reconcile, observe, pause, not "of,f:%"',
        "check_name": "gitops validate",
        "fingerprint": report[2]["fingerprint"],
        "severity": "blocker",
        "location": {"path": "releases/m.yaml", "lines": {"begin": 4}},
    }
    assert len({each["fingerprint"] for each in report}) == 3
    document = json.loads(gitops(fleet.path, "validate", "--format", "json").stdout)
    assert document["valid"] is False
    assert [each["line"] for each in document["problems"]] == [1, 3, 4]


def test_a_file_name_cannot_inject_a_workflow_command(fleet: Repository) -> None:
    fleet.write({"releases/a,line=1::x\n::error::b.yaml": "[]"})
    lines = gitops(fleet.path, "validate", "--format", "github").stdout.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("::error file=releases/a%2Cline=1%3A%3Ax\\n%3A%3Aerror%3A%3Ab.yaml,")


def test_validate_with_a_file_tells_of_that_file_alone(fleet: Repository) -> None:
    fleet.write({"releases/a.yaml": "[]", "releases/b.yaml": "{}"})
    done = gitops(fleet.path / "releases", "validate", "a.yaml")
    assert done.returncode == 1
    assert {line.split(":")[0] for line in done.stdout.splitlines()[:-1]} == {"releases/a.yaml"}
    assert gitops(fleet.path, "validate", "releases/m.yaml").returncode == 0
    missing = gitops(fleet.path, "validate", "releases/gone.yaml")
    assert missing.returncode == 1
    assert "There is no file releases/gone.yaml" in missing.stderr


def test_compile_prints_the_commit_and_not_the_working_tree(fleet: Repository) -> None:
    fleet.write({"releases/m.yaml": "[]"})
    done = gitops(fleet.path, "compile")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["commit"] == fleet.head
    assert document["dirty"] is False
    assert "provenance" not in document["models"][0]["environments"][0]
    explained = json.loads(gitops(fleet.path, "compile", "--explain").stdout)
    assert explained["models"][0]["environments"][0]["provenance"] == {
        "commit": "releases/m.yaml:4:34"
    }


def test_compile_of_another_revision(fleet: Repository) -> None:
    first = fleet.head
    fleet.commit({"releases/m.yaml": "[]"})
    assert json.loads(gitops(fleet.path, "compile", "--rev", "HEAD~1").stdout)["commit"] == first
    broken = gitops(fleet.path, "compile")
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "releases/m.yaml:1:1: is not a map" in broken.stderr
    unknown = gitops(fleet.path, "compile", "--rev", "nowhere")
    assert (unknown.returncode, unknown.stdout) == (1, "")


def test_schema_prints_a_json_schema(tmp_path: Path) -> None:
    done = gitops(tmp_path, "schema", "plan")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_validating_needs_no_network_library(fleet: Repository) -> None:
    code = (
        "import sys; from gitops.cli.main import main\n"
        f"sys.argv = ['gitops', '-C', {str(fleet.path)!r}, 'validate']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'httpx', 'boto3', 'jsonschema', 'rich', 'starlette'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
