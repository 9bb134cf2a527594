"""Plan: a fleet of 200 models in two environments each, against an API that counts requests.

Measured: a whole `gitops plan` process, from start to exit, in a repository of 200 release files
whose 400 environments are all as Git wants them. The emulator runs in a process of its own, on the
same cores, with Baseten's documented rate limits on; every run has an API key of its own, so that
none is slowed down by the requests of the one before. A 429 ends the benchmark.
Floor: the rate limit. Whatever a client does, the environments of N models are N reads of one
endpoint, and Baseten allows R = 100 of these per second: N / R = 2.0 s for 200 models. It is
measured with a client that does nothing else: it sends the 200 reads over one connection, evenly,
each 1 / R after the one before, and throws the answers away.
Second floor, only for comparison: a limit may also be used up in bursts, R reads at once and the
next R a second after these were answered. No client can be done before (N / R - 1) s = 1.0 s.
A plan starts with a burst, and so can be faster than the even floor, never than this one.
Goal: 1.1 times the floor.

    python benchmarks/plan.py [--rounds N]
"""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from measuring.fleets import adopted
from measuring.servers import emulator, environment
from measuring.side_by_side import Case, compare, rounds_wanted

MODELS = 200
RATE = 100
"""Reads per second that Baseten documents for this endpoint."""
GOAL = 1.1


class Bare:
    """A client that reads and throws away, over one connection, with a key of its own."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self._headers = {"Authorization": f"Bearer {new_key()}"}

    def get(self, path: str) -> bytes:
        """The answer's body; anything but a 200 ends the benchmark."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}: {content.decode()}")
        return content


def new_key() -> str:
    """A throwaway API key."""
    return f"benchmark.{secrets.token_urlsafe(24)}"


def read_all(url: str, paths: list[str], *, apart: float) -> float:
    """Seconds to read everything, each path ``apart`` seconds or more after the one before.

    None is sent sooner than a second after the one RATE places before it was answered.
    """
    client = Bare(url)
    answered: list[float] = []
    begun = time.perf_counter()
    for number, path in enumerate(paths):
        earliest = begun + number * apart
        if number >= RATE:
            earliest = max(earliest, answered[number - RATE] + 1.0)
        time.sleep(max(0.0, earliest - time.perf_counter()))
        client.get(path)
        answered.append(time.perf_counter())
    # The last read has its share of the rate too.
    time.sleep(max(0.0, begun + len(paths) * apart - time.perf_counter()))
    return time.perf_counter() - begun


def plan(folder: Path, variables: dict[str, str]) -> float:
    """Seconds that a plan takes from the process's start to its end."""
    environ = {**environment(), **variables, "BASETEN_API_KEY": new_key()}
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "gitops", "plan", "--detailed-exitcode"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - begun
    if done.returncode != 0:
        raise SystemExit(f"gitops plan ended with {done.returncode}: {done.stdout}{done.stderr}")
    return took


def refused(url: str) -> int:
    """How many requests the emulator has refused with 429 so far."""
    journal = json.loads(Bare(url).get("/__emulator__/requests"))
    return sum(each["status"] == 429 for each in journal["requests"])


def main() -> None:
    """Start the emulator, measure and print."""
    rounds = rounds_wanted(__doc__, 9)
    with (
        tempfile.TemporaryDirectory(prefix="gitops-benchmark-") as place,
        emulator(MODELS, "--control") as (_, variables),
    ):
        folder = Path(place, "fleet")
        adopted(folder, models=MODELS)
        url = variables["BASETEN_API_URL"]
        listed = json.loads(Bare(url).get("/v1/models"))["models"]
        paths = [f"/v1/models/{model['id']}/environments" for model in listed]
        if len(paths) != MODELS:
            raise SystemExit(f"the emulator has {len(paths)} models")
        compare(
            f"Plan {MODELS} models",
            [
                Case(
                    name=f"floor: {MODELS} reads at an even {RATE}/s",
                    run=partial(read_all, url, paths, apart=1 / RATE),
                ),
                Case(
                    name=f"{MODELS} reads in bursts of {RATE}",
                    run=partial(read_all, url, paths, apart=0.0),
                ),
            ],
            [Case(name="gitops plan", run=partial(plan, folder, variables), goal=GOAL)],
            rounds,
        )
        if refused(url):
            raise SystemExit(f"{refused(url)} requests were refused with 429")


if __name__ == "__main__":
    main()
