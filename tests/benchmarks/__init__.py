"""Benchmarks: `python -m tests.benchmarks` prints a table; ratios within one run count, not absolutes."""
