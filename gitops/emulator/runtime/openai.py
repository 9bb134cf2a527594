"""OpenAI-shaped answers of the echo: deterministic, made from the request alone."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import AsyncIterator, Mapping
from typing import Any

from gitops.emulator.runtime.reply import Reply

_DIMENSIONS = 16
_CREATED = 1_767_225_600


def answer(path: str, body: Any, model: str) -> Reply | None:
    """The answer to an OpenAI path, or None where the path is another one."""
    route = path.removesuffix("/")
    if route == "/v1/models":
        item = {"id": model, "object": "model", "created": _CREATED, "owned_by": "emulator"}
        return Reply.json(200, {"object": "list", "data": [item]})
    if route in {"/health", "/health_check", "/ping"}:
        return Reply.json(200, {"status": "ok"})
    if route not in {"/v1/chat/completions", "/v1/completions", "/v1/embeddings"}:
        return None
    if not isinstance(body, Mapping):
        return _bad_request("The request body must be a JSON object.")
    if route == "/v1/embeddings":
        return _embeddings(body, model)
    if route == "/v1/chat/completions":
        return _chat(body, model)
    return _completion(body, model)


def _bad_request(message: str) -> Reply:
    error = {"message": message, "type": "invalid_request_error", "code": 400}
    return Reply.json(400, {"error": error})


def _chat(body: Mapping[str, Any], model: str) -> Reply:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return _bad_request("messages must be a list that is not empty.")
    prompt = _text(messages[-1].get("content") if isinstance(messages[-1], Mapping) else None)
    words = _words(prompt, body)
    identifier = _identifier("chatcmpl", body)
    common = {"id": identifier, "created": _CREATED, "model": body.get("model") or model}
    if body.get("stream"):
        deltas = [{"role": "assistant", "content": ""}] + [{"content": word} for word in words]
        return _streamed(
            [
                {
                    **common,
                    "object": "chat.completion.chunk",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
                }
                for delta in deltas
            ]
        )
    message = {"role": "assistant", "content": "".join(words)}
    return Reply.json(
        200,
        {
            **common,
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": _usage(prompt, words),
        },
    )


def _completion(body: Mapping[str, Any], model: str) -> Reply:
    prompt = _text(body.get("prompt"))
    words = _words(prompt, body)
    common = {
        "id": _identifier("cmpl", body),
        "object": "text_completion",
        "created": _CREATED,
        "model": body.get("model") or model,
    }
    if body.get("stream"):
        return _streamed(
            [
                {**common, "choices": [{"index": 0, "text": word, "finish_reason": None}]}
                for word in words
            ]
        )
    choice = {"index": 0, "text": "".join(words), "finish_reason": "stop"}
    return Reply.json(200, {**common, "choices": [choice], "usage": _usage(prompt, words)})


def _embeddings(body: Mapping[str, Any], model: str) -> Reply:
    given = body.get("input")
    texts = given if isinstance(given, list) else [given]
    if given is None or not texts:
        return _bad_request("input is required.")
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(_text(text))}
        for index, text in enumerate(texts)
    ]
    tokens = sum(len(_text(text).split()) for text in texts)
    return Reply.json(
        200,
        {
            "object": "list",
            "data": data,
            "model": body.get("model") or model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        },
    )


def _streamed(events: list[dict[str, Any]]) -> Reply:
    async def parts() -> AsyncIterator[bytes]:
        for event in events:
            yield b"data: " + json.dumps(event).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"

    return Reply(status=200, media_type="text/event-stream", stream=parts())


def _words(prompt: str, body: Mapping[str, Any]) -> list[str]:
    limit = body.get("max_tokens") or body.get("max_completion_tokens") or 64
    parts = ["echo:", *(" " + word for word in prompt.split())]
    return parts[: limit if isinstance(limit, int) and limit > 0 else 64]


def _usage(prompt: str, words: list[str]) -> dict[str, int]:
    asked = len(prompt.split())
    return {
        "prompt_tokens": asked,
        "completion_tokens": len(words),
        "total_tokens": asked + len(words),
    }


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(
            str(part.get("text", "")) if isinstance(part, Mapping) else str(part)
            for part in content
        )
    return "" if content is None else str(content)


def _identifier(prefix: str, body: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return f"{prefix}-{digest[:24]}"


def _vector(text: str) -> list[float]:
    """A unit vector that depends on nothing but the text."""
    digest = hashlib.sha256(text.encode()).digest()
    values = [byte / 127.5 - 1 for byte in digest[:_DIMENSIONS]]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [round(value / length, 6) for value in values]
