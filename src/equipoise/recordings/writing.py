"""Writes recordings: `write` makes a whole file at once, `Writer` appends responses as they come and survives a crash.

A Writer's record is a gzip member of its own, on the disk before `append` returns. Members follow one another in a
gzip file, so any reader reads them all; after a crash only the last one can be damaged, and opening the file finds it.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from equipoise.errors import InputError, RecordingError, WriteError
from equipoise.recordings.row import Row
from equipoise.whole_files import replace

if sys.platform != "win32":
    import fcntl

_CHUNK_BYTES = 1 << 16
_GZIP_BITS = zlib.MAX_WBITS | 16
_MEMBER_START = re.compile(rb"\x1f\x8b\x08")


def write(path: str | Path, rows: Iterable[Row]) -> int:
    """The number of rows written to a new `.jsonl` or `.jsonl.gz` file; an old one is replaced only when all is well.

    Raises:
        InputError: the name has another ending.
    """
    path = _checked(path, (".jsonl", ".jsonl.gz"))
    lines = [_line(row) for row in rows]
    data = b"".join(lines)
    # A fixed time in the header: equal rows make equal files.
    replace(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return len(lines)


class Writer:
    """Appends rows to a `.jsonl.gz` file, which is made when absent. A context manager; one writer per file.

    Args:
        path: the file; locked against a second writer, on file systems that have locks.
        cut_damage: cut off what an interrupted append has left at the end, instead of raising.

    Attributes:
        cut_bytes: how many bytes were cut off.

    Raises:
        InputError: the name has another ending, or another writer has the file open.
        RecordingError: the file there ends in the middle of a record; says where to cut it.
        WriteError: the file cannot be opened for writing.
    """

    def __init__(self, path: str | Path, *, cut_damage: bool = False) -> None:
        self.path = _checked(path, (".jsonl.gz",))
        # Unbuffered: after a failed write no half of a record may wait in memory for the next chance.
        try:
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise WriteError(f"cannot write '{path}': {error.strerror or error}. Name another file.") from None
        try:
            _lock(self._file, self.path)
            self._end, self.cut_bytes = _sound_end(self.path, cut_damage=cut_damage)
            if self.cut_bytes:
                self._file.truncate(self._end)
        except BaseException:
            self._file.close()
            raise

    def append(self, row: Row) -> None:
        """Writes one row and waits until it is on the disk.

        Raises:
            WriteError: it cannot be written, as on a full disk; the file then ends with the row before.
        """
        data = gzip.compress(_line(row), mtime=0)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except BaseException as error:
            with suppress(OSError):  # what cannot be cut off now is cut off when the file is opened again
                self._file.truncate(self._end)
            if isinstance(error, OSError):
                raise WriteError(f"'{self.path}' cannot be written any further: {error.strerror or error}") from error
            raise
        self._end += len(data)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _line(row: Row) -> bytes:
    return row.model_dump_json(exclude_unset=True).encode() + b"\n"


def _checked(path: str | Path, endings: tuple[str, ...]) -> Path:
    path = Path(path)
    if not path.name.endswith(endings):
        raise InputError(f"cannot write a recording to '{path}'. Name a file that ends in {' or '.join(endings)}.")
    return path


def _lock(file: IO[bytes], path: Path) -> None:
    """Locks an open file for as long as it is open, which the end of the process ends too."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"'{path}' is being written by another process. Wait until it ends, or name another file."
        ) from None
    except OSError:
        return  # some network file systems have no locks


def _sound_end(path: Path, *, cut_damage: bool) -> tuple[int, int]:
    """Where the last complete gzip member ends, and how many bytes come after it.

    Raises:
        RecordingError: there are some and they must not be cut off: it is not wanted, or more than one record is there.
    """
    whole, members, damage = _complete_bytes(path)
    if not damage:
        return whole, 0
    with path.open("rb") as file:
        file.seek(whole)
        tail = file.read()
    if cut_damage and _left_by_one_append(tail):
        return whole, len(tail)
    if cut_damage:
        raise RecordingError(
            f"{path}: {damage} at byte {whole}, after {members} complete gzip members, and more than one record "
            "follows it, so no interrupted writer did this. Copy the file again; if this is all there is, cut it with: "
            f"truncate -s {whole} '{path}'"
        )
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


def _left_by_one_append(tail: bytes) -> bool:
    """Whether bytes after the last complete member hold at most one record, and no sound member further on."""
    lines, _ = _lines_until_damage(tail)
    later = (match.start() for match in _MEMBER_START.finditer(tail) if match.start())
    return lines <= 1 and not any(_lines_until_damage(tail[start:])[1] for start in later)


def _lines_until_damage(data: bytes) -> tuple[int, bool]:
    """Number of lines in the gzip member that begins some bytes, as far as it is sound, and whether it is complete."""
    member, lines = zlib.decompressobj(_GZIP_BITS), 0
    for at in range(0, len(data), _CHUNK_BYTES >> 4):
        try:
            lines += member.decompress(data[at : at + (_CHUNK_BYTES >> 4)]).count(b"\n")
        except zlib.error:
            break
        if member.eof:
            break
    return lines, member.eof
