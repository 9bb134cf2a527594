from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gitops.decide.retention import Fate
from gitops.plan.prune import ModelPrune, Pruned, PrunePlan
from gitops.render import prune as render
from gitops.state.desired import Retention
from gitops.state.live import Deployment
from gitops.state.names import ModelKey

if TYPE_CHECKING:
    from tests.golden_files import Golden

MADE = datetime(2026, 9, 1, 12, tzinfo=UTC)
HOSTILE = "\x1b]0;owned\x07[x](https://evil.example)\n@everyone<img>\u202e"


def fate(number: int, reason: str, action: Any = None, **more: Any) -> Fate:
    digit = f"{number:x}"
    given: dict[str, Any] = {
        "id": f"d{number}",
        "name": f"git-{digit * 40}",
        "status": "SCALED_TO_ZERO",
        **more,
    }
    ours = "name" not in more
    return Fate(
        deployment=Deployment(model_id="m1", created_at=MADE + timedelta(days=number), **given),
        action=action,
        reason=reason,
        digest=digit * 64 if ours else None,
        commit=digit * 40 if ours else None,
    )


def model(name: str, *fates: Fate, left_alone: str | None = None, **asked: Any) -> ModelPrune:
    return ModelPrune(
        key=ModelKey("ml", name),
        release_file=f"releases/{name}.yaml",
        retention=Retention(**asked),
        model_id="m1",
        fates=fates,
        left_alone=left_alone,
    )


def plan(*models: ModelPrune) -> PrunePlan:
    return PrunePlan(
        commit="4" * 40,
        dirty=False,
        api_url="https://api.baseten.co",
        workspace="acme",
        models=models,
    )


SPARE = "not used for 45d, and not among the newest 5"
WHOLE = plan(
    model(
        "qwen-3-8b",
        fate(1, "not pushed from this repository", name="by-hand"),
        fate(2, "not pushed from this repository", name="main-1"),
        fate(3, SPARE, "delete", status="INACTIVE"),
        fate(4, SPARE, "delete"),
        fate(5, "a rollback of production may go there"),
        fate(6, "serves production", status="ACTIVE"),
        keep=5,
        older_than=30 * 86400.0,
        action="delete",
    ),
    model("whisper", fate(7, "not used for 3h", "deactivate"), older_than=3600.0),
    model(
        "llama",
        fate(8, SPARE, "deactivate"),
        left_alone="a newer commit was applied: prune there",
        keep=5,
    ),
)
RESULTS = (
    Pruned(model="ml/qwen-3-8b", deployment_id="d3", result="deleted"),
    Pruned(
        model="ml/qwen-3-8b",
        deployment_id="d4",
        result="spared",
        message="serves staging",
        exit_code=4,
    ),
    Pruned(model="ml/whisper", deployment_id="d7", result="deactivated"),
)


def test_what_goes_and_what_stays_reads_well(golden: Golden) -> None:
    golden("prune.txt", render.text(WHOLE))
    golden("prune-ended.txt", render.ended(RESULTS))
    golden("prune.md", render.markdown(WHOLE))
    golden("prune-ended.md", render.markdown(WHOLE, RESULTS))
    golden("prune.json", render.document(WHOLE, RESULTS, 4))


def test_nothing_to_do_is_said_in_a_sentence() -> None:
    assert render.text(plan()) == (
        "No release file has `retention`: nothing is ever deactivated or deleted.\n"
    )
    fleet = plan(model("a", fate(1, "serves production"), keep=1), *WHOLE.models[1:2])
    assert "ml/a  retention: keep 1, deactivate: nothing to prune, 1 deployment stays\n" in (
        render.text(fleet)
    )
    quiet = plan(model("a", fate(1, "serves production"), keep=1))
    assert render.text(quiet).endswith("\n\nNothing to prune; 1 deployment stays.\n")
    assert render.markdown(quiet) == "**Nothing to prune; 1 deployment stays.**\n"


def test_a_document_without_results_carried_nothing_out() -> None:
    body = json.loads(render.document(WHOLE, None, 0))
    assert body["carried_out"] is False
    assert {each["result"] for it in body["models"] for each in it["deployments"]} == {None}
    assert body["summary"] == {"models": 3, "deactivate": 1, "delete": 2, "keep": 5}
    actions = [[each["action"] for each in it["deployments"]] for it in body["models"]]
    assert actions[2] == ["keep"], "what is left alone keeps everything"


def test_hostile_words_stay_words() -> None:
    bad = plan(model(HOSTILE, fate(1, HOSTILE, "delete", name=HOSTILE, status=HOSTILE), keep=0))
    ended = [
        Pruned(model=HOSTILE, deployment_id="d", result="failed", message=HOSTILE, exit_code=1)
    ]
    for text in (render.text(bad), render.markdown(bad, ended), render.ended(ended)):
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
        assert HOSTILE.partition("\n")[0] not in text
    outside = "".join(render.markdown(bad, ended).split("`")[::2])
    assert not [each for each in ("<img>", "](", "@everyone") if each in outside]


def test_a_comment_stays_below_what_a_host_takes() -> None:
    many = [
        model(f"m{number}", *(fate(each, SPARE, "delete") for each in range(12)), keep=5)
        for number in range(120)
    ]
    text = render.markdown(plan(*many))
    assert len(text) < render.LIMIT
    assert "1440 to delete" in text
