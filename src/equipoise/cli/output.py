"""Files that a verb writes for the user."""

from __future__ import annotations

from pathlib import Path

from equipoise.errors import WriteError


def write(file: Path, text: str) -> None:
    """Nothing; the file then holds the text.

    Raises:
        WriteError: it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise WriteError(f"cannot write '{file}': {error.strerror or error}. Name another file.") from None


def make_folder(folder: Path) -> None:
    """Nothing; the folder then exists.

    Raises:
        WriteError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot make the folder '{folder}': {error.strerror or error}. Name another.") from None
