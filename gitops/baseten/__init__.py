"""The edge to Baseten: where it is, how fast it may be asked, what is read, written and probed."""
