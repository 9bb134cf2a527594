"""Wrong appliers fail the very tests that the real one passes, and for the right reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.apply import test_interruptions as interruptions
from tests.apply import test_on_emulator as whole
from tests.apply.stage import Stage, stage
from tests.controls import appliers
from tests.controls.appliers import Wrong
from tests.echo import PRODUCTION, STAGING, release, truss
from tests.invariants import Broken, broken

CASES: dict[str, tuple[Wrong, Callable[[Stage], None], str]] = {
    "promotes before it is ready": (
        appliers.promotes_before_ready,
        whole.test_what_does_not_become_ready_is_never_promoted,
        "promoted_before_ready",
    ),
    "pushes again after a lost answer": (
        appliers.pushes_again,
        lambda made: interruptions.test_a_lost_answer_is_looked_up(made, "drop_after"),
        "pushed_twice",
    ),
    "deletes what is bad": (
        appliers.deletes_the_bad,
        whole.test_failing_checks_are_recorded_and_held,
        "deleted_something",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_applier_fails_the_test_that_the_real_one_passes(name: str, tmp_path: Path) -> None:
    wrong, test, invariant = CASES[name]
    quick = PRODUCTION.replace("600ms", "50ms")
    with stage(tmp_path, truss(), release(STAGING, quick)) as made:
        assert made.apply().exit_code == 0
        made.wrap_ports = lambda ports: wrong(ports, made.endpoint)
        with pytest.raises(Broken) as caught:
            test(made)
        assert caught.value.invariant == invariant
        assert set(broken(made.traces())) == {invariant}
