"""Decisions become a plan: actions, safety rules, cost, binding, and the saved document.

A plan is a value (``model``). ``build`` makes it: it puts the steps of the decisions in order
(``assemble``), words what was decided (``stated``), adds what a change costs (``cost``) and how
long the way back would take (``rollback``), and counts (``summary``). Its ``steps`` are a closed
union that is read twice: the plan explains them, the executor carries them out.

A reviewed plan is saved as a ``document`` and bound to what it stands on (``binding``, over
``canonical`` text); before it is applied it is held against one made now (``compare``). The rules
of ``safety`` are about a whole plan.

Other commands say what they found as values of this room too: ``drift``, ``status``, ``prune``,
``gone``, ``imported``, ``release_diff``; and what an apply tells while it runs is in ``events``.
"""
