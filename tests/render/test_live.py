"""The live view of an apply: where it is after each event, drawn for terminals of any size."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from gitops.plan.actions import ActionKind
from gitops.plan.events import (
    ActionFinished,
    ActionProgress,
    ActionStarted,
    ApplyEvent,
    ApplyFinished,
    ApplyStarted,
    Failure,
    LogEntry,
    RollbackFinished,
    RollbackStarted,
)
from gitops.render.board import Board, Row, heard
from gitops.render.cells import cut_place
from gitops.render.live import ASCII, UNICODE, Glyphs, closing, frame
from gitops.render.palette import ansi
from gitops.render.text import printable
from tests.golden_files import Golden

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PUSH = "2e" * 32
BAD = Failure(
    happened="It was bad.", serves_now="d1 serves.", next="Mend it.", cause="watch failed"
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def started(*environments: str) -> ApplyStarted:
    return ApplyStarted(
        time=START,
        commit="4be1c02f0c5d9a7e8b1f2a3c4d5e6f708192a3b4",
        api_url="https://api.baseten.co",
        workspace="acme",
        environments=environments,
    )


def begins(place: str, kind: ActionKind, seconds: float) -> ActionStarted:
    model, _, environment = place.rpartition("/")
    pushed = kind == "push"
    return ActionStarted(
        time=at(seconds),
        model=model,
        environment=None if pushed else environment,
        action=f"{model}/{PUSH}/push" if pushed else f"{place}/{kind}",
        kind=kind,
    )


def moves(
    place: str,
    kind: ActionKind,
    seconds: float,
    message: str = "",
    *,
    status: str | None = None,
    percent: int | None = None,
    replicas: tuple[int | None, int | None] = (None, None),
) -> ActionProgress:
    model, _, environment = place.rpartition("/")
    return ActionProgress(
        time=at(seconds),
        model=model,
        environment=environment,
        action=f"{place}/{kind}",
        kind=kind,
        message=message,
        status=status,
        percent=percent,
        replicas_old=replicas[0],
        replicas_new=replicas[1],
    )


def ends(
    place: str,
    kind: ActionKind,
    seconds: float,
    *,
    deployment: str | None = None,
    failure: Failure | None = None,
) -> ActionFinished:
    model, _, environment = place.rpartition("/")
    pushed = kind == "push"
    return ActionFinished(
        time=at(seconds),
        model=model,
        environment=None if pushed else environment,
        action=f"{place}/{kind}",
        kind=kind,
        result="ok" if failure is None else "failed",
        deployment_id=deployment,
        failure=failure,
    )


def noted(place: str, event: str, seconds: float) -> LogEntry:
    model, _, environment = place.rpartition("/")
    return LogEntry(
        time=at(seconds), model=model, environment=environment, event=event, entry="0f" * 20
    )


def after(*events: ApplyEvent, board: Board | None = None) -> Board:
    board = board or Board()
    for event in events:
        board = heard(board, event)
    return board


RELEASING: tuple[ApplyEvent, ...] = (
    started("bert/staging", "bert/production", "qwen-3-8b/production", "whisper/production"),
    begins("bert/staging", "push", 1),
    ends("bert/staging", "push", 4),
    begins("bert/staging", "ready", 5),
    moves("bert/staging", "ready", 6, "deployment d9", status="BUILDING", replicas=(None, 0)),
    begins("qwen-3-8b/production", "promote", 7),
    ends("qwen-3-8b/production", "promote", 8),
    begins("qwen-3-8b/production", "watch", 9),
    moves(
        "qwen-3-8b/production",
        "watch",
        40,
        "deployment d2 is ACTIVE",
        status="RAMPING_UP",
        percent=25,
        replicas=(3, 1),
    ),
)
BACK: tuple[ApplyEvent, ...] = (
    RollbackStarted(
        time=at(60),
        model="qwen-3-8b",
        environment="production",
        reason="45.3% of 52 requests failed, above 2.0%",
        from_deployment="d2",
        to_deployment="d1",
    ),
    moves(
        "qwen-3-8b/production",
        "watch",
        70,
        "going back",
        status="RELEASING",
        percent=80,
        replicas=(2, 1),
    ),
)
CONFIRMED: tuple[ApplyEvent, ...] = (
    noted("qwen-3-8b/production", "rolled_back", 79),
    RollbackFinished(
        time=at(80),
        model="qwen-3-8b",
        environment="production",
        confirmed=True,
        serving="d1",
        failure=BAD,
    ),
    ends("qwen-3-8b/production", "watch", 80, failure=BAD),
)
FLEET = tuple(
    f"{'a-model-with-a-rather-long-name-' if number % 7 == 0 else 'model-'}{number:02}/production"
    for number in range(30)
)
WIDE = "模型-服务-中文名称很长很长/production"
EVIL = "\x1b[2J\x1b]0;owned\x07\nqwen: promoted\u202e"

SIZES = ((80, 24), (60, 24), (120, 40))


def drawn(board: Board, seconds: float) -> str:
    """The view on terminals of every size, as a golden file has it."""
    parts = []
    for width, height in SIZES:
        lines = frame(board, at(seconds), width=width, height=height)
        parts += [f"{width} columns".center(width, "."), *(line.rstrip() for line in lines)]
    return "".join(f"{line}\n" for line in parts)


def test_traffic_moves(golden: Golden) -> None:
    golden("live/moving.txt", drawn(after(*RELEASING), 72))


def test_the_way_back(golden: Golden) -> None:
    golden("live/back.txt", drawn(after(*RELEASING, *BACK), 72))


def test_a_watch(golden: Golden) -> None:
    place = "qwen-3-8b/production"
    arrived = moves(place, "watch", 90, "it serves", percent=100, replicas=(None, 3))
    watched = moves(
        place,
        "watch",
        95,
        "watching: 1204 requests, 0.4% failed",
        status="ACTIVE",
        replicas=(None, 3),
    )
    golden("live/watching.txt", drawn(after(*RELEASING, arrived, watched), 100))


def test_more_than_the_terminal_has_rows_for(golden: Golden) -> None:
    board = after(started(*FLEET))
    for number, place in enumerate(FLEET):
        if number % 3 == 0:
            board = after(begins(place, "ready", number), board=board)
        if number % 9 == 0:
            board = after(ends(place, "watch", 50), noted(place, "released", 50), board=board)
    failed = ends(FLEET[5], "ready", 60, failure=BAD)
    board = after(begins(FLEET[5], "ready", 50), failed, board=board)
    for width, height in ((80, 16), (60, 10), (120, 26), (40, 3)):
        assert len(frame(board, at(70), width=width, height=height)) == height
    golden("live/fleet.txt", "\n".join(frame(board, at(70), width=79, height=16)) + "\n")


def test_names_and_words_of_other_people(golden: Golden) -> None:
    board = after(started(WIDE, f"{EVIL}/production", "e\u0301te\u0301/production"))
    board = after(
        begins(WIDE, "ready", 0),
        moves(WIDE, "ready", 1, "语言模型", status="正在构建", replicas=(10, 12)),
        begins(f"{EVIL}/production", "watch", 0),
        moves(f"{EVIL}/production", "watch", 2, EVIL, status=EVIL, percent=3),
        board=board,
    )
    golden("live/foreign.txt", drawn(board, 5))


def test_a_run_that_is_to_stop(golden: Golden) -> None:
    board = Board(
        commit="4be1c02f0c5d",
        target="acme",
        began=START,
        stopping="stopping (SIGINT)",
        rows={"bert/production": Row(model="bert", environment="production")},
    )
    golden("live/stopping.txt", drawn(board, 5))


def finished(**lists: tuple[str, ...]) -> ApplyFinished:
    return ApplyFinished(time=at(90), exit_code=3, **lists)


def test_what_stays_in_the_end(golden: Golden) -> None:
    board = after(
        *RELEASING,
        *BACK,
        *CONFIRMED,
        ends("bert/staging", "ready", 70, failure=BAD),
        finished(
            converged=("quiet/production",),
            failed=("bert/staging",),
            blocked=("bert/production", "other/staging"),
            rolled_back=("qwen-3-8b/production",),
            running=("whisper/production",),
        ),
    )
    shown = []
    for width, _ in SIZES:
        shown += [f"{width} columns".center(width, "."), *closing(board, width=width)]
    golden("live/closing.txt", "".join(f"{line.rstrip()}\n" for line in shown))


def test_of_many_that_went_well_only_the_others_are_named_in_the_end() -> None:
    board = after(started(*FLEET))
    for place in FLEET[1:]:
        board = after(begins(place, "watch", 1), noted(place, "released", 5), board=board)
    bad = begins(FLEET[0], "ready", 1), ends(FLEET[0], "ready", 3, failure=BAD)
    board = after(*bad, finished(failed=FLEET[:1], converged=FLEET[1:]), board=board)
    first, second = closing(board, width=120)
    assert first.startswith(f"✗ {FLEET[0]}")
    assert second == "✓ 29 environments: 29 released"


def test_a_push_is_shown_where_it_is_for() -> None:
    board = after(started("bert/staging", "bert/production"), begins("bert/staging", "push", 1))
    assert [row.words for row in board.rows.values()] == ["pushing", "waiting"]
    pushed = after(begins("bert/staging", "push", 1))
    assert [*pushed.rows] == ["bert"]
    assert [*after(begins("bert/staging", "ready", 2), board=pushed).rows] == ["bert/staging"]


def test_an_environment_rests_when_the_next_one_begins() -> None:
    board = after(
        started("bert/staging", "bert/production"),
        begins("bert/staging", "update_settings", 1),
        ends("bert/staging", "update_settings", 2),
        begins("bert/production", "ready", 4),
    )
    staging, production = board.rows.values()
    assert (staging.mark, staging.ended) == ("done", at(4))
    assert production.mark == "running"


def test_on_the_way_back_the_share_of_what_was_bad_goes_down() -> None:
    board = after(*RELEASING, *BACK)
    assert board.rows["qwen-3-8b/production"].share == 20
    assert after(*CONFIRMED, board=board).rows["qwen-3-8b/production"].share == 0


def test_what_was_taken_out_by_hand_is_told_as_rolled_back_and_not_as_held() -> None:
    over = finished(held=("qwen-3-8b/production",))
    board = after(*RELEASING, *BACK, *CONFIRMED, over)
    assert board.rows["qwen-3-8b/production"].words == "rolled back"


def test_what_was_never_begun_says_so_in_the_end() -> None:
    board = after(started("bert/staging"), finished())
    assert board.rows["bert/staging"].words == "not begun"


def test_a_long_name_keeps_what_tells_it_apart() -> None:
    shown = {cut_place("a-long-name-for-ranking-07", "staging", 20)}
    shown.add(cut_place("a-long-name-for-ranking-21", "staging", 20))
    assert shown == {"a-long-…g-07/staging", "a-long-…g-21/staging"}
    assert cut_place("m", "an-environment-with-a-name", 12) == "m/an-enviro…"


def test_colour_takes_no_room_and_ascii_is_ascii() -> None:
    board = after(*RELEASING)
    plain = frame(board, at(72), width=80, height=24, glyphs=ASCII)
    assert all(line.isascii() for line in plain)
    coloured = frame(board, at(72), width=80, height=24, style=ansi, glyphs=ASCII)
    assert len(coloured) == len(plain)
    assert "\x1b[" in coloured[0]


texts = st.text(max_size=30) | st.sampled_from([EVIL, WIDE, "\u200d", "👩‍👩‍👧", "e\u0301" * 20])
shares = st.none() | st.integers(-5, 200)
rows = st.builds(
    Row,
    model=texts,
    environment=st.none() | texts,
    mark=st.sampled_from([mark for mark, _ in UNICODE.marks]),
    words=texts,
    detail=texts,
    share=shares,
    old=shares,
    new=st.none() | st.integers(0, 10**9),
    began=st.none() | st.just(START),
    ended=st.none() | st.just(at(3)),
    undoing=st.booleans(),
    serving=st.none() | texts,
)


def boards(rows: Iterable[Row]) -> Board:
    return Board(
        commit=EVIL, target=WIDE, began=START, rows={str(n): each for n, each in enumerate(rows)}
    )


@settings(max_examples=60)
@given(
    rows=st.lists(rows, max_size=6),
    width=st.integers(1, 200),
    height=st.integers(1, 12),
    glyphs=st.sampled_from([UNICODE, ASCII]),
)
def test_it_fits_whatever_it_is_about(
    rows: list[Row], width: int, height: int, glyphs: Glyphs
) -> None:
    board = boards(rows)
    lines = frame(board, at(9), width=width, height=height, glyphs=glyphs)
    assert 0 < len(lines) <= height
    kept = closing(board, width=max(width, 30), glyphs=glyphs)
    assert all(line == printable(line) for line in (*lines, *kept))
    assert max(map(cell_len, lines)) <= width
    assert max(map(cell_len, kept), default=0) <= max(width, 30)
