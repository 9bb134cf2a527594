"""Status: one sentence that a person understands for every environment."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace

from gitops.decide.decision import Blocked, State
from gitops.plan.status import Status, build_status
from gitops.render.palette import ansi
from gitops.render.status import as_json, render
from gitops.state.live import Promotion
from tests.golden_files import Golden
from tests.plan.examples import (
    DRIFT,
    NOW,
    OLD,
    artifact,
    at_rest,
    deployment,
    desired,
    environment,
    live,
    live_environment,
    live_model,
    model,
    pushed,
    settings,
)


def fleet() -> Status:
    cases = {
        "ada": at_rest(),
        "bert": pushed(),
        "clip": settings("production", DRIFT),
        "dino": at_rest(
            State.BLOCKED,
            4,
            blocked=Blocked(
                why="the promotion in production was paused by alice@example.com",
                remedy="`gitops resume dino production` lets it go on",
            ),
        ),
        "emma": at_rest(State.HELD, 11, reason="held since 2026-11-19: it was rolled back"),
        "flux": at_rest(State.PAUSED, 1, serving=None, serving_status=None),
        "gemma": pushed(serving=None, serving_status=None),
        "hubert": at_rest(State.FOLLOW, 6),
        "ilm": at_rest(State.WAIT, 5, reason="deployment q93mzk7 is UPDATING"),
        "jina": settings(),
        "kokoro": at_rest(serving_status="UNHEALTHY"),
        "llama": at_rest(
            State.SUPERSEDED,
            3,
            reason="commit 7f3a9c5e1d2b is older than what was applied last",
        ),
        "mms": at_rest(State.ACTIVATE, 14, serving_status="INACTIVE"),
        "nomic": at_rest(State.RETRY, 15, serving_status="FAILED"),
        "opt": at_rest(State.VERIFY, 16),
        "phi": at_rest(
            State.WATCH,
            13,
            reason="deployment w5d8x2q was promoted to production and not judged yet",
        ),
        "qwen": at_rest(State.PROMOTE, 20),
        "ray": at_rest(State.CANCEL, 7),
    }
    moving = live_environment(
        candidate=deployment(dataclasses.replace(OLD, deployment_id="q93mzk7")),
        promotion=Promotion(status="RAMPING_UP", percent=25),
    )
    there = {name: live_model(name) for name in cases if name != "gemma"}
    there["dino"] = there["hubert"] = live_model(environments=(moving,))
    there["ada"] = live_model(
        environments=(
            live_environment(current=dataclasses.replace(deployment(), active_replicas=2)),
        )
    )
    observed = model(environment(mode="observe"), name="jina")
    models = tuple(observed if name == "jina" else model(name=name) for name in cases)
    return build_status(
        desired(*models),
        live(there),
        {name: {"production": decision} for name, decision in cases.items()},
        now=NOW,
    )


def test_a_fleet(golden: Golden) -> None:
    golden("status/fleet.txt", render(fleet()))


def test_a_fleet_for_scripts(golden: Golden) -> None:
    golden("status/fleet.json", as_json(fleet()))


def test_every_state_has_a_sentence() -> None:
    assert {each.state for each in fleet().environments} == {
        state.value for state in State if state is not State.PUSH
    } | {"push"}
    for line in render(fleet(), width=1000).splitlines():
        assert line.endswith(".")


def test_the_document_names_what_people_ask_about() -> None:
    body = json.loads(as_json(fleet()))
    dino = next(each for each in body["environments"] if each["model"] == "dino")
    assert dino["promotion"] == {"status": "RAMPING_UP", "percent": 25, "candidate": "q93mzk7"}
    assert dino["blocked"].startswith("the promotion in production was paused")
    assert dino["health"] == "ready"
    assert (dino["replicas"], dino["least"], dino["most"]) == (0, 0, 10)
    assert dino["sentence"].startswith("dino/production serves")


def test_a_pin_of_other_commits_with_the_same_files_is_told_once() -> None:
    pinned = environment(artifact=replace(artifact(), commit="8" * 40), name="production")
    built = artifact().commit
    there = {"ada": live_model("ada"), "bert": live_model("bert"), "clip": live_model("clip")}
    follows = replace(pinned, follows_head=True)
    status = build_status(
        desired(model(pinned, name="ada"), model(pinned, name="bert"), model(follows, name="clip")),
        live(there),
        {
            "ada": {"production": at_rest(built_from=built)},
            "bert": {"production": at_rest(State.PROMOTE, 20, built_from=built)},
            "clip": {"production": at_rest(built_from=built)},
        },
        now=NOW,
    )
    ada, bert, clip, _ = render(status, width=1000).splitlines()
    assert ada.endswith("; that is what Git wants, the same files as commit 888888888888.")
    assert f"Git wants commit {built[:12]} (the same files as commit 888888888888)," in bert
    assert clip.endswith("; that is what Git wants.")


def test_hostile_words_stay_on_their_line() -> None:
    evil = "\x1b[2J\nada/production serves everything."
    hostile = model(environment(artifact=artifact(), name="production"), name=evil)
    status = build_status(
        desired(hostile),
        live({}),
        {evil: {"production": at_rest(State.BLOCKED, 9, blocked=Blocked(why=evil, remedy=evil))}},
        now=NOW,
    )
    assert all(line.isprintable() for line in render(status).splitlines())
    assert len(render(status, width=1000).splitlines()) == 2
    assert "\x1b[1;31m" in render(status, ansi)


def test_of_what_is_not_there_under_its_name_nobody_says_that_it_serves_nothing() -> None:
    why = Blocked(why="the model is called ada-2 now", remedy="write `model: ada-2`")
    renamed = at_rest(State.BLOCKED, 2, blocked=why, serving=None, serving_status=None)
    status = build_status(
        desired(model(environment(artifact=artifact(), name="production"), name="ada")),
        live({}),
        {"ada": {"production": renamed}},
        now=NOW,
    )
    said = "ada/production is blocked: the model is called ada-2 now (write `model: ada-2`)."
    assert render(status, width=1000).startswith(said)
