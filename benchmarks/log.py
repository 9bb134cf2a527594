"""The deploy log: 50 models with 3,650 entries each, ten years of a release every other day.

Measured, as processor time of the processes and all they start, so that a busy machine says the
same as a quiet one: fetching from a remote that has nothing new, in this process; and a whole
`gitops log MODEL`, from the interpreter's start to its exit. The clone and its bare remote are on
the same disk, each in one pack; entries are as an apply writes them, of two environments in turn.
Floor: for the fetch, `git fetch` of the same refs and nothing else; for the log, `git log` of the
same ref with whole messages, and an interpreter that parses their bodies.
Second floor of the log, only for comparison: `git log` alone.

    python benchmarks/log.py [--rounds N]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from measuring.fleets import git
from measuring.reading import processor_time
from measuring.side_by_side import Case, compare, rounds_wanted

from gitops import open_project
from gitops.git.chain import subject
from gitops.git.commits import plain
from gitops.record.entry import Entry, Event, Side, to_json
from gitops.wiring import open_log_book

MODELS, ENTRIES = 50, 3_650
ROOT = Path(__file__).parent.parent
LOGS = "refs/gitops/log/acme%40api%2Ebaseten%2Eco/ml/"
MIRROR = "refs/gitops/remotes/origin/log/"
SETTINGS = {
    "autoscaling.min_replica": 2,
    "autoscaling.max_replica": 20,
    "autoscaling.concurrency_target": 32,
    "autoscaling.scale_down_delay": 900,
    "autoscaling.autoscaling_window": 60,
    "promotion.promotion_cleanup_strategy": "SCALE_TO_ZERO",
    "promotion.rolling_deploy": True,
    "promotion.rolling_deploy_config.max_surge_percent": 25,
}
PARSE = "import json,sys\nfor each in sys.stdin.buffer.read().split(b'\\0'):\n"
PARSE += " each.strip() and json.loads(each.partition(b'\\n\\n')[2])\n"


def name(model: int) -> str:
    """A model's name."""
    return f"model-{model:02}"


def entries(model: int) -> Iterator[Entry]:
    """A log: intents and results in turn."""
    for number in range(ENTRIES):
        release, is_result = divmod(number, 2)
        environment = ("staging", "production")[release % 2]
        yield Entry(
            at=datetime(2016, 1, 1, tzinfo=UTC) + timedelta(days=number),
            event=Event.RELEASED if is_result else Event.INTENT,
            environment=environment,
            model=name(model),
            model_id=f"m{model:07}",
            release_file=f"releases/{name(model)}.yaml",
            from_=_side(model, release - 2) if release > 1 else None,
            to=_side(model, release),
            applied_commit=f"{release:040x}",
            branch="main",
            by="Ada Example <ada@example.invalid>",
            where="GitHub Actions run 1234567890",
            run=f"{number:032x}",
            number=release // 2 + 1 if is_result else None,
            settings_before=SETTINGS,
            settings_after=SETTINGS,
            figures={"watch": {"requests": 1234, "error_rate": 0.001}} if is_result else {},
            seconds=612.5 if is_result else None,
            reason=f"commit {release:012x} serves {environment}; Git asks for another",
        )


def _side(model: int, release: int) -> Side:
    digest = f"{model:032x}{release:032x}"
    return Side(
        deployment_id=f"d{release:07}",
        deployment_name=f"git-{digest[:40]}",
        digest=digest,
        commit=f"{release:040x}",
    )


def stream() -> Iterator[bytes]:
    """All logs, for `git fast-import`."""
    for model in range(MODELS):
        ref = f"{LOGS}{name(model)}"
        for entry in entries(model):
            body = json.dumps(to_json(entry), default=plain)
            text = f"{subject(entry)}\n\n{body}\n".encode()
            when = int(entry.at.timestamp())
            head = f"commit {ref}\ncommitter Ada <ada@example.invalid> {when} +0000\n"
            yield head.encode() + b"data %d\n%b\n" % (len(text), text)


def made(folder: Path) -> Path:
    """A clone that has fetched the logs of a bare remote."""
    remote, clone = folder / "remote.git", folder / "clone"
    clone.mkdir()
    git(clone, "init", "-q", "--initial-branch=main")
    committed = ("-c", "user.name=Ada", "-c", "user.email=ada@example.invalid", "commit", "-q")
    git(clone, *committed, "--allow-empty", "-m", "Start")
    git(folder, "init", "-q", "--bare", "--initial-branch=main", str(remote))
    git(clone, "remote", "add", "origin", str(remote))
    git(clone, "push", "-q", "origin", "main")
    with subprocess.Popen(
        ["git", "-C", str(remote), "fast-import", "--quiet"], stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.writelines(stream())
        process.stdin.close()
    if process.returncode:
        raise SystemExit("git fast-import failed")
    fetched(clone)
    return clone


def fetch(clone: Path) -> None:
    """What a fetch of the logs takes at least."""
    git(clone, "fetch", "-q", "--no-tags", "--refmap=", "origin", f"+refs/gitops/log/*:{MIRROR}*")


def fetched(clone: Path) -> tuple[str, ...]:
    """Fetch through the log book; what it told."""
    project = open_project(clone, os.environ)
    told = open_log_book(project, remote=True).fetch()
    project.repository.close()
    return told


def fetch_log(clone: Path) -> None:
    """The same fetch through the log book."""
    told = fetched(clone)
    if told != ("The remote has no new entries.",):
        raise SystemExit(f"the fetch said {told}")


def show(clone: Path, *, parsed: bool) -> None:
    """What showing a log takes at least."""
    ref = f"{MIRROR}{LOGS.removeprefix('refs/gitops/log/')}{name(7)}"
    shown = subprocess.run(
        ["git", "-C", str(clone), "log", "-z", "--format=%B", ref], capture_output=True, check=True
    )
    if parsed:
        subprocess.run([sys.executable, "-c", PARSE], input=shown.stdout, check=True)


def show_log(clone: Path, environ: Mapping[str, str]) -> None:
    """`gitops log` of one model."""
    done = subprocess.run(
        [sys.executable, "-m", "gitops", "log", name(7)],
        cwd=clone,
        env=environ,
        capture_output=True,
        check=True,
    )
    if done.stdout.count(b"\n") < ENTRIES // 2:
        raise SystemExit("entries are missing")


def main() -> None:
    """Make the logs, measure and print."""
    rounds = rounds_wanted(__doc__, 9)
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="gitops-benchmark-") as place:
        clone = made(Path(place))
        what = f"{MODELS} logs of {ENTRIES:,} entries"
        compare(
            f"Fetch with nothing new: {what}",
            [Case(name="floor: git fetch", run=partial(processor_time, partial(fetch, clone)))],
            [
                Case(
                    name="fetching the log",
                    run=partial(processor_time, partial(fetch_log, clone)),
                )
            ],
            rounds,
        )
        compare(
            f"gitops log of one model: {what}",
            [
                Case(
                    name="floor: git log, and parse",
                    run=partial(processor_time, partial(show, clone, parsed=True)),
                ),
                Case(
                    name="git log alone",
                    run=partial(processor_time, partial(show, clone, parsed=False)),
                ),
            ],
            [
                Case(
                    name="gitops log MODEL",
                    run=partial(processor_time, partial(show_log, clone, environ)),
                )
            ],
            rounds,
        )


if __name__ == "__main__":
    main()
