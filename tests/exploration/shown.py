"""The moves that show what breaks without each rule; found by exploring, then shortened."""

from __future__ import annotations

from typing import Final

from tests.exploration.moves import Applies, Click, Git, Passes, Rival
from tests.exploration.runs import Plan
from tests.exploration.search import Trail

SHOWN: Final[dict[str, tuple[str, Trail]]] = {
    "row 1": (
        "persons",
        Trail(root="A everywhere", moves=(Git(staging="C", production="C", paused=True),)),
    ),
    "row 2": (
        "persons",
        Trail(
            root="A everywhere",
            moves=(
                Click(
                    what="deletes the model",
                ),
            ),
        ),
    ),
    "row 3": (
        "old",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="A",
                    production="A",
                ),
                Applies(plan=Plan()),
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(plan=Plan()),
                Applies(
                    plan=Plan(
                        back=1,
                    )
                ),
            ),
        ),
    ),
    "row 4": (
        "rest",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(
                    plan=Plan(
                        kill=(44, True),
                    )
                ),
                Click(
                    what="pauses",
                    env="production",
                ),
                Applies(
                    plan=Plan(
                        same_clone=True,
                    )
                ),
            ),
        ),
    ),
    "row 5": (
        "watched",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(
                    plan=Plan(
                        kill=(26, False),
                    )
                ),
                Git(
                    staging="A",
                    production="A",
                ),
                Applies(
                    plan=Plan(
                        same_clone=True,
                        kill=(3, True),
                    )
                ),
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(
                    plan=Plan(
                        same_clone=True,
                    )
                ),
            ),
        ),
    ),
    "row 6": ("rest", Trail(root="nothing", moves=())),
    "row 7": (
        "queued",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(
                    plan=Plan(
                        kill=(19, True),
                    )
                ),
                Git(
                    staging="A",
                    production="A",
                ),
                Applies(
                    plan=Plan(
                        same_clone=True,
                    )
                ),
            ),
        ),
    ),
    "row 8": (
        "watched",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(
                    plan=Plan(
                        kill=(44, True),
                    )
                ),
                Passes(seconds=600.0),
                Applies(
                    plan=Plan(
                        kill=(14, True),
                    )
                ),
                Applies(
                    plan=Plan(
                        same_clone=True,
                    )
                ),
            ),
        ),
    ),
    "row 9": (
        "persons",
        Trail(
            root="A everywhere",
            moves=(
                Click("pushes"),
                Passes(60.0),
                Click("promotes", "staging", 2),
                Git(staging="C"),
                Applies(plan=Plan()),
            ),
        ),
    ),
    "row 10": (
        "held",
        Trail(
            root="nothing",
            moves=(
                Applies(
                    plan=Plan(
                        kill=(22, True),
                    )
                ),
                Click(
                    what="cancels",
                    env="staging",
                ),
            ),
        ),
    ),
    "row 11": (
        "rest",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="B",
                ),
            ),
        ),
    ),
    "row 12": (
        "persons",
        Trail(
            root="A everywhere",
            moves=(
                Click(
                    what="pushes",
                ),
                Passes(seconds=60.0),
                Click(what="promotes", env="production", number=2),
                Passes(seconds=600.0),
            ),
        ),
    ),
    "row 13": ("watched", Trail(root="nothing", moves=())),
    "row 14": (
        "served",
        Trail(
            root="A everywhere",
            moves=(
                Click(
                    what="idles",
                    env="staging",
                ),
            ),
        ),
    ),
    "row 15": (
        "served",
        Trail(
            root="A everywhere",
            moves=(
                Click(
                    what="fails",
                    env="staging",
                ),
            ),
        ),
    ),
    "row 16": (
        "watched",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="B",
                ),
                Applies(plan=Plan()),
                Click(what="promotes", env="production", number=2),
                Passes(seconds=600.0),
                Git(
                    production="B",
                ),
            ),
        ),
    ),
    "row 17": (
        "rest",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    least=2,
                ),
            ),
        ),
    ),
    "row 18": ("twice", Trail(root="nothing", moves=())),
    "row 19": (
        "watched",
        Trail(
            root="nothing",
            moves=(
                Git(
                    staging="C",
                ),
            ),
        ),
    ),
    "row 20": ("twice", Trail(root="nothing", moves=())),
    "row 21": ("rest", Trail(root="nothing", moves=())),
    "an intent before every promotion": ("watched", Trail(root="nothing", moves=())),
    "the log is appended by compare-and-swap": (
        "watched",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(
                    plan=Plan(
                        meets=(
                            (
                                34,
                                Rival(
                                    first=Git(
                                        staging="A",
                                        production="A",
                                    ),
                                ),
                            ),
                        ),
                    )
                ),
            ),
        ),
    ),
    "a write needs a lease": (
        "old",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(
                    plan=Plan(
                        meets=(
                            (
                                42,
                                Rival(
                                    first=Git(
                                        staging="A",
                                        production="A",
                                    ),
                                ),
                            ),
                        ),
                    )
                ),
            ),
        ),
    ),
    "a lost push is looked up": (
        "twice",
        Trail(
            root="nothing",
            moves=(
                Applies(
                    plan=Plan(
                        lost=2,
                    )
                ),
            ),
        ),
    ),
    "who started it is read from the audit log": (
        "persons",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(
                    plan=Plan(
                        kill=(42, False),
                    )
                ),
                Click(what="promotes", env="production", number=2),
                Applies(
                    plan=Plan(
                        same_clone=True,
                    )
                ),
            ),
        ),
    ),
    "a rollback stops at a person's pause or promotion": (
        "persons",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(
                    plan=Plan(
                        meets=(
                            (
                                60,
                                Click(
                                    what="pauses",
                                    env="production",
                                ),
                            ),
                        ),
                    )
                ),
            ),
        ),
    ),
    "a rollback puts settings back": (
        "settings",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                    production="C",
                    least=2,
                ),
                Applies(
                    plan=Plan(
                        kill=(44, True),
                    )
                ),
                Passes(seconds=600.0),
                Applies(plan=Plan()),
            ),
        ),
    ),
    "less capacity in a protected environment needs consent": (
        "consent",
        Trail(
            root="A everywhere",
            moves=(Click(what="sets", env="production"), Applies(plan=Plan())),
        ),
    ),
    "a failed check is recorded": (
        "watched",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="B",
                ),
            ),
        ),
    ),
    "a hold lasts": (
        "rest",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="B",
                ),
            ),
        ),
    ),
    "a hold ends when Git asks anew": (
        "rest",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                    production="C",
                ),
                Applies(plan=Plan()),
                Git(
                    staging="A",
                    production="A",
                ),
                Applies(plan=Plan()),
                Git(
                    staging="C",
                    production="C",
                ),
            ),
        ),
    ),
    "an open intent is brought to its end": (
        "watched",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                ),
                Applies(
                    plan=Plan(
                        kill=(19, True),
                    )
                ),
                Passes(seconds=600.0),
            ),
        ),
    ),
    "what served here before is promoted again without waiting": (
        "rest",
        Trail(root="nothing", moves=()),
    ),
    "a person's stop is theirs, in other environments too": (
        "persons",
        Trail(
            root="nothing",
            moves=(
                Applies(
                    plan=Plan(
                        meets=(
                            (
                                46,
                                Click(
                                    what="cancels",
                                    env="production",
                                ),
                            ),
                        ),
                    )
                ),
                Applies(
                    plan=Plan(
                        retry=True,
                        meets=(
                            (
                                1,
                                Click(
                                    what="deactivates",
                                    env="staging",
                                ),
                            ),
                        ),
                    )
                ),
            ),
        ),
    ),
    "what serves is adopted where the log names something else": (
        "watched",
        Trail(
            root="A everywhere",
            moves=(
                Git(
                    staging="C",
                ),
                Applies(plan=Plan()),
                Click(what="promotes", env="staging", number=0),
                Passes(seconds=600.0),
                Git(
                    staging="A",
                ),
            ),
        ),
    ),
}

NOT_SHOWN: Final = {
    "a failure of a release of ours ends it": (
        "the promotion goes on, and the watch after it rolls it back: later, with more failed "
        "requests, which none of the ten properties counts"
    ),
}
"""Rules without which none of the ten properties broke, and why."""
