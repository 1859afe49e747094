"""Reads a recording: `.jsonl.gz`, `.jsonl`, or an Inspect log (`.eval`).

Nothing damaged is skipped: the first line that cannot be read ends in an error that names it.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from pydantic import ValidationError

from equipoise.errors import RecordingError, UnknownName
from equipoise.recordings.recording import Recording
from equipoise.recordings.row import Row

SUFFIXES = (".jsonl.gz", ".jsonl", ".eval")


def read(path: str | Path, columns: Iterable[str] | None = None) -> Recording:
    """The recording in a file.

    Args:
        path: a `.jsonl.gz`, `.jsonl` or `.eval` file.
        columns: keep only these, "agent|strategy"; all when None. Every line is checked all the same.

    Raises:
        RecordingError: the file is missing, empty, damaged or does not follow the schema; names the line.
        UnknownName: a column is not in the file.
    """
    path = Path(path)
    wanted = None if columns is None else set(columns)
    recording, seen = Recording(source=str(path)), dict[str, None]()
    for where, row in _rows(path):
        seen[row.column] = None
        if wanted is None or row.column in wanted:
            recording.add(row, where=where)
    if not seen:
        raise RecordingError(f"{path}: holds no recorded response. Record some first, or name another file.")
    for column in sorted((wanted or set()) - seen.keys()):
        raise UnknownName("recorded column", column, seen)
    return recording


def _rows(path: Path) -> Iterator[tuple[str, Row]]:
    if not path.is_file():
        raise RecordingError(f"no recording '{path}'. Check the path; relative ones start at the current folder.")
    if path.suffix == ".eval":
        # Inspect takes a second to import, which readers of plain files need not wait for.
        from equipoise.recordings.inspect_log import rows_of_log

        yield from rows_of_log(path)
    elif path.name.endswith(SUFFIXES):
        for number, line in _lines(path):
            where = f"{path}, line {number}"
            yield where, _parsed(line, where)
    else:
        raise RecordingError(f"{path}: unknown kind of recording. Known endings: {', '.join(SUFFIXES)}.")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that hold something, with their numbers from 1."""
    number = 0
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            for number, line in enumerate(cast(BinaryIO, file), start=1):
                if line.strip():
                    yield number, line
    except EOFError:
        raise RecordingError(
            f"{path}, after line {number}: the gzip file ends too early: it was cut off while being written or copied. "
            "Copy it again; if an interrupted recorder wrote it, opening it to append says where to cut."
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise RecordingError(f"{path}, after line {number}: not a sound gzip file ({error}). Copy it again.") from None
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error}).") from None


def _parsed(line: bytes, where: str) -> Row:
    try:
        return Row.model_validate_json(line)
    except ValidationError as error:
        raise RecordingError(f"{where}: {_cause(line, error)}") from None


def _cause(line: bytes, error: ValidationError) -> str:
    """What is wrong with a line, in words."""
    try:
        line.decode()
    except UnicodeDecodeError as bad:
        return f"not UTF-8 (byte {bad.start + 1} of the line). Save the file as UTF-8."
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return f"not JSON ({first['msg'].removeprefix('Invalid JSON: ')}). Each line must be one JSON object."
    if first["type"] == "missing":
        return f"the field '{field}' is missing. Needed are: {', '.join(_NEEDED)}."
    if not field:
        return "not a JSON object. Each line must be one, with fields such as qid and response."
    return f"the field '{field}' is wrong: {first['msg']} (got {first['input']!r:.60})."


_NEEDED = [name for name, field in Row.model_fields.items() if field.is_required()]
