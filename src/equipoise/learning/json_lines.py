"""What a run tells, one JSON object a line.

A run that was killed goes on from its last checkpoint; what it told after that is told again, and so forgotten first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from equipoise.errors import WriteError
from equipoise.whole_files import replace


def add_line(file: Path, told: Mapping[str, Any]) -> None:
    """Nothing; the file has one line more.

    Raises:
        WriteError: the file cannot be written.
    """
    try:
        with file.open("a", encoding="utf-8") as opened:
            opened.write(json.dumps(told, allow_nan=False) + "\n")
    except OSError as error:
        raise WriteError(
            f"cannot write '{file}': {error.strerror or error}. Make room, or name another folder."
        ) from None


def first_lines(file: Path, count: int) -> list[dict[str, Any]]:
    """The first lines of a file, which it holds alone from now on; none where there is no file."""
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()[:count]
    replace(file, "".join(f"{line}\n" for line in lines).encode())
    return [json.loads(line) for line in lines]
