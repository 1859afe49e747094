"""Files that are written whole or not at all: whenever a program is killed, the old one or the new one is there."""

from __future__ import annotations

import os
from pathlib import Path


def replace(file: Path, data: bytes) -> None:
    """Nothing; the file then holds the data, on the disk and not only in a cache.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    partial = file.with_name(f"{file.name}.partial")
    with partial.open("wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())
    partial.replace(file)
