"""A run of mirror fine-tuning read back from its folder, after its models are gone: progress, looks and settings.

Reads JSON alone: `progress.jsonl`, `questions.json`, `result.json`, and `checkpoint/checkpoint.json`, which alone knows
the look before any update and the settings of a run that is not finished. A line that was cut off by a crash is left
out and told.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.learning.mirror_finetuning import BEST, PROGRESS, QUESTIONS, RESULT, STATE

Told = Mapping[str, Any]
Floats = NDArray[np.float64]

CHECKPOINT = f"{STATE}/checkpoint.json"


@dataclass(frozen=True)
class Run:
    """What a run's folder holds.

    Attributes:
        name: of the folder.
        lines: what the iterations told, in their order.
        looks: at validation questions, by iteration; 0 is before any update.
        settings: of the trainer; `iterations` is there when the run is finished.
        about: the task, the team, and whether there was a plan.
        executors: their names.
        split: questions of each split.
        finished: whether the iterations that were asked for are made.
        adapters: executors whose adapters lie in `best/`.
        notices: what is worth knowing, one sentence each.
    """

    name: str
    lines: tuple[Told, ...]
    looks: Mapping[int, Told]
    settings: Told
    about: Told
    executors: tuple[str, ...]
    split: Mapping[str, int]
    finished: bool
    adapters: tuple[str, ...]
    notices: tuple[str, ...]

    @property
    def done(self) -> int:
        """Iterations that were made."""
        return len(self.lines)

    @cached_property
    def iterations(self) -> Floats:
        """Their numbers [T]."""
        return np.array([line["iteration"] for line in self.lines], dtype=float)

    def team(self, *path: str | int) -> Floats:
        """A number of every iteration, NaN where it was not told [T]."""
        return np.array([number(line, *path) for line in self.lines], dtype=float)

    def each(self, key: str) -> Floats:
        """A number of every executor in every iteration, NaN where it was not told [N, T]."""
        places = range(len(self.executors))
        return np.array([self.team("executors", place, key) for place in places]).reshape(len(places), self.done)

    @property
    def questions(self) -> int | None:
        """Validation questions that a look asks; None where that is not known."""
        return next((len(held) for look in self.looks.values() if len(held := shares(look))), None)


def shares(look: Told) -> Floats:
    """Share of right votes on every question of a look; none where one of them is no share."""
    told = _list(look, "shares")
    held = np.array([number(told, place) for place in range(len(told))])
    return held if bool(((held >= 0) & (held <= 1)).all()) else np.array([])


def number(told: Any, *path: str | int) -> float:
    """The number at a path in a record; NaN where there is none, or none that is finite."""
    for key in path:
        try:
            told = told[key]
        except (KeyError, IndexError, TypeError):
            return math.nan
    real = isinstance(told, int | float) and not isinstance(told, bool)
    return float(told) if real and abs(told) < 1e300 else math.nan


def holds_run(folder: Path) -> bool:
    """Whether a trainer has left its progress in a folder."""
    return (folder / PROGRESS).is_file() or (folder / CHECKPOINT).is_file()


def read(folder: Path) -> Run:
    """The run in a folder that `equipoise train mirror` has written, finished or not.

    Raises:
        InputError: there is none, it cannot be read, or another trainer has written it.
    """
    if not holds_run(folder):
        raise InputError(
            f"'{folder}' holds no {PROGRESS}. Give a folder that `equipoise train mirror --out` has written."
        )
    notices: list[str] = []
    lines = _lines(folder / PROGRESS, notices)
    state = _object(folder / CHECKPOINT, notices)
    state = state["config"] if isinstance(state.get("config"), Mapping) else {}
    result = _object(folder / RESULT, notices)
    settings = {**_part(state, "settings"), **_part(result, "settings")}
    if not lines and "kl_ref_limit" not in settings:
        raise InputError(
            f"'{folder}' holds no iteration of `equipoise train mirror`, whose page this is. "
            "`equipoise train prompt-control` writes its own report.html."
        )
    finished = bool(result) and number(result, "iterations") >= len(lines)
    split = _object(folder / QUESTIONS, notices)
    return Run(
        name=folder.resolve().name,
        lines=tuple(lines),
        looks=_looks(result, state, lines),
        settings=settings if finished else {key: value for key, value in settings.items() if key != "iterations"},
        about={key: state[key] for key in ("task", "team", "plan") if key in state},
        executors=_names(lines, state),
        split={name: len(ids) for name, ids in split.items() if isinstance(ids, list)},
        finished=finished,
        adapters=tuple(sorted(plain(path.parent.name) for path in folder.glob(f"{BEST}/*/adapter_config.json"))),
        notices=(*notices, *(plain(str(remark)) for remark in _list(result, "remarks") if finished)),
    )


def _lines(file: Path, notices: list[str]) -> list[Told]:
    """The lines that tell an iteration; the others are named in a notice."""
    whole: list[Told] = []
    damaged: list[int] = []
    for place, text in enumerate(_text(file).splitlines(), start=1):
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            told = None
        if isinstance(told, dict) and isinstance(told.get("executors"), list) and number(told, "iteration") > 0:
            whole.append(told)
        else:
            damaged.append(place)
    if damaged:
        places = ", ".join(map(str, damaged[:5])) + (" and others" if len(damaged) > 5 else "")
        what = f"Line {places} of {PROGRESS} is" if len(damaged) == 1 else f"Lines {places} of {PROGRESS} are"
        notices.append(f"{what} damaged and left out, as after a crash; the same command tells it again.")
    return whole


def _object(file: Path, notices: list[str]) -> dict[str, Any]:
    """A file's JSON object; empty without the file, and with a notice where it is damaged."""
    text = _text(file)
    try:
        told = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        return told
    notices.append(f"{file.name} is damaged and was not read.")
    return {}


def _text(file: Path) -> str:
    """What is in a file; nothing without it."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InputError(f"cannot read '{file}': {error.strerror or error}.") from None


def _part(told: Told, key: str) -> dict[str, Any]:
    return dict(told[key]) if isinstance(told.get(key), Mapping) else {}


def _looks(result: Told, state: Told, lines: list[Told]) -> dict[int, Told]:
    """All looks by iteration, wherever they are told."""
    told = [*_list(result, "looks"), *_list(state, "looks"), *(line.get("look") for line in lines)]
    good = [look for look in told if not math.isnan(number(look, "team")) and not math.isnan(number(look, "iteration"))]
    return {int(look["iteration"]): look for look in sorted(good, key=lambda look: look["iteration"])}


def _names(lines: list[Told], state: Told) -> tuple[str, ...]:
    last = lines[-1]["executors"] if lines else _list(state, "executors")
    named = [each.get("name", place) if isinstance(each, dict) else each for place, each in enumerate(last)]
    return tuple(plain(str(name)) for name in named)


def plain(text: str) -> str:
    """The text without what moves a terminal's cursor or cannot be written."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _list(told: Told, key: str) -> list[Any]:
    return told[key] if isinstance(told.get(key), list) else []
