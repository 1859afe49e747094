"""Questions of a task with their answer keys, for trainers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inspect_ai.scorer import Target

from equipoise.errors import InputError
from equipoise.learning.belief_live import Asked
from equipoise.tasks import task as tasks
from equipoise.tasks.task import problem_of, state_of


def questions_of(name: str, args: Mapping[str, Any], *, skip: int = 0, limit: int | None = None) -> list[Asked]:
    """The questions of one of our tasks.

    Args:
        name: of the task.
        args: of its function.
        skip: questions to leave out at the start.
        limit: most questions.

    Raises:
        UnknownName: there is no such task.
        InputError: its arguments do not fit, or no question is left.
    """
    try:
        task = tasks.load(name)(**args)
    except TypeError as error:
        raise InputError(f"task '{name}' cannot be made with {dict(args)}: {error}") from None
    chosen = list(task.dataset)[skip:][:limit]
    if not chosen:
        raise InputError(f"{name} has {len(task.dataset)} questions, and skip={skip} leaves none. Skip fewer.")
    return [Asked(problem=problem_of(state_of(sample)), gold=Target(sample.target).text) for sample in chosen]
