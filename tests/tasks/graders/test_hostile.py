"""Whatever a model writes, every grader answers fast and never raises; graders are found by listing their folder."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.tasks import graders
from equipoise.team.problem import Problem

CONTEXT = {
    "numbers": [4, 6],
    "target": 24,
    "choices": {"A": "bank", "B": "mall"},
    "pddl": "(define (:objects a b) (:init (handempty) (ontable a) (ontable b) (clear a) (clear b)) (:goal (on a b)))",
}
SECONDS = 2.0

PIECES = [
    "9",
    "a",
    "(",
    "[",
    '{"answer":',
    "\\boxed{",
    "Answer: ",
    "Answer:\n",
    "the answer is ",
    "1,234,",
    "1/2/",
    "-$",
    " ",
    "\n",
    "(stack a ",
    "stack a on b ",
    "1. pick up a\n",
    "[PLAN]",
    "(1+",
    "-",
    "1 * ",
    "(A) ",
    "\\frac{1}{",
    "a-",
    "\u0000\ud7ff",
]


@pytest.mark.parametrize("name", graders.available())
@pytest.mark.parametrize("piece", PIECES, ids=[f"{piece[:12]!r}" for piece in PIECES])
def test_ten_megabytes_of_anything_are_read_at_once(name: str, piece: str) -> None:
    problem = Problem(id="h", question="?", kind=graders.grader(name), context=CONTEXT)
    text = piece * (10_000_000 // len(piece))
    started = time.perf_counter()
    key = problem.read(text)
    if key is not None:
        problem.verify(key)
        graders.grader(name).grade(key, "24", problem)
    assert time.perf_counter() - started < SECONDS


@given(st.integers(0, 2**32), st.text(max_size=40))
def test_no_text_makes_a_grader_raise(seed: int, text: str) -> None:
    rng = random.Random(seed)
    mixed = "".join(rng.choice([*PIECES, text, "Answer: 4*6", "(pick-up a) (stack a b)"]) for _ in range(12))
    for name in graders.available():
        problem = Problem(id="h", question="?", kind=graders.grader(name), context=CONTEXT)
        key = problem.read(mixed)
        assert key is None or isinstance(key, str)
        if key is not None:
            assert graders.grader(name).grade(key, text, problem) in (True, False)
            assert problem.verify(key) in (True, False, None)
            assert name == "text" or problem.read(f"Answer: {key}") == key
