"""The executor: observe, decide, carry out one step, again, until there is nothing left to do."""
