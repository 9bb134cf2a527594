"""`--state`: an emulator that ends and begins again is the same workspace."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

import gitops.emulator
from gitops.emulator import ManualClock, Options
from gitops.emulator.clock import WallClock
from gitops.emulator.emulator import Emulator
from gitops.emulator.storage.problem import StateError
from gitops.emulator.storage.shape import shape_of
from gitops.emulator.uploads import Bucket
from gitops.emulator.world.create import create_world
from gitops.emulator.world.entities import Deployment
from gitops.emulator.world.kept import Entity, Rows
from gitops.emulator.world.state import State
from tests.emulator import kept, test_world
from tests.emulator.client import Client, echo_truss, python_truss


@pytest.fixture
def state(memory: Path) -> Path:
    return memory / "emulator.state"


@contextmanager
def life(state: Path, **switches: Any) -> Iterator[Client]:
    """A client of an emulator that goes on with a state."""
    named = {"state": state, "control": True, "rate_limits": False, **switches}
    with (
        gitops.emulator.running(Options(**named), clock=ManualClock()) as emulator,
        Client(emulator) as client,
    ):
        yield client


def test_a_workspace_outlives_its_emulator(state: Path) -> None:
    with life(state) as client:
        client.post("/v1/secrets", name="token", value="hush")
        model_id, first = client.live(python_truss("hello"))
        second = client.ready(model_id, python_truss("salut"))
        assert client.predict(model_id, {"name": "you"}).json()["said"] == "hello"
        client.promote(model_id, second)
        client.emulator.advance(20)
        moving = client.environment(model_id)["in_progress_promotion"]
        asked = [
            ("/v1/models", {}),
            (f"/v1/models/{model_id}/deployments", {}),
            ("/v1/secrets", {}),
            ("/v1/audit_logs", {}),
            ("/v1/teams", {}),
        ]
        before = [client.get(path, **query) for path, query in asked]
        logs = client.get(f"/v1/models/{model_id}/deployments/{first}/logs")["logs"]
    with life(state) as client:
        assert [client.get(path, **query) for path, query in asked] == before
        assert client.environment(model_id)["in_progress_promotion"] == moving
        now = client.get(f"/v1/models/{model_id}/deployments/{first}/logs")["logs"]
        assert now[-len(logs) :] == logs
        assert any("comes up again" in line["message"] for line in now[: -len(logs)])
        assert client.predict(model_id, {"name": "you"}).status_code == 200
        client.emulator.advance(300)
        assert client.deployment(model_id)["id"] == second
        assert client.predict(model_id, {"name": "you"}).json()["said"] == "salut"


def test_what_was_going_on_goes_on(state: Path) -> None:
    with life(state) as client:
        building = client.create(python_truss())
        client.emulator.advance(100)
        loading = client.create(python_truss(), name="other")
        client.emulator.advance(60)
        statuses = [client.deployment(each["model"]["id"])["status"] for each in (building,)]
    assert statuses == ["ACTIVE"]
    with life(state) as client:
        path = f"/v1/models/{loading['model']['id']}/deployments/{loading['deployment']['id']}"
        assert client.get(path)["status"] == "BUILDING"
        client.emulator.advance(300)
        assert client.get(path)["status"] == "ACTIVE"


def test_a_load_begins_again(state: Path) -> None:
    truss = echo_truss(load_seconds=100)
    with life(state) as client:
        made = client.create(truss)
        client.emulator.advance(150)
        path = f"/v1/models/{made['model']['id']}/deployments/{made['deployment']['id']}"
        assert client.get(path)["status"] == "LOADING_MODEL"
    with life(state) as client:
        assert client.get(path)["status"] == "LOADING_MODEL"
        client.emulator.advance(200)
        assert client.get(path)["status"] == "ACTIVE"


def test_what_became_due_meanwhile_happens_at_the_start(state: Path) -> None:
    with life(state) as client:
        made = client.create(echo_truss())
        path = f"/v1/models/{made['model']['id']}/deployments/{made['deployment']['id']}"
        now = client.emulator.world.now
    later = ManualClock(now + 100)
    with (
        gitops.emulator.running(state=state, clock=later) as emulator,
        Client(emulator) as client,
    ):
        assert client.get(path)["status"] == "DEPLOYING"


def test_an_upload_in_parts_can_be_finished(state: Path) -> None:
    with life(state) as client:

        def begin() -> str:
            uploads = client.emulator.emulator.uploads
            upload_id = uploads.begin("models/0/model.tgz")
            part = uploads.new_file()
            part.write_bytes(b"first ")
            uploads.multiparts[upload_id].parts[1] = part, "0" * 32
            return upload_id

        upload_id = client.emulator.call(begin)
    with life(state) as client:

        def finish() -> bytes:
            uploads = client.emulator.emulator.uploads
            part = uploads.new_file()
            part.write_bytes(b"second")
            uploads.multipart(upload_id, "models/0/model.tgz").parts[2] = part, "1" * 32
            stored = uploads.complete(
                upload_id, "models/0/model.tgz", [(1, "0" * 32), (2, "1" * 32)]
            )
            return stored.path.read_bytes()

        assert client.emulator.call(finish) == b"first second"
    with closing(sqlite3.connect(state)) as file:
        assert file.execute("SELECT count(DISTINCT name) FROM files").fetchone()[0] >= 1


def test_a_seeded_state_is_not_seeded_again(state: Path) -> None:
    from gitops.emulator import seeding

    seeding.into_file(state, 3, ["staging", "canary"])
    seeding.into_file(state, 2, [])
    with life(state) as client:
        models = client.get("/v1/models")["models"]
        assert [each["name"] for each in models] == [f"model-00{n}" for n in range(1, 6)]
        names = [
            each["name"]
            for each in client.get(f"/v1/models/{models[0]['id']}/environments")["environments"]
        ]
        assert names == ["production", "staging", "canary"]
        assert client.predict(models[4]["id"], {"a": 1}).json() == {"a": 1}


def test_a_wrong_environment_seeds_nothing(state: Path) -> None:
    from gitops.emulator import seeding

    with pytest.raises(seeding.SeedError, match="not valid"):
        seeding.into_file(state, 3, ["not a name"])
    with life(state) as client:
        assert client.get("/v1/models")["models"] == []


def test_only_an_emulator_here_is_seeded(state: Path) -> None:
    from gitops.emulator import seeding

    with life(state) as client:
        seeding.into_running(client.emulator.api_url, 2, ["staging"])
        assert len(client.get("/v1/models")["models"]) == 2
        url = client.emulator.api_url
    with pytest.raises(seeding.SeedError, match="No emulator answers"):
        seeding.into_running(url, 1, [])
    with pytest.raises(seeding.SeedError, match="not on this machine"):
        seeding.into_running("https://api.baseten.co", 1, [])
    with (
        gitops.emulator.running() as emulator,
        pytest.raises(seeding.SeedError, match="start it with --control"),
    ):
        seeding.into_running(emulator.api_url, 1, [])


def foreign_text(path: Path) -> None:
    path.write_text("model_name: echo\n")


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE mine (value)")
        file.commit()


def another_version(path: Path) -> None:
    with life(path):
        pass
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 9")


def another_content(path: Path) -> None:
    with life(path) as client:
        client.post("/v1/secrets", name="token", value="hush")
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE entries SET body = '{}' WHERE place LIKE '%/secrets'")
        file.commit()


def another_event(path: Path) -> None:
    with life(path) as client:
        client.create(echo_truss())
    with closing(sqlite3.connect(path)) as file:
        file.execute(
            "UPDATE entries SET body = replace(CAST(body AS TEXT), 'lifecycle', 'older')"
            " WHERE place LIKE '%/planned'"
        )
        file.commit()


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (foreign_text, "is not a state of `gitops emulator`; it was left as it is"),
        (foreign_database, "is not a state of `gitops emulator`; it was left as it is"),
        (another_version, "its format is 9, this one reads 1"),
        (another_content, "cannot be read by this one"),
        (another_event, "cannot be read by this one"),
        (a_folder, "cannot be opened: Is a directory"),
    ],
)
def test_what_cannot_be_a_state_is_refused_and_left_alone(
    state: Path, make: Any, says: str
) -> None:
    make(state)
    before = state.read_bytes() if state.is_file() else b""
    with pytest.raises(StateError, match=says), life(state):
        pass
    assert (state.read_bytes() if state.is_file() else b"") == before


def test_a_state_belongs_to_one_emulator(state: Path) -> None:
    with life(state) as client:
        with pytest.raises(StateError, match="in use by another emulator"), life(state):
            pass
        client.post("/v1/secrets", name="token", value="hush")
    with life(state) as client:
        assert len(client.get("/v1/secrets")["secrets"]) == 1


def test_a_state_keeps_its_workspaces_name(state: Path) -> None:
    with life(state, workspace="ours"):
        pass
    theirs = life(state, workspace="theirs")
    with pytest.raises(StateError, match="holds the workspace ours, not theirs"), theirs:
        pass
    with life(state) as client:
        assert client.emulator.world.workspace == "ours"


def test_a_state_is_for_its_owners_eyes(state: Path) -> None:
    with life(state):
        assert state.stat().st_mode & 0o077 == 0


def test_one_file_is_left(state: Path) -> None:
    with life(state) as client:
        client.live()
    assert [each.name for each in state.parent.iterdir()] == [state.name]


RUNNING_ONLY = {
    "audit",
    "deployments",
    "faults",
    "ids",
    "loads",
    "now",
    "on_change",
    "on_promotion_end",
    "on_status",
    "options",
    "runner",
    "timeline",
}
"""What of a world is worked out anew, or comes from the command line each time."""


def test_all_of_a_world_is_kept_or_known_not_to_be() -> None:
    world = create_world(Options(), kept.NoTrusses(), 0.0)
    assert set(vars(world)) <= RUNNING_ONLY, "new state belongs into State, as a field"


@pytest.mark.parametrize("root", [State, Bucket])
def test_what_is_changed_in_place_notices_it(root: type) -> None:
    """Every dataclass that is an entry of Rows is frozen, or an Entity."""
    unnoticed = [kind for kind in _entries(root) if not _notices(kind)]
    assert unnoticed == []


def _entries(kind: type) -> Iterator[Any]:
    from typing import get_args, get_origin, get_type_hints

    for name, hint in get_type_hints(kind).items():
        if name in kind.__dataclass_fields__ and get_origin(hint) is Rows:
            value = get_args(hint)[1]
            yield value
            if shape_of(value).parts:
                yield from _entries(value)


def _notices(kind: Any) -> bool:
    parameters = getattr(kind, "__dataclass_params__", None)
    told_by_hand = kind.__name__ == "Bucket" and kind.__module__.endswith("samples")
    return parameters is None or parameters.frozen or issubclass(kind, Entity) or told_by_hand


def test_reading_changes_nothing(state: Path) -> None:
    async def look() -> int:
        emulator = Emulator(Options(state=state), WallClock(), state.parent / "folder")
        gitops.emulator.world.create.seed(emulator.world, 3)
        emulator.save()
        written = []
        emulator._store._file.write = lambda *_, **named: written.append(named)
        for model in emulator.world.models.values():
            for deployment in model.deployments.values():
                assert isinstance(deployment, Deployment)
                assert deployment.labels is None
                assert list(deployment.replica_history)
            assert model.environments["staging"].stints
        emulator.save()
        await emulator.stop()
        return len(written)

    assert asyncio.run(look()) == 0


class AnythingKept(test_world.Anything):
    """Whatever two people do, the file holds what the world holds."""

    def __init__(self) -> None:
        super().__init__()
        from tempfile import TemporaryDirectory

        self.folder = TemporaryDirectory()
        self.store: Any = None

    @invariant()
    def it_is_kept(self) -> None:
        from gitops.emulator.storage.store import Store
        from gitops.emulator.uploads import Uploads

        path = Path(self.folder.name)
        if self.store is None:
            self.store = Store(path / "state", path / "files")
            self.uploads = Uploads(path / "files", lambda: 0.0)
            self.store.keep("world", self.world, State)
            self.store.keep("uploads", self.uploads, Bucket)
            self.store.read()
        self.store.write(self.world.now)

    def teardown(self) -> None:
        if self.store is not None:
            self.store.close()
            path = Path(self.folder.name)
            held = kept.of(self.world, self.uploads)
            assert kept.read(path / "state", path / "other") == held
        self.folder.cleanup()


TestAnythingKept = AnythingKept.TestCase
TestAnythingKept.settings = settings(max_examples=10, stateful_step_count=30)
