"""What events of streams carry."""

from __future__ import annotations

import pytest

from gitops.verify.stream import Carried, read


@pytest.mark.parametrize(
    ("data", "carried"),
    [
        (b"plain text", Carried(text=True)),
        (b'{"token": "a"}', Carried(text=True)),
        (b'{"choices": [{"text": "a"}]}', Carried(text=True)),
        (b'{"choices": [{"text": ""}]}', Carried(text=False)),
        (b'{"choices": [{"delta": {"role": "assistant", "content": ""}}]}', Carried(text=False)),
        (b'{"choices": [{"delta": {"role": "assistant"}}]}', Carried(text=False)),
        (b'{"choices": [{"delta": {"content": "a"}}]}', Carried(text=True)),
        (b'{"choices": [{"delta": {"reasoning_content": "hm"}}]}', Carried(text=True)),
        (b'{"choices": [{"delta": {"tool_calls": [{}]}}]}', Carried(text=True)),
        (b'{"choices": [3]}', Carried(text=False)),
        (b'{"choices": [], "usage": {"completion_tokens": 7}}', Carried(text=False, tokens=7)),
        (b'{"choices": [], "usage": {"completion_tokens": true}}', Carried(text=False)),
        (b"[" * 100_000, Carried(text=True)),
    ],
)
def test_an_event(data: bytes, carried: Carried) -> None:
    assert read(data) == carried
