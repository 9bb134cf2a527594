"""A repository with a long history and many release files, made by `git fast-import`."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

from measuring.fleets import CONFIG, MODEL, RELEASE, SCHEMA, TRUSS_CONFIG, git

MAIN = b"refs/heads/main"
START = 1_600_000_000


def long_history(folder: Path, *, commits: int, models: int, trusses: int, last: int) -> None:
    """A checkout of `main` with so many commits, release files and trusses.

    Work on trusses and on other files comes first, a file a commit; in the last 2 × `last` commits
    work and moves of pins take turns. Every release file has a pin of its own, to a commit that
    changed its truss. Always the same ids.
    """
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "--initial-branch=main")
    chance = random.Random(1)  # noqa: S311 - the same repository every time
    work = commits - 2 * last - 1
    touched = [chance.randrange(trusses * 2) for _ in range(work)]
    ids = _imported(folder, _work(trusses, touched))
    changed: dict[int, list[str]] = {truss: [ids[0]] for truss in range(trusses)}
    for number, truss in enumerate(touched[1:], start=1):
        if truss < trusses:
            changed[truss].append(ids[number])
    _imported(folder, _releases(models, trusses, last, changed, work))
    # As a clone has it: one pack.
    git(folder, "repack", "-a", "-d", "-q", "--window=4")
    git(folder, "reset", "-q", "--hard", "main")


def _work(trusses: int, touched: list[int]) -> Iterator[bytes]:
    for number, truss in enumerate(touched):
        yield _head(number, f"Work {number}")
        if number == 0:
            yield _file("gitops.yaml", CONFIG)
            yield _file("checks/chat-completion.schema.json", SCHEMA)
            for each in range(trusses):
                folder = f"trusses/truss-{each:03}"
                yield _file(f"{folder}/config.yaml", TRUSS_CONFIG.format(truss=each, change=0))
                yield _file(f"{folder}/model/__init__.py", "")
                yield _file(f"{folder}/model/model.py", MODEL.format(change=0))
        elif truss < trusses:
            yield _file(f"trusses/truss-{truss:03}/model/model.py", MODEL.format(change=number))
        else:
            yield _file(f"src/part-{truss % 50:02}/module-{truss:04}.py", f"CHANGE = {number}\n")


def _releases(
    models: int, trusses: int, last: int, changed: dict[int, list[str]], begun: int
) -> Iterator[bytes]:
    yield _head(begun, "Release")
    for number in range(models):
        yield _release(number, trusses, changed, behind=number // trusses + 2)
    for step in range(last):
        truss = step * 7 % trusses
        yield _head(begun + 2 * step + 1, f"Work after {step}")
        text = MODEL.format(change=begun + step)
        yield _file(f"trusses/truss-{truss:03}/model/model.py", text)
        yield _head(begun + 2 * step + 2, f"Ship {step}")
        yield _release(step * 11 % models, trusses, changed, behind=1)


def _release(number: int, trusses: int, changed: dict[int, list[str]], *, behind: int) -> bytes:
    truss = number % trusses
    pins = changed[truss]
    text = RELEASE.format(
        number=number,
        truss=truss,
        pin=pins[-min(behind, len(pins))],
        change=behind,
        least=1 + number % 3,
        most=4 + number % 7,
    )
    return _file(f"releases/model-{number:04}.yaml", text)


def _head(number: int, subject: str) -> bytes:
    parent = b"" if number == 0 else b"from refs/heads/main^0\n" if subject == "Release" else b""
    return (
        b"commit %s\nmark :%d\ncommitter Benchmark <benchmark@example.invalid> %d +0000\n"
        % (MAIN, number + 1, START + 60 * number)
        + _data(subject)
        + parent
    )


def _file(path: str, text: str) -> bytes:
    return b"M 100644 inline %s\n" % path.encode() + _data(text)


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s\n" % (len(content), content)


def _imported(folder: Path, stream: Iterator[bytes]) -> list[str]:
    """Import commits, and give their ids in their order."""
    marks = folder / ".git" / "marks"
    with subprocess.Popen(
        ["git", "-C", str(folder), "fast-import", "--quiet", f"--export-marks={marks}"],
        stdin=subprocess.PIPE,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    ) as process:
        assert process.stdin is not None
        process.stdin.writelines(stream)
        process.stdin.close()
    if process.returncode:
        raise SystemExit("git fast-import failed")
    rows = (line.split() for line in marks.read_text().splitlines())
    return [commit for _, commit in sorted((int(mark[1:]), commit) for mark, commit in rows)]
