"""Each verb of the program as one short composition of the stages."""
