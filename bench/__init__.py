"""One figure per module: ``python -m bench.NAME``; its last line is JSON and compares within the same run."""
