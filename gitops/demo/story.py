"""The chapters, in order. Every command is run for real; every exit code is held to the story."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gitops.demo import by_hand, fleet
from gitops.demo.stage import WIDTH, Stage, clean_environment, emulator, repository

WATCH: Final = "8s"
TRIAGE: Final = "releases/support-triage.yaml"
TRIAGE_MODEL: Final = "trusses/support-triage/model/model.py"
EMULATOR: Final = ("--speed", "60", "--traffic", "12")


def play(environ: Mapping[str, str], *, keep: Path | None = None) -> None:
    """Play the whole story. Raises ``StoryBroken`` where a command does not do what it should.

    ``keep``: a folder to leave the repository in; without it a temporary one is removed at the end.
    """
    begun = time.monotonic()
    clean = clean_environment(environ)
    with tempfile.TemporaryDirectory(prefix="gitops-demo-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with repository(folder, clean) as work, emulator(clean, EMULATOR) as variables:
            stage = Stage(
                work=work,
                environ=clean | variables,
                colour=_colour(environ),
                width=min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH),
            )
            prepare(stage)
            for number, chapter in enumerate(CHAPTERS, start=1):
                title, _, _ = (chapter.__doc__ or "").partition("\n")
                stage.chapter(number, title.rstrip("."))
                chapter(stage)
            stage.say(f"That was the whole story, in {time.monotonic() - begun:.0f} seconds.")
            if keep:
                stage.say(f"The repository is in {work}.")


def _colour(environ: Mapping[str, str]) -> bool:
    return sys.stdout.isatty() and not environ.get("NO_COLOR")


def prepare(stage: Stage) -> None:
    """Fill the repository, and let a deployment exist that this tool did not push."""
    stage.say(
        "A new Git repository with a bare remote, and the emulator as Baseten, 60 times as fast. "
        "Its release files watch for 8 seconds after a promotion, not for ten minutes."
    )
    fleet.copy(stage.work, parts=("trusses", "checks", "gitops.yaml"))
    first = stage.commit("Add four models' trusses and checks")
    fleet.copy(stage.work, parts=("releases",))
    for path in sorted((stage.work / "releases").glob("*.yaml")):
        text = fleet.pin(path.read_text(encoding="utf-8"), first, "the first version")
        path.write_text(fleet.shorten_watches(text, WATCH), encoding="utf-8")
    stage.commit("Release four models")
    by_hand.push(stage.environ, model="call-transcriber", name="whisper-large-v3")
    stage.say("One model, call-transcriber, was pushed by hand; its release file adopts that.")


def first_apply(stage: Stage) -> None:
    """Four release files become what Baseten serves."""
    stage.run("gitops validate")
    stage.run("gitops plan")
    stage.run("gitops apply --yes")
    stage.say("A plan right after an apply is empty:")
    stage.run("gitops plan --detailed-exitcode")


def new_version(stage: Stage) -> None:
    """A settings change, and a new version for staging."""
    stage.write(
        "trusses/support-triage/data/tickets.jsonl",
        stage.read("trusses/support-triage/data/tickets.jsonl")
        + '{"queue": "billing", "text": "We were billed for seats that we removed"}\n'
        + '{"queue": "outage", "text": "Webhooks stopped arriving an hour ago"}\n',
    )
    stage.replace("releases/qwen-3-8b.yaml", "max_replica: 6", "max_replica: 8")
    stage.commit("Learn two more tickets; let qwen-3-8b grow to eight replicas")
    stage.run("gitops apply --yes")


def one_line(stage: Stage) -> None:
    """Staging has proved it: production gets it by a one-line diff."""
    move_pin(stage, stage.git("rev-parse", "HEAD"), "learns two more tickets")
    stage.commit("Release support-triage to production")
    stage.run(f"git diff --unified=0 HEAD~1 -- {TRIAGE}")
    stage.run("gitops apply --yes")


def fails_checks(stage: Stage) -> None:
    """A version that is wrong: its checks stop it, nothing is promoted."""
    stage.replace(
        TRIAGE_MODEL,
        "queue = max(scores, key=scores.__getitem__)",
        "queue = min(scores, key=scores.__getitem__)",
    )
    stage.commit("Tidy up how the best queue is picked")
    stage.run("git diff --unified=0 HEAD~1")
    stage.run("gitops apply --yes", ends_in=5)
    stage.run("gitops status support-triage")
    stage.git("revert", "--no-edit", "HEAD")
    stage.git("push", "--quiet", "origin", "main")


def fails_under_traffic(stage: Stage) -> None:
    """A version that breaks under traffic only: it is rolled back by itself."""
    stage.replace(
        TRIAGE_MODEL,
        "        self._vocabulary: set[str] = set()\n",
        "        self._vocabulary: set[str] = set()\n"
        "        self._recent: list[str | None] = [None] * 40\n"
        "        self._answered = 0\n",
    )
    stage.replace(
        TRIAGE_MODEL,
        "        queue = max(scores, key=scores.__getitem__)\n",
        "        queue = max(scores, key=scores.__getitem__)\n"
        "        self._recent[self._answered] = queue\n"
        "        self._answered += 1\n",
    )
    stage.commit("Remember the last forty answers for a dashboard")
    move_pin(stage, stage.git("rev-parse", "HEAD"), "remembers the last forty answers")
    stage.commit("Release support-triage to production")
    stage.say("The forty-first answer will fail; its checks send twenty-five requests.")
    stage.run("gitops apply --yes", ends_in=3)
    stage.say("Later runs report the hold, and do not try again:")
    stage.run("gitops apply --yes")


def revert(stage: Stage) -> None:
    """A revert builds nothing: the deployment is still there."""
    stage.run("git revert --no-edit HEAD HEAD~1")
    stage.git("push", "--quiet", "origin", "main")
    stage.run("gitops plan")
    stage.run("gitops apply --yes")
    stage.run("gitops status")


def history(stage: Stage) -> None:
    """The history is in Git."""
    stage.run("gitops log support-triage")
    stage.run("git ls-remote origin refs/gitops/*")


CHAPTERS: Final = (
    first_apply,
    new_version,
    one_line,
    fails_checks,
    fails_under_traffic,
    revert,
    history,
)


def move_pin(stage: Stage, commit: str, comment: str) -> None:
    """Move production's pin of support-triage, as a person would by hand."""
    stage.write(TRIAGE, fleet.pin(stage.read(TRIAGE), commit, comment))
