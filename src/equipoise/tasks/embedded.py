"""The puzzle families of the embedded models as one task; made by code, so no data are needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from inspect_ai import Task, task

from equipoise.errors import InputError, UnknownName
from equipoise.tasks import family as puzzles
from equipoise.tasks.family import Family, Split, draw_split
from equipoise.tasks.task import Question, assemble, sample_of
from equipoise.team.problem import Example

SPLITS = ("test", "validation")

VALIDATION_SEED = 1_000_003
"""Added to the seed of a validation split: its puzzles come from the training side and may be known to the models."""

EXAMPLES_SEED = 2_000_003
EXAMPLES = 2


@task
def embedded(
    families: str | Sequence[str] | None = None, split: str = "test", seed: int = 0, n_per_family: int = 100
) -> Task:
    """Puzzles of the chosen families, the families one after another.

    Args:
        families: names, as a sequence or separated by commas; all when None.
        split: "test", or "validation" for tuning, which draws from the training side.
        seed: which puzzles; part of their ids unless 0.
        n_per_family: puzzles of each family, at least 1; a larger number begins with the same puzzles.

    Raises:
        InputError: an unknown split, no puzzle, or more puzzles than a family has.
        UnknownName: an unknown family.
    """
    chosen = _chosen(families)
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    if n_per_family < 1:
        raise InputError(f"n_per_family is {n_per_family}. Give 1 or more.")
    samples = [
        sample_of("embedded", kind, question, _examples(family), family=family.name)
        for family in chosen
        for kind, question in _questions(family, split, seed, n_per_family)
    ]
    names = ",".join(family.name for family in chosen)
    return assemble("embedded", samples, f"families {names}, split {split}, seed {seed}")


def _chosen(asked: str | Sequence[str] | None) -> list[Family]:
    known = puzzles.families()
    names = asked.split(",") if isinstance(asked, str) else list(known) if asked is None else asked
    names = [name.strip() for name in names]
    for name in names:
        if name not in known:
            raise UnknownName("family", name, known)
    return [known[name] for name in dict.fromkeys(names)]


def _questions(family: Family, split: str, seed: int, n: int) -> list[tuple[str, Question]]:
    """Answer kinds and questions, numbered from 0."""
    side: Split = "test" if split == "test" else "train"
    try:
        drawn = draw_split(family, side, seed if split == "test" else VALIDATION_SEED + seed, n)
    except ValueError as error:
        raise InputError(f"{error}. Ask for fewer with n_per_family.") from None
    prefix = f"{family.name}-{split}-{seed}" if seed else f"{family.name}-{split}"
    return [
        (
            puzzle.kind,
            Question(
                id=f"{prefix}-{i:04d}",
                text=puzzle.question,
                gold=puzzle.answer,
                context=dict(puzzle.context),
            ),
        )
        for i, puzzle in enumerate(drawn)
    ]


@cache
def _examples(family: Family) -> tuple[Example, ...]:
    """Worked examples from the training side."""
    drawn = draw_split(family, "train", EXAMPLES_SEED, EXAMPLES)
    return tuple(Example(question=puzzle.question, response=puzzle.right.worked["step_by_step"]) for puzzle in drawn)
