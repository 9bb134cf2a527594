"""Whole round trips over real HTTP: read, push with a real upload, probe, promote, look back."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import gitops.emulator
from gitops.apply.clock import SystemClock
from gitops.baseten.client import Baseten
from gitops.baseten.endpoint import from_environment
from gitops.emulator import ManualClock, Options, Running
from gitops.errors import Interrupted, NotFound, RequestRefused, ResponseLost, Unavailable
from gitops.state.artifact import Artifact
from gitops.state.live import Deployment
from gitops.state.names import ModelKey

KEY = ModelKey(None, "echo")
CONFIG = "model_name: echo\ndocker_server:\n  predict_endpoint: /predict\n"
ARTIFACT = Artifact(
    digest="5e" * 32,
    commit="c0" * 20,
    truss="trusses/echo",
    config={"model_name": "echo", "docker_server": {"predict_endpoint": "/predict"}},
    raw_config=CONFIG,
)


def archive(padding: int = 0) -> Iterator[bytes]:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, content in {"config.yaml": CONFIG.encode(), "data.bin": b"x" * padding}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    whole.seek(0)
    while piece := whole.read(64 << 10):
        yield piece


class EmulatedClock:
    """The emulator's own time; whoever waits moves it on."""

    def __init__(self, emulator: Running, clock: ManualClock) -> None:
        self._emulator = emulator
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), tz=UTC)

    def monotonic(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self._emulator.advance(seconds)


@pytest.fixture
def options() -> dict[str, Any]:
    return {}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def emulator(options: dict[str, Any], clock: ManualClock) -> Iterator[Running]:
    switches = {"control": True, "rate_limits": False, **options}
    with gitops.emulator.running(Options(**switches), clock=clock) as it:
        yield it


@pytest.fixture
def baseten(emulator: Running, clock: ManualClock) -> Iterator[Baseten]:
    endpoint = from_environment(emulator.environ())
    with Baseten(endpoint, EmulatedClock(emulator, clock)) as it:
        yield it


def push(baseten: Baseten, *, name: str = "git-5e5e", padding: int = 0) -> Deployment:
    model = baseten.reader.model(KEY)
    return baseten.writer.push(
        KEY, model.id if model else None, ARTIFACT, name=name, archive=lambda: archive(padding)
    )


def ready(baseten: Baseten, emulator: Running, pushed: Deployment) -> Deployment:
    for _ in range(40):
        found = baseten.reader.deployment(pushed.model_id, pushed.id)
        if found is not None and found.status in {"ACTIVE", "BUILD_FAILED", "FAILED"}:
            return found
        emulator.advance(10)
    raise AssertionError("it never became ready")


@pytest.mark.parametrize("padding", [0, 20 << 20], ids=["one part", "many parts"])
def test_a_push_arrives_whole(baseten: Baseten, emulator: Running, padding: int) -> None:
    pushed = push(baseten, padding=padding)
    assert pushed.name == "git-5e5e"
    assert pushed.status == "BUILDING"
    # Not there by its id for the first seconds, and that is no error.
    assert baseten.reader.deployment(pushed.model_id, pushed.id) is None
    found = ready(baseten, emulator, pushed)
    assert found.status == "ACTIVE"
    assert found.labels == ARTIFACT.labels
    model = baseten.reader.model(KEY)
    assert model is not None
    assert baseten.reader.model_name(model.id) == "echo"
    assert [each.id for each in baseten.reader.deployments(model.id)] == [pushed.id]
    again = push(baseten, name="git-5e5e-2")
    assert again.model_id == model.id
    assert baseten.reader.logs(model.id, pushed.id, limit=5)


def test_a_release_and_what_can_be_read_of_it(baseten: Baseten, emulator: Running) -> None:
    push(baseten)
    pushed = ready(baseten, emulator, push(baseten, name="git-5e5e-2"))
    model_id = pushed.model_id
    settings: dict[str, Any] = {
        "autoscaling_settings": {"min_replica": 1, "max_replica": 3},
        "promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 20}},
    }
    baseten.writer.create_environment(model_id, "staging", settings)
    created = baseten.reader.environment(model_id, "staging")
    assert created is not None
    assert created.current is None
    assert created.settings.autoscaling["max_replica"] == 3
    assert created.settings.promotion["rolling_deploy"] is False

    began = baseten.reader._transport.clock.now()
    promoted = baseten.writer.promote(
        model_id, "staging", pushed.id, settings={"autoscaling_settings": {"max_replica": 2}}
    )
    for _ in range(40):
        staging = baseten.reader.environment(model_id, "staging")
        assert staging is not None
        if staging.current is not None and staging.candidate is None:
            break
        emulator.advance(10)
    assert staging.current is not None
    assert staging.current.id == promoted.id
    emulator.advance(30)
    staging = baseten.reader.environment(model_id, "staging")
    assert staging is not None
    assert staging.settings.autoscaling["max_replica"] == 2

    entries = baseten.reader.audit(model_id, since=began)
    assert entries is not None
    (entry,) = [each for each in entries if each.event_type == "MODEL_DEPLOYMENT_PROMOTED"]
    assert entry.own
    assert not entry.person
    assert (entry.environment, entry.deployment_id) == ("staging", promoted.id)

    baseten.writer.update_environment(
        model_id, "staging", {"request_backpressure_settings": {"policy": "REJECT_ON_FULL"}}
    )
    emulator.advance(30)
    staging = baseten.reader.environment(model_id, "staging")
    assert staging is not None
    assert staging.settings.backpressure == {"policy": "REJECT_ON_FULL"}


def test_probes_and_the_figures_they_leave(
    baseten: Baseten, emulator: Running, clock: ManualClock
) -> None:
    pushed = ready(baseten, emulator, push(baseten))
    start = datetime.fromtimestamp(clock.now(), tz=UTC)
    chat = {"messages": [{"role": "user", "content": "ping"}]}
    for path, body in (("/v1/chat/completions", chat), ("/predict", {"a": 1})):
        answer = baseten.prober.send(pushed.model_id, pushed.id, path, body, headers={}, timeout=30)
        assert answer.status == 200, answer
        assert answer.error is None
    assert b'"a"' in answer.body
    streamed = baseten.prober.send(
        pushed.model_id,
        pushed.id,
        "/v1/chat/completions",
        {**chat, "stream": True},
        headers={},
        timeout=30,
        stream=True,
    )
    assert streamed.events > 0
    assert streamed.first_token is not None
    missing = baseten.prober.send(pushed.model_id, "none", "/predict", {}, headers={}, timeout=30)
    assert missing.status == 404
    emulator.advance(240)
    window = baseten.reader.window(
        pushed.model_id, pushed.id, start, start + timedelta(seconds=120)
    )
    assert window.requests == pytest.approx(3)
    assert window.errors == 0
    assert window.latency


def test_waking_what_scaled_to_zero(baseten: Baseten, emulator: Running) -> None:
    pushed = ready(baseten, emulator, push(baseten))
    emulator.set_status(pushed.id, "SCALED_TO_ZERO")
    baseten.prober.wake(pushed.model_id, pushed.id)
    woken = ready(baseten, emulator, pushed)
    assert woken.status == "ACTIVE"
    with pytest.raises(RequestRefused, match="does not wake"):
        baseten.prober.wake(pushed.model_id, "none")


def test_activate_and_retry(baseten: Baseten, emulator: Running) -> None:
    pushed = ready(baseten, emulator, push(baseten))
    emulator.set_status(pushed.id, "INACTIVE")
    baseten.writer.activate(pushed.model_id, pushed.id)
    assert ready(baseten, emulator, pushed).status == "ACTIVE"
    assert baseten.writer.retry(pushed.model_id, pushed.id)
    emulator.set_status(pushed.id, "DEPLOY_FAILED")
    assert baseten.writer.retry(pushed.model_id, pushed.id) is None


def test_a_lost_answer_to_a_create_is_lost_and_the_deployment_is_there(
    baseten: Baseten, emulator: Running
) -> None:
    emulator.fault(kind="drop_after", method="POST", path="^/v1/models$")
    with pytest.raises(ResponseLost) as caught:
        push(baseten)
    assert emulator.api_key not in str(caught.value) + repr(vars(caught.value))
    model = baseten.reader.model(KEY)
    assert model is not None
    (found,) = baseten.reader.deployments(model.id)
    assert found.labels == ARTIFACT.labels
    creates = [each for each in emulator.requests(writes=True) if each["path"] == "/v1/models"]
    assert len(creates) == 1


def test_a_write_that_was_dropped_is_lost_too(baseten: Baseten, emulator: Running) -> None:
    (model_id,) = emulator.seed(1)
    emulator.fault(kind="drop_before", method="PATCH")
    with pytest.raises(ResponseLost):
        baseten.writer.update_environment(
            model_id, "production", {"autoscaling_settings": {"max_replica": 2}}
        )


def test_dropped_and_failing_reads_are_tried_again(baseten: Baseten, emulator: Running) -> None:
    (model_id,) = emulator.seed(1)
    emulator.fault(kind="drop_before", method="GET", times=2)
    emulator.fault(kind="status", method="GET", status=503)
    assert baseten.reader.model_name(model_id) is not None


def test_an_upload_that_fails_creates_nothing(baseten: Baseten, emulator: Running) -> None:
    emulator.fault(kind="status", method="PUT", status=403, times=50, body="<Error/>")
    with pytest.raises(Unavailable, match="could not be uploaded"):
        push(baseten)
    assert baseten.reader.model(KEY) is None


def test_an_upload_that_is_interrupted_creates_nothing(
    emulator: Running, clock: ManualClock
) -> None:
    class Stopped(EmulatedClock):
        pieces = 0

        def sleep(self, seconds: float) -> None:
            self.pieces += 1
            if self.pieces > 200:
                raise Interrupted("interrupted by SIGTERM")
            super().sleep(seconds)

    stopped = Stopped(emulator, clock)
    with (
        Baseten(from_environment(emulator.environ()), stopped) as baseten,
        pytest.raises(Interrupted),
    ):
        push(baseten, padding=20 << 20)
    writes = [each["path"] for each in emulator.requests(writes=True)]
    assert "/v1/models" not in writes


def test_refusals_have_basetens_words(baseten: Baseten, emulator: Running) -> None:
    (model_id,) = emulator.seed(1)
    with pytest.raises(RequestRefused) as caught:
        baseten.writer.create_environment(model_id, "staging", {})
    assert caught.value.status == 409
    assert "staging" in caught.value.message
    with pytest.raises(NotFound):
        baseten.writer.promote(model_id, "staging", "none")


@pytest.mark.parametrize(
    "options",
    [{"mode": "july"}, {"mode": "newest", "shuffle_lists": True}, {"sparse": True}],
    ids=["july", "newest", "sparse"],
)
def test_older_and_newer_servers_read_alike(
    baseten: Baseten, emulator: Running, options: dict[str, Any]
) -> None:
    (model_id,) = emulator.seed(1)
    key = ModelKey(None, "model-001")
    live = baseten.reader.live([key], prices=True, secrets=True).models[str(key)]
    assert [each.name for each in live.environments] == ["production", "staging"]
    assert all(each.current is not None for each in live.environments)
    blocks = {"autoscaling_settings": {"max_replica": 5}}
    baseten.writer.update_environment(model_id, "staging", blocks)
    emulator.advance(30)
    staging = baseten.reader.environment(model_id, "staging")
    assert staging is not None
    assert staging.settings.autoscaling["max_replica"] == 5
    july = options.get("mode") == "july"
    assert (staging.settings.backpressure is None) is july
    assert (baseten.reader.audit(model_id) is None) is july
    first, second = baseten.reader.deployments(model_id)
    assert (first.created_at, first.id) <= (second.created_at, second.id)


def test_a_fleet_is_read_without_ever_being_too_fast() -> None:
    with gitops.emulator.running(rate_limits=True) as emulator:
        emulator.seed(200)
        endpoint = from_environment(emulator.environ())
        names = [f"model-{number:03d}" for number in range(1, 201)]
        with Baseten(endpoint, SystemClock()) as baseten:
            live = baseten.reader.live(
                [ModelKey(None, name) for name in names], prices=True, secrets=True
            )
        assert len(live.models) == 200
        assert all(len(model.environments) == 2 for model in live.models.values())
        requests = emulator.requests()
    assert len(requests) <= 205
    assert {each["status"] for each in requests} == {200}


def test_a_model_of_a_team(clock: ManualClock) -> None:
    with gitops.emulator.running(Options(teams=("default", "ml")), clock=clock) as emulator:
        endpoint = from_environment(emulator.environ())
        with Baseten(endpoint, EmulatedClock(emulator, clock)) as baseten:
            key = ModelKey("ml", "echo")
            baseten.writer.push(key, None, ARTIFACT, name="git-1", archive=archive)
            live = baseten.reader.live([key, KEY])
            assert {each.name for each in live.teams} == {"default", "ml"}
            assert list(live.models) == ["ml/echo"]
            assert live.models["ml/echo"].team == "ml"
            with pytest.raises(NotFound, match="team none is not in this workspace"):
                baseten.reader.model(ModelKey("none", "echo"))
