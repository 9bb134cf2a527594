"""The floor of all that reads release files: plain Git, and the fastest loader of YAML 1.2."""

from __future__ import annotations

import gc
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ryaml import loads

from measuring.fleets import git


def blobs(folder: Path, commit: str, under: str, name: str) -> list[str]:
    """The ids of the files of a commit below a folder whose path ends in a name."""
    listed = git(folder, "ls-tree", "-r", commit, "--", under).splitlines()
    return [line.split()[2] for line in listed if line.endswith(name)]


def read_and_parse(folder: Path, ids: list[str], listings: tuple[str, ...] = ()) -> None:
    """List trees, read blobs and parse them."""
    for commit in listings:
        subprocess.run(
            ["git", "-C", str(folder), "ls-tree", "-r", "-z", commit, "--", "trusses"],
            capture_output=True,
            check=True,
        )
    done = subprocess.run(
        ["git", "-C", str(folder), "cat-file", "--batch"],
        input="".join(f"{each}\n" for each in ids).encode(),
        capture_output=True,
        check=True,
    )
    output, position, parsed = done.stdout, 0, []
    for _ in ids:
        end = output.index(b"\n", position)
        size = int(output[position:end].rpartition(b" ")[2])
        parsed.append(loads(output[end + 1 : end + 1 + size].decode()))
        position = end + size + 2
    if not all(isinstance(each, dict) for each in parsed):
        raise SystemExit("a blob holds no map")


def processor_time(work: Callable[[], object]) -> float:
    """Seconds of processor time that some work takes, here and in what it started and ended."""
    gc.collect()
    begun = _used()
    work()
    return _used() - begun


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
