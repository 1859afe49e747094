"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from equipoise.errors import WriteError
from equipoise.whole_files import replace


def test_a_file_that_cannot_be_written_is_what_it_was_and_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(file := tmp_path / "told.json", b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"told\.json': No space left on device\. Make room, or name another folder"):
        replace(file, b"after")
    assert file.read_bytes() == b"before" and list(tmp_path.iterdir()) == [file]
