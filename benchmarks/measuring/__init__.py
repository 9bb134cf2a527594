"""What the benchmarks share: measuring side by side, servers, repositories to measure on."""
