"""Sequences of everything that can happen, in an order that hypothesis makes up and shortens.

There is one rule. With a rule for each thing, hypothesis leaves some of them out of every sequence
and repeats others, so that little meets anything.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    get_state_machine_test,
    initialize,
    rule,
)

from gitops.decide.situation import Options
from tests.properties.asked import Content, Template
from tests.properties.baseten import Platform
from tests.properties.clicks import click, possible
from tests.properties.judge import Violation
from tests.properties.remote import InMemory
from tests.properties.stage import Backend, Stage, Wrap, copy_of, first_release, on_stage
from tests.properties.trouble import trouble

CLONES: Final = ("one", "two")
STEPS: Final = 5
"""Of each sequence."""
BATCH: Final = 100
TO_THE_END: Final = 20_000

_CALLS: Final = (TO_THE_END, TO_THE_END, 0, 4, *range(8, 56, 4), 62, 70, 78, 86, 96, 110, 130, 150)
"""For how many calls a run goes on. One that has nothing to do makes some forty of them."""
_LETTERS: Final = "ADBCADC"
_WHEN_IDLE: Final = (
    *("applies what is new",) * 8,
    *("applies in trouble",) * 4,
    *("applies",) * 2,
    *("click",) * 3,
    *("trouble", "edit", "stands still", "host", "plan"),
)
_WHEN_RUNNING: Final = (
    *("dies",) * 5,
    *("goes on",) * 4,
    *("click",) * 4,
    *("both go on",) * 3,
    *("trouble",) * 2,
    *("applies", "applies what is new", "edit", "stands still", "host"),
)
_MOST: Final = 1_000_000


class Broken(AssertionError):
    """A property does not hold; the story of the sequence stands in it."""

    def __init__(self, violation: Violation, story: Iterable[str]) -> None:
        super().__init__("\n  ".join([str(violation), *story]))
        self.name = violation.name


@dataclass
class Ground:
    """What sequences of one process share, and what they covered; there are ``most`` at most."""

    folder: Path
    wrap: Wrap | None = None
    git: Callable[[Template, Path], Backend] | None = None
    counts: Counter[str] = field(default_factory=Counter)
    rests: Counter[str] = field(default_factory=Counter)
    sequences: int = 0
    most: int = 1 << 62
    _settled: Stage | None = None

    def __post_init__(self) -> None:
        self.template = Template(self.folder / "template")
        self.loop = asyncio.new_event_loop()

    def stage(self, folder: Path, *, settled: bool) -> Stage:
        """A world: empty, or as a first release has left it."""
        if self.git is not None:
            git = self.git(self.template, folder)
            return Stage(self.template, Platform(folder / "platform", self.loop), git)
        if not settled:
            platform = Platform(folder / "platform", self.loop)
            return Stage(self.template, platform, InMemory(self.template))
        if self._settled is None:
            self._settled = first_release(
                self.template, self.loop, self.folder / "first", InMemory(self.template)
            )
        return copy_of(self._settled)

    def close(self) -> None:
        self.template.close()
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sequences(RuleBasedStateMachine):
    """One sequence. ``ground`` is set by whoever runs it."""

    ground: Ground

    def __init__(self) -> None:
        super().__init__()
        self.failed = False
        self.steps = 0
        self.stack = ExitStack()

    @contextmanager
    def holds(self) -> Iterator[None]:
        try:
            yield
        except Violation as violation:
            self.failed = True
            raise Broken(violation, self.stage.story) from None
        except BaseException:
            self.failed = True
            raise

    @initialize(settled=st.sampled_from((True, True, False)), turn=st.integers(0, 1 << 16))
    def begins(self, settled: bool, turn: int) -> None:
        """From nothing, or from where the first release serves."""
        if self.ground.sequences >= self.ground.most:
            return
        folder = self.ground.folder / "sequence"
        self.stack.callback(shutil.rmtree, folder, ignore_errors=True)
        with self.holds():
            made = self.ground.stage(folder, settled=settled)
            made.wrap = self.ground.wrap
            self.stage: Stage = self.stack.enter_context(on_stage(made))
            self.stage.chance.seed(turn)

    @rule(
        what=st.integers(0, len(_WHEN_IDLE) * len(_WHEN_RUNNING) - 1),
        number=st.integers(0, _MOST),
        calls=st.sampled_from(_CALLS),
    )
    def happens(self, what: int, number: int, calls: int) -> None:
        """Something does; the numbers decide what exactly."""
        if not hasattr(self, "stage"):
            return
        self.steps += 1
        words = _WHEN_RUNNING if self.stage.running else _WHEN_IDLE
        with self.holds():
            self._happens(words[what % len(words)], number, calls)

    def _happens(self, what: str, number: int, calls: int) -> None:  # noqa: C901, PLR0912 - a word a case
        stage, running = self.stage, list(self.stage.running)
        idle = [name for name in CLONES if name not in running]
        match what:
            case "applies what is new" if idle:
                stage.edit(_content(number))
                self._applies(idle[number % len(idle)], number // 2, calls)
            case "applies in trouble" if idle:
                trouble(stage, number)
                stage.edit(_content(number // 3))
                self._applies(idle[number % len(idle)], number // 5, TO_THE_END)
            case "applies" if idle:
                self._applies(idle[number % len(idle)], number // 2, calls)
            case "goes on":
                name = running[number % len(running)]
                stage.story.append(f"{stage.running[name].name} goes on for {calls} calls")
                stage.go_on(name, calls=calls)
            case "both go on":
                if idle:
                    self._applies(idle[0], number, 0)
                stage.story.append(f"both runs go on for {calls} calls")
                stage.counts["together"] += 1
                stage.go_on(*CLONES, calls=calls)
            case "dies":
                stage.kill(running[number % len(running)])
            case "click":
                self._clicks(number)
            case "edit":
                stage.edit(_content(number))
            case "trouble":
                trouble(stage, number)
            case "stands still":
                self._stands_still((3.0, 20.0, 65.0, 130.0, 700.0, 4_000.0)[number % 6])
            case "host":
                stage.toggle_host()
            case "plan":
                stage.plan(CLONES[number % 2])

    def _applies(self, name: str, number: int, calls: int) -> None:
        number, back = divmod(number, 9)
        number, allows = divmod(number, 10)
        allowed = {0: "retry", 1: "undo_drift", 2: "allow_older"}.get(allows, "")
        run = self.stage.begin(
            name,
            back=max(back - 6, 0),
            options=Options(
                undo_drift=allowed == "undo_drift", allow_older=allowed == "allow_older"
            ),
            retry=allowed == "retry",
            patience=600.0 if number % 2 else 0.0,
        )
        what = ", ".join([f"{back - 6} back"] * (back > 6) + [allowed] * bool(allowed))
        self.stage.story.append(f"{run.name} begins, for {calls} calls{what and f' ({what})'}")
        self.stage.go_on(name, calls=calls)

    def _clicks(self, number: int) -> None:
        found = possible(self.stage)
        number, which = divmod(number, len(found))
        if found[which][0] == "deletes the model" and number % 5:
            # Now and then is enough.
            which = 0
        click(self.stage, *found[which])

    def _stands_still(self, seconds: float) -> None:
        """Nobody does anything for a while, also not the runs that are under way."""
        self.stage.story.append(f"{seconds:g} seconds pass")
        self.stage.turns.pass_until(self.stage.platform.now + seconds, [])

    def teardown(self) -> None:
        try:
            if not self.failed and hasattr(self, "stage"):
                with self.holds():
                    for name, how in self.stage.settle().items():
                        self.ground.rests[f"{name} {how}"] += 1
                self.ground.sequences += 1
                self.ground.counts.update(self.stage.counts)
                self.ground.counts["steps"] += self.steps
        finally:
            self.stack.close()


def _content(number: int) -> Content:
    """What Git may ask for, made of a number; mostly the same in both environments."""
    number, first = divmod(number, len(_LETTERS))
    number, second = divmod(number, len(_LETTERS))
    number, apart = divmod(number, 4)
    staging = _LETTERS[first]
    return Content(
        staging,
        _LETTERS[second] if not apart else staging,
        least=2 + number % 2,
        paused=number % 13 == 12,
    )


def run(ground: Ground, number: int, *, sequences: int, shorten: bool = True) -> None:
    """So many sequences, the same for every ``number``. Raises: Broken."""

    class Here(Sequences):
        pass

    Here.ground = ground
    phases = (Phase.generate, Phase.shrink) if shorten else (Phase.generate,)
    chosen = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=False,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    # What is there by now stays: to look through it again and again takes a tenth of the time.
    gc.freeze()
    seed(number)(get_state_machine_test(Here, settings=chosen))()
