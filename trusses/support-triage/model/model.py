"""Which queue should answer a support ticket: multinomial naive Bayes, trained when it loads."""

import json
import math
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

_WORD = re.compile(r"[a-z0-9']+")


def words(text: str) -> list[str]:
    """Lower-case words and pairs of neighbouring words."""
    single = _WORD.findall(text.lower())
    return single + [f"{left} {right}" for left, right in pairwise(single)]


class Model:
    """``{"text": …}`` to a queue, its probability, and the probability of every queue."""

    def __init__(self, **kwargs: Any) -> None:
        self._tickets = Path(kwargs["data_dir"]) / "tickets.jsonl"
        self._counts: dict[str, Counter[str]] = {}
        self._priors: Counter[str] = Counter()
        self._vocabulary: set[str] = set()

    def load(self) -> None:
        """Count the words of every labelled ticket."""
        for line in self._tickets.read_text().splitlines():
            ticket = json.loads(line)
            found = words(ticket["text"])
            self._counts.setdefault(ticket["queue"], Counter()).update(found)
            self._priors[ticket["queue"]] += 1
            self._vocabulary.update(found)
        print(f"trained on {self._priors.total()} tickets, {len(self._vocabulary)} features")

    def predict(self, model_input: dict[str, Any]) -> dict[str, Any]:
        """The most probable queue."""
        found = [word for word in words(model_input["text"]) if word in self._vocabulary]
        logs = {queue: self._log_probability(queue, found) for queue in self._priors}
        highest = max(logs.values())
        weights = {queue: math.exp(value - highest) for queue, value in logs.items()}
        total = sum(weights.values())
        scores = {queue: round(weight / total, 4) for queue, weight in sorted(weights.items())}
        queue = max(scores, key=scores.__getitem__)
        return {"queue": queue, "confidence": scores[queue], "scores": scores}

    def _log_probability(self, queue: str, found: list[str]) -> float:
        counts = self._counts[queue]
        size = counts.total() + len(self._vocabulary)
        prior = math.log(self._priors[queue] / self._priors.total())
        return prior + sum(math.log((counts[word] + 1) / size) for word in found)
