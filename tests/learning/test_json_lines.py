"""Lines that a run tells, and that a run which goes on tells again."""

from __future__ import annotations

from pathlib import Path

import pytest

from equipoise.errors import WriteError
from equipoise.learning.json_lines import add_line, first_lines


def test_what_was_told_after_the_checkpoint_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    assert first_lines(file, 3) == []
    for number in range(3):
        add_line(file, {"iteration": number, "name": "é"})
    with file.open("a") as opened:
        opened.write('{"iteration": 3, "na')  # killed while it wrote
    assert [told["iteration"] for told in first_lines(file, 2)] == [0, 1]
    add_line(file, {"iteration": 2})
    assert first_lines(file, 9)[-1] == {"iteration": 2}


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="progress"):
        add_line(tmp_path / "missing" / "progress.jsonl", {})
    with pytest.raises(ValueError, match="JSON"):
        add_line(tmp_path / "progress.jsonl", {"loss": float("nan")})
