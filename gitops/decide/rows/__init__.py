"""The rows of the table, a few to a module; ``gitops.decide.table`` puts them in their order."""
