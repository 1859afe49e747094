"""Benchmarks and puzzle families as Inspect tasks, one file per task; `graders` holds one file per answer kind."""
