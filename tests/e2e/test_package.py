"""The built distributions: what `pip install baseten-gitops` brings."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from gitops._version import __version__
from tests.repositories import Repository

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel, built from the sdist as publishing does, and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    assert wheel.name == f"baseten_gitops-{__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    info = f"baseten_gitops-{__version__}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"gitops", info}
    assert {f"{info}/licenses/LICENSE", "gitops/py.typed"} <= set(names)
    in_tree = {str(path.relative_to(ROOT)) for path in (ROOT / "gitops").rglob("*.py")}
    fleet = "gitops/demo/fleet/"
    code = {name for name in names if name.endswith(".py") and not name.startswith(fleet)}
    assert code == in_tree
    assert f"{fleet}gitops.yaml" in names
    for folder in ("checks", "releases", "trusses"):
        files = [path for path in (ROOT / folder).rglob("*.*") if path.suffix != ".pyc"]
        assert files
        assert {f"{fleet}{path.relative_to(ROOT)}" for path in files} <= set(names)
    assert not [name for name in names if name.endswith(".pyc")]


def test_what_is_installed_from_the_wheel_works_by_itself(built: Path, tmp_path: Path) -> None:
    """In a repository of its own, far from any checkout, against the emulator that it brings."""
    [wheel] = built.glob("*.whl")
    site, place = tmp_path / "site", tmp_path / "models"
    install = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    python = [sys.executable, "-m"]
    subprocess.run([*python, *install, str(wheel)], check=True, capture_output=True)
    model = {"trusses/greeter/config.yaml": "model_name: greeter\n"}
    repository = Repository.create(place, model)
    environ = {**os.environ, "PYTHONPATH": str(site)}

    def gitops(*arguments: str) -> str:
        done = subprocess.run(
            [*python, "gitops", *arguments],
            cwd=place,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = "from gitops.demo import fleet; print(fleet.__file__, fleet.folder())"
    told = subprocess.run(
        [sys.executable, "-c", where],
        cwd=place,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [
        str(site / "gitops/demo" / name) for name in ("fleet.py", "fleet")
    ]
    assert gitops("--version").split()[-1] == __version__
    assert "gitops-apply.yml" in gitops("init", "--ci", "github")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message", "Release greeter")
    assert gitops("validate").startswith("Valid: 1 release file")
    plan = gitops("emulator", "--exec", *python, "gitops", "plan")
    assert "Plan: 1 of 1 model to change" in plan


def test_both_commands_and_the_readme_are_declared(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    info = f"baseten_gitops-{__version__}.dist-info"
    with zipfile.ZipFile(wheel) as files:
        entries = files.read(f"{info}/entry_points.txt").decode()
        metadata = email.message_from_bytes(files.read(f"{info}/METADATA"))
    assert "gitops = gitops.cli.main:main" in entries.splitlines()
    assert "baseten-gitops = gitops.cli.main:main" in entries.splitlines()
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    payload = metadata.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().strip() == (ROOT / "README.md").read_text().strip()


def test_the_sdist_has_what_its_tests_need(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    needed = {"LICENSE", "README.md", "pyproject.toml", "gitops/cli/main.py", "tests/conftest.py"}
    assert needed <= names
    assert not [name for name in names if name.startswith((".venv", ".git/", "dist/"))]
