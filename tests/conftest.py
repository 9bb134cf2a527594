"""What holds for every test: a clean environment, fixed randomness, golden files, no hidden skips.

Fixtures: `repository`, an empty Git repository (tests/repositories.py), and `golden`
(tests/golden_files.py). Options: `--update-golden` writes golden files, and
`--hypothesis-profile=explore` looks further than the fixed examples of a normal run.

`@pytest.mark.needs("tmux")` skips a test by name where a program is missing; with
GITOPS_NO_SKIPS=1 a skipped test is a failed one.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.golden_files import Golden
from tests.repositories import AUTHOR, Repository

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

# Read once, before the environment is cleaned.
NO_SKIPS = os.environ.get("GITOPS_NO_SKIPS", "") not in {"", "0"}

# A run says the same twice: the examples are drawn from a fixed seed, and nothing is timed: no
# example, and not how long drawing them takes.
UNTIMED = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile(
    "fixed", derandomize=True, deadline=None, database=None, suppress_health_check=UNTIMED
)
hypothesis.settings.register_profile(
    "explore", deadline=None, max_examples=2000, print_blob=True, suppress_health_check=UNTIMED
)
hypothesis.settings.load_profile("fixed")

FOREIGN_PREFIXES = ("AWS_", "BASETEN_", "CI_", "GIT_", "GITHUB_", "GITLAB_", "GITOPS_", "XDG_")
FOREIGN_NAMES = frozenset(
    {
        "CI",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLUMNS",
        "FORCE_COLOR",
        "LINES",
        "NO_COLOR",
        "PYTHONDONTWRITEBYTECODE",  # every process of the command would compile all of it anew
        "PY_COLORS",
        "TTY_COMPATIBLE",
        "TTY_INTERACTIVE",
    }
)
GIT_CONFIG = """\
[init]
	defaultBranch = main
[gc]
	auto = 0
[maintenance]
	auto = false
[advice]
	detachedHead = false
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files instead of comparing"
    )


def pytest_configure() -> None:
    """Hear the signals that a shell has silenced, as it does for what runs in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many of schemathesis's requests succeeded and how many were refused."""
    total: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name.startswith("schemathesis "):
                    total[name.partition(" ")[2]] += int(str(value))
    if total:
        told = f"{total['succeeded']} succeeded, {total['refused']} were refused"
        terminalreporter.write_line(f"schemathesis sent {total['sent']} requests: {told}")


def _is_foreign(name: str) -> bool:
    return (
        name in FOREIGN_NAMES
        or name.startswith(FOREIGN_PREFIXES)
        or name.upper().endswith("_PROXY")
    )


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Keep the developer's machine out of the tests: Git settings, keys, colours, time zone."""
    home = tmp_path_factory.mktemp("home")
    git_config = home / ".gitconfig"
    git_config.write_text(GIT_CONFIG)
    name, address = AUTHOR
    with pytest.MonkeyPatch.context() as patch:
        for variable in list(os.environ):
            if _is_foreign(variable):
                patch.delenv(variable)
        for variable, value in {
            "HOME": str(home),
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "LANGUAGE": "en",
            "TERM": "dumb",
            "GIT_CONFIG_GLOBAL": str(git_config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": address,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": address,
        }.items():
            patch.setenv(variable, value)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository with a work tree, on branch `main`, without a remote."""
    return Repository.create(tmp_path / "repository")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with a file in the `golden` folder beside the test."""
    return Golden(request.path.parent / "golden", update=request.config.getoption("update_golden"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Those that take longest begin first, so that no worker is left alone with one in the end.
    items.sort(key=lambda item: "e2e" not in item.path.parts)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    # Modules and tests stay to the end: no garbage has to be looked for in them, again and again.
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for tool in marker.args:
            if shutil.which(tool) is None:
                pytest.skip(f"needs {tool}, which is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIPS and report.skipped:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped although GITOPS_NO_SKIPS is set: {why}"
