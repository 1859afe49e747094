"""File formats and libraries that games are read from, one file each; JSON, our own, is `reading.py`."""
