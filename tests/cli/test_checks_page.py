"""docs/checks.md: its files are valid, its checks pass, its transcript is what one reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from gitops.cli.main import run
from gitops.decide.situation import Options
from gitops.state.names import ModelKey
from tests.apply.stage import stage
from tests.echo import CHAT, truss

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "checks.md").read_text()
FILES = dict(re.findall(r"`([\w./-]+)`[^\n`]*:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL))
ANSWERS = truss(behaviour="latency_ms: 2", name="answers", route=CHAT)


def blurred(text: str) -> list[str]:
    """The lines without ids and figures, which differ every time."""
    text = re.sub(r"deployment \w+ \(git-\w+…\)", "deployment ID", text)
    return [re.sub(r"[0-9.]+(e[+-]\d+)? ?(m?s\b)?", "N", line) for line in text.splitlines()]


def test_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(FILES) == 3
    with stage(tmp_path, FILES, ANSWERS) as made:
        for name, value in made.emulator.environ().items():
            monkeypatch.setenv(name, value)
        outcome = made.apply(options=Options(no_watch=True), keys=[ModelKey(None, "answers")])
        assert outcome.exit_code == 0, outcome.finished
        capsys.readouterr()
        assert run(["-C", str(made.work.path), "check", "answers", "production"]) == 0
        shown = capsys.readouterr().out
    (transcript,) = re.findall(r"```console\n\$ gitops check [^\n]*\n(.*?)```", PAGE, re.DOTALL)
    assert blurred(shown) == blurred(transcript), shown
