"""What the benchmarks share: measuring side by side, and repositories to measure on."""
