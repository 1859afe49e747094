"""Recorded outputs of language models: a table of questions × columns (agent|strategy) × samples, read and written."""

from equipoise.recordings.reading import read
from equipoise.recordings.recording import Recording
from equipoise.recordings.row import Row
from equipoise.recordings.writing import Writer, write

__all__ = ["Recording", "Row", "Writer", "read", "write"]
