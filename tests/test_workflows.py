"""What runs at the forge: our own workflows, the action, the hook; pinned, and found clean."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from gitops._version import __version__
from gitops.cli.main import run
from tests.repositories import Repository

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GOOD = "version: 1\nmodel: m\ntruss: trusses/m\nenvironments: {lab: {commit: HEAD}}\n"
FILES = (
    ROOT / "action.yml",
    *(ROOT / ".github" / "workflows").glob("*.yml"),
    *(ROOT / "gitops" / "templates" / "github").glob("*.yml"),
)
USES = re.compile(r"uses: (?P<action>[\w./-]+)@(?P<commit>\S+) # (?P<version>v[\d.]+)$")


def test_every_action_is_pinned_by_commit_and_everywhere_by_the_same() -> None:
    pins: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for path in FILES:
        for line in path.read_text().splitlines():
            if "uses:" in line:
                found = USES.search(line)
                assert found is not None, f"{path.name}: {line}"
                assert re.fullmatch(r"[0-9a-f]{40}", found["commit"])
                pins[found["action"]].add((found["commit"], found["version"]))
    assert {action: len(each) for action, each in pins.items()} == dict.fromkeys(pins, 1)


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    for name in ("action.yml", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    zizmor = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [zizmor, "--offline", "--persona", "pedantic", "--no-progress", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hook_refuses_a_release_file_that_is_wrong(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """As pre-commit runs it: in the repository, with what is staged, and without file names."""
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["language"], hook["always_run"], hook["pass_filenames"]) == ("python", True, False)
    program, *words = hook["entry"].split()
    assert program in PROJECT["scripts"]
    repository.commit({"trusses/m/config.yaml": "model_name: m\n", "models/m.yaml": GOOD}, "Begin")
    repository.write({"gitops.yaml": "version: 1\nreleases: models\n"})
    assert run(["-C", str(repository.path), *words]) == 0
    repository.write({"models/m.yaml": GOOD.replace("environments", "enviroments")})
    with pytest.raises(SystemExit, match="1"):
        run(["-C", str(repository.path), *words])
    assert "models/m.yaml:4:1: enviroments: unknown key" in capsys.readouterr().out


def test_the_docs_name_the_hook_and_this_version() -> None:
    page = (ROOT / "docs" / "editors.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    [named] = next(yaml.safe_load(each) for each in blocks if "repos:" in each)["repos"]
    assert named["rev"] == f"v{__version__}"
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [each["id"] for each in named["hooks"]] == [each["id"] for each in hooks]


def test_the_docs_say_what_each_job_may_do_and_whose_key_it_has(repository: Repository) -> None:
    assert run(["-C", str(repository.path), "init", "--ci", "github"]) == 0
    may = {}
    for path in (repository.path / ".github" / "workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {}
        for name, job in workflow["jobs"].items():
            given = {f"{scope}: {access}" for scope, access in job["permissions"].items()}
            may[name] = (given, job.get("environment"))
    page = (ROOT / "docs" / "security.md").read_text()
    told = {}
    row = re.compile(r"^\| `([\w-]+)`[^|]*\|([^|]+)\|([^|]+)\|$", re.MULTILINE)
    for name, given, key in row.findall(page):
        environment = key.strip(" `")
        scopes = set(re.findall(r"`([\w-]+: \w+)`", given))
        told[name] = (scopes, None if environment == "none" else environment)
    assert told == may


def test_the_action_runs_what_the_workflows_run() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    asked = {
        line.strip().partition(" || ")[0]
        for step in action["runs"]["steps"]
        for line in step["run"].splitlines()
        if line.strip().startswith("gitops ")
    }
    templates = "".join(path.read_text() for path in FILES if "templates" in path.parts)
    for line in asked:
        command = line.partition(" && ")[0].replace('"$BASE..', "HEAD^1..").replace('HEAD"', "HEAD")
        command = command.replace('"$BASE"', "HEAD^1")
        assert command in templates, command
    for step in action["runs"]["steps"]:
        subprocess.run(["bash", "-n", "-c", step["run"]], check=True)
