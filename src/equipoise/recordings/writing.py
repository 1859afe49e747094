"""Writes recordings: `write` makes a whole file at once, `Writer` appends responses as they come and survives a crash.

A Writer's record is a gzip member of its own, on the disk before `append` returns. Members follow one another in a
gzip file, so any reader reads them all; after a crash only the last one can be damaged, and opening the file finds it.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from equipoise.errors import InputError, RecordingError
from equipoise.recordings.row import Row

_CHUNK_BYTES = 1 << 16
_GZIP_BITS = zlib.MAX_WBITS | 16


def write(path: str | Path, rows: Iterable[Row]) -> int:
    """The number of rows written to a new `.jsonl` or `.jsonl.gz` file; an old one is replaced only when all is well.

    Raises:
        InputError: the name has another ending.
    """
    path = _checked(path, (".jsonl", ".jsonl.gz"))
    partial = path.with_name(f"{path.name}.partial")
    lines = [_line(row) for row in rows]
    data = b"".join(lines)
    # A fixed time in the header: equal rows make equal files.
    partial.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    partial.replace(path)
    return len(lines)


class Writer:
    """Appends rows to a `.jsonl.gz` file, which is made when absent. A context manager; one writer per file.

    Raises:
        InputError: the name has another ending.
        RecordingError: the file there ends in the middle of a record; says where to cut it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = _checked(path, (".jsonl.gz",))
        if self.path.exists():
            _check_tail(self.path)
        self._file = self.path.open("ab")

    def append(self, row: Row) -> None:
        """Writes one row and waits until it is on the disk."""
        self._file.write(gzip.compress(_line(row), mtime=0))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _line(row: Row) -> bytes:
    return row.model_dump_json().encode() + b"\n"


def _checked(path: str | Path, endings: tuple[str, ...]) -> Path:
    path = Path(path)
    if not path.name.endswith(endings):
        raise InputError(f"cannot write a recording to '{path}'. Name a file that ends in {' or '.join(endings)}.")
    return path


def _check_tail(path: Path) -> None:
    """Raises a RecordingError when the file does not end with a complete gzip member."""
    whole, members, damage = _complete_bytes(path)
    if damage:
        raise RecordingError(
            f"{path}: {damage} at byte {whole}, after {members} complete gzip members; a writer was interrupted. "
            f"Keep what is complete with: truncate -s {whole} '{path}'"
        )


def _complete_bytes(path: Path) -> tuple[int, int, str | None]:
    """Bytes and number of the complete members at the start of a file, and what is wrong after them (None: nothing)."""
    whole = members = position = 0
    member = zlib.decompressobj(_GZIP_BITS)
    fed = False
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            position += len(chunk)
            while chunk:
                try:
                    member.decompress(chunk)
                except zlib.error as error:
                    return whole, members, f"not a sound gzip member ({error})"
                fed = not member.eof
                chunk = member.unused_data
                if member.eof:
                    whole, members = position - len(chunk), members + 1
                    member = zlib.decompressobj(_GZIP_BITS)
    return whole, members, "an unfinished gzip member" if fed else None
