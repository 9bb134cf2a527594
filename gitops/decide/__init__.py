"""The decision: one pure function of what Git wants, Baseten has and the deploy log remembers.

``decide`` answers for one environment, ``decide_model`` for all of a model's. Both answer with
``Needs`` where a row asks for facts that were not read: read them, put them into the situation, and
ask again. Whoever carries out a decision does its first step, reads Baseten again, adds what was
learned to the ``Evidence``, and asks again, until no step is left.
"""

from gitops.decide.decision import Answer, Blocked, Decision, Needs, State
from gitops.decide.facts import Fact
from gitops.decide.model import decide_model, in_order
from gitops.decide.situation import Asked, Evidence, Options, Situation
from gitops.decide.table import ROWS, decide, settings_to_make

__all__ = [
    "ROWS",
    "Answer",
    "Asked",
    "Blocked",
    "Decision",
    "Evidence",
    "Fact",
    "Needs",
    "Options",
    "Situation",
    "State",
    "decide",
    "decide_model",
    "in_order",
    "settings_to_make",
]
