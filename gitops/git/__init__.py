"""What is kept in Git: objects, archives, the deploy log; all through plain ``git`` commands.

``process`` runs ``git``, ``objects`` a ``git cat-file`` that keeps running. On them stands the
``database`` of commits and trees, and on that the ``repository``: one clone, as everything else
here sees it, with its ``ancestry`` and its ``branches``. A ``remote`` is pushed to by
compare-and-swap. The working tree is read at most.

The ``deploylog`` is made of ``chain`` (entries as commits), ``logrefs`` (where they are kept),
``pending`` and ``waiting`` (what the remote could not be given yet) and ``renamed`` (a log that
goes on under another name). The ``locks`` of models stand on ``lockrefs``.
"""
