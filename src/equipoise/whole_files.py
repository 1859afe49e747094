"""Files that are written whole or not at all: whenever a program is killed, the old one or the new one is there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from equipoise.errors import WriteError


def replace(file: Path, data: bytes) -> None:
    """Nothing; the file then holds the data, on the disk and not only in a cache.

    Raises:
        WriteError: it cannot be written; what was there is there still.
    """
    partial = file.with_name(f"{file.name}.partial")
    try:
        with partial.open("wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        partial.replace(file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        told = f"cannot write '{file}': {error.strerror or error}."
        raise WriteError(f"{told} Make room, or name another folder; what was there before is there still.") from None
