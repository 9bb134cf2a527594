"""The installed command with a wrong applier in it fails the acceptance test that it should."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.e2e import test_acceptance as acceptance
from tests.e2e import test_dev as dev
from tests.e2e.trouble import Trouble

Begin = Callable[[Path], AbstractContextManager[Trouble]]

GOOD = (acceptance.in_steps, acceptance.test_a_good_version_takes_over_and_no_request_notices)
BAD = (acceptance.at_once, acceptance.test_a_version_that_turns_bad_is_taken_back_and_kept)
BOTH = (dev.nothing_yet, dev.test_two_people_push_at_once_and_neither_is_clobbered)

CASES: dict[str, tuple[tuple[Begin, Callable[[Trouble], None]], str]] = {
    "stops-what-served": (GOOD, "assert load.failed == []"),
    "checks-nothing": (GOOD, "assert sent(requests, "),
    "sees-no-errors": (BAD, "assert done.code == 3"),
    "deletes-the-bad": (BAD, "assert made.emulator.world.deployments.keys() == {one, two}"),
    "locks-nothing": (BOTH, "assert refused.code == 6"),
}


@pytest.mark.parametrize("wrong", CASES)
def test_a_wrong_applier_fails_the_acceptance_test(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (begin, test), statement = CASES[wrong]
    if wrong == "sees-no-errors":
        # It is never certain, and would watch for as long as it may.
        monkeypatch.setattr(acceptance, "PATIENCE", "1s")
    with begin(tmp_path) as made:
        made.command = ("tests.controls.command", wrong)
        with pytest.raises(AssertionError) as caught:
            test(made)
    assert statement in str(caught.traceback[-1].statement)
