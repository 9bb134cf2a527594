"""The rows of the table, a few to a module; ``gitops.decide.table`` puts them in their order.

::

stopping      1 to 4      what stops everything else
running       5 to 9      something is under way
unfinished    10 and 13   an intent that nobody closed
held          11          what Git asks for is held here
foreign       12          what serves is not ours
serving       14 to 18    what Git wants serves
requiring     19          it has to succeed elsewhere first
releasing     20 and 21   it does not serve yet, and nothing stands in its way
"""
