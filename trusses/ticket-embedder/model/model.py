"""Embeddings in OpenAI's shape, computed on a CPU."""

from typing import Any

from textfeatures import hashed_ngrams, tokens

DIMENSIONS = 128


class Model:
    """``{"input": text or list of texts}`` to one unit vector a text."""

    def __init__(self, **kwargs: Any) -> None:
        self._name = kwargs["config"]["model_name"]

    def load(self) -> None:
        """Nothing to load: the features are hashed, not learned."""

    def predict(self, model_input: dict[str, Any]) -> dict[str, Any]:
        """One embedding for each input, in order."""
        given = model_input["input"]
        texts = [given] if isinstance(given, str) else list(given)
        used = sum(len(tokens(text)) for text in texts)
        return {
            "object": "list",
            "model": self._name,
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": hashed_ngrams(text, size=DIMENSIONS),
                }
                for index, text in enumerate(texts)
            ],
            "usage": {"prompt_tokens": used, "total_tokens": used},
        }
