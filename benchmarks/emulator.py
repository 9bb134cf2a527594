"""The emulator: simple GETs on one core, and a fleet of 2,000 models seeded into a state file.

Measured: the processor time that an emulator of 100 models, without rate limits, takes for 2,000
GETs of a model, a deployment or an environment, over one connection and one after the other. One
core does as many in a second as this says, however busy the machine is with other things.
Floor: a bare route of the same server. uvicorn with the same protocol and settings, in a process
of its own, and one Starlette route that answers a constant as JSON.
Second floor, only for comparison: the same without Starlette, an application that sends constant
bytes whatever is asked.
Goal: half as many requests a second, that is 2 times the floor.

Then `gitops emulator seed --models 2000 --state FILE`, a whole process, from start to exit.
Floor: the least that SQLite takes for what is in that file afterwards, its rows inserted into a new
file of the same tables in one transaction, in this process.
Goal: 10 seconds.

    python benchmarks/emulator.py [--rounds N]
"""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from measuring.servers import emulator, environment, server
from measuring.side_by_side import Case, compare, rounds_wanted, shown

MODELS, REQUESTS, FLEET = 100, 2000, 2000
GOAL = 2
SEED_GOAL = 10.0

BARE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

CONSTANT = {constant}

async def plain(scope, receive, send):
    body = b'{{"id": "abcdefgh"}}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": body}})

async def constant(request):
    return JSONResponse(CONSTANT)

routed = Starlette(routes=[Route("/v1/models/{{model_id}}", constant)])
uvicorn.run(
    routed if sys.argv[2] == "routed" else plain, port=int(sys.argv[1]), http="h11", ws="none",
    lifespan="off", log_config=None, log_level="critical", date_header=False,
    server_header=False, access_log=False, timeout_keep_alive=75,
)
"""


@contextmanager
def bare(kind: str, constant: object) -> Iterator[tuple[int, str]]:
    """A server of one route: its process and address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with server("-c", BARE.format(constant=repr(constant)), str(port), kind) as process:
        until = time.monotonic() + 30
        while time.monotonic() < until and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
                continue
            break
        yield process.pid, f"127.0.0.1:{port}"


class Reader:
    """A client that does as little as it can, over one connection."""

    def __init__(self, process: int, address: str, path: str, key: str) -> None:
        # Linux's name for the processor time of another process.
        self._clock = (~process << 3) | 2
        host, _, port = address.partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\n"
            f"User-Agent: benchmark\r\nAuthorization: Bearer {key}\r\n\r\n"
        ).encode()

    def get(self) -> bytes:
        """The body of one answer; anything but a 200 ends the benchmark."""
        self._socket.sendall(self._request)
        head, _, body = self._socket.recv(65536).partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(maxsplit=1)[0])
        while len(body) < length:
            body += self._socket.recv(65536)
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"{head.decode()}\n{body.decode()}")
        return body

    def many(self) -> float:
        """Seconds of processor time that the server takes for all requests."""
        begun = time.clock_gettime(self._clock)
        for _ in range(REQUESTS):
            self.get()
        return time.clock_gettime(self._clock) - begun


def reads(rounds: int) -> None:
    """Measure GETs beside bare routes and print a table."""
    with ExitStack() as stack:
        process, variables = stack.enter_context(emulator(MODELS, "--no-rate-limits"))
        address = urlsplit(variables["BASETEN_API_URL"]).netloc
        key = variables["BASETEN_API_KEY"]
        models = Reader(process, address, "/v1/models", key).get()
        model = json.loads(models)["models"][0]
        path = f"/v1/models/{model['id']}"

        def floor(kind: str) -> Reader:
            return Reader(*stack.enter_context(bare(kind, model)), path, key)

        def case(name: str, where: str) -> Case:
            return Case(name=name, run=Reader(process, address, where, key).many, goal=GOAL)

        floors = [
            Case(name="floor: a bare route", run=floor("routed").many),
            Case(name="constant bytes", run=floor("plain").many),
        ]
        cases = [
            case("GET a model", path),
            case("GET a deployment", f"{path}/deployments/{model['production_deployment_id']}"),
            case("GET an environment", f"{path}/environments/production"),
        ]
        compare(f"{REQUESTS:,} GETs, in processor time", floors, cases, rounds)
        print()
        for each in (*floors, *cases):
            print(f"{each.name:20} {REQUESTS / median(each.seconds):7,.0f} a second on one core")


def seed(state: Path) -> float:
    """Seconds of a whole `gitops emulator seed`."""
    command = ["-m", "gitops", "emulator", "seed", "--models", str(FLEET), "--state", str(state)]
    begun = time.perf_counter()
    subprocess.run([sys.executable, *command], env=environment(), check=True, capture_output=True)
    return time.perf_counter() - begun


def copy(state: Path, target: Path) -> float:
    """Seconds to insert a state's rows into a new file."""
    with closing(sqlite3.connect(state)) as source:
        tables = [sql for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE sql > ''")]
        rows = source.execute("SELECT * FROM entries").fetchall()
    begun = time.perf_counter()
    with closing(sqlite3.connect(target, isolation_level=None)) as file:
        for sql in ("PRAGMA journal_mode = WAL", *tables, "BEGIN"):
            file.execute(sql)
        file.executemany("INSERT INTO entries VALUES (?, ?, ?, ?)", rows)
        file.execute("COMMIT")
    return time.perf_counter() - begun


def seeds(rounds: int) -> None:
    """Measure seeding and print it."""
    took, floor = [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="gitops-benchmark-") as place:
            state = Path(place, f"{number}.state")
            took.append(seed(state))
            floor.append(copy(state, Path(place, "copy.state")))
    met = "met" if median(took) <= SEED_GOAL else "MISSED"
    print(
        f"\n{FLEET:,} models seeded into a state file; median of {rounds}\n\n"
        f"floor: SQLite with the same rows  {shown(median(floor))}\n"
        f"gitops emulator seed              {shown(median(took))}  goal {SEED_GOAL:g} s  {met}"
    )


def main() -> None:
    """Measure and print."""
    rounds = rounds_wanted(__doc__, 9)
    reads(rounds)
    seeds(min(rounds, 5))


if __name__ == "__main__":
    main()
