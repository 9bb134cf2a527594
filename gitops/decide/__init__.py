"""The decision: one pure function of what Git wants, Baseten has and the deploy log remembers.

``decide`` answers for one environment, ``decide_model`` for all of a model's. Both answer with
``Needs`` where a row asks for facts that were not read: read them, put them into the situation, and
ask again. Whoever carries out a decision does its first step, reads Baseten again, adds what was
learned to the ``Evidence``, and asks again, until no step is left.

To read it, in this order::

    situation     what a decision depends on: the whole input
    decision      what it says: the whole output
    table         the rows in their order, and how the first that matches becomes a decision
    rows          what each row looks for and what it answers
    view          the questions that rows ask of a situation, each answered once
    judge         how a release ends: watched, recorded, or rolled back

Beside these, one subject to a module: ``safety`` and ``capacity`` (consent), ``hardware``,
``changing`` (settings), ``audit`` (who did what), ``wanted``, ``target`` and ``sides`` (what is the
same as what), ``notices``. ``model`` puts the environments into their order. ``retention`` and
``uses`` stand apart: they decide which deployments may go, and only `gitops prune` asks them.
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
