"""Mixtures of training prompts: (messages, target) pairs built with the prompt parts that every method uses.

All puzzles come from the train split. Which kind of prompt is drawn follows `recipes.SKILLS`; peers' solutions are
right more often than not, so that a model learns both to use them and to doubt them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from equipoise.tasks.family import Family, Puzzle, families, is_test
from equipoise.tasks.graders import number, plan, word
from equipoise.team import prompt
from equipoise.team.problem import Example, Problem
from equipoise.team.prompt import Message, Prompt
from training.embedded.recipes import PLAN_SHARE, SKILLS, SYSTEM_SHARE, Recipe

KINDS: Mapping[str, number.Number | word.Word | plan.Plan] = {
    kind.name: kind for kind in (number.GRADER, word.GRADER, plan.GRADER)
}

SYSTEMS = (
    "You are a careful checker.",
    "You are a helpful assistant.",
    "You are an expert in arithmetic.",
    "You are an expert in logic.",
    "You are an expert in planning.",
    "You are one of several agents who solve a question together.",
    "You are a critic who looks for errors.",
    "You are a quick solver.",
)

PLAN_CAPS = (70, 70, 70, 50, 40, 30)
"""Caps of plan prompts, in tokens; all plan lines fit the smallest."""

RIGHT_PEER = 0.6
RIGHT_OWN = 0.5
"""Chances that a peer's solution, and the model's own earlier one, is right."""


@dataclass(frozen=True)
class Exchange:
    """A prompt and the response to learn."""

    messages: Prompt
    target: str


def problem(puzzle: Puzzle, examples: Sequence[Example] = ()) -> Problem:
    """The puzzle as teams see it."""
    return Problem(
        id=puzzle.canonical,
        question=puzzle.question,
        kind=KINDS[puzzle.kind],
        examples=tuple(examples),
        context=puzzle.context,
    )


class Mixture:
    """Draws exchanges of one recipe."""

    def __init__(self, recipe: Recipe, rng: random.Random) -> None:
        self._recipe = recipe
        self._rng = rng
        self._families: dict[str, Family] = families()

    def draw(self) -> Exchange:
        """One exchange."""
        puzzle = self._puzzle(_weighted(self._rng, self._recipe.families))
        exchange = getattr(self, f"_{_weighted(self._rng, SKILLS)}")(puzzle)
        if self._rng.random() < SYSTEM_SHARE:
            system = Message("system", self._rng.choice(SYSTEMS))
            return Exchange((system, *exchange.messages), exchange.target)
        return exchange

    def __iter__(self) -> Iterator[Exchange]:
        while True:
            yield self.draw()

    def _puzzle(self, family: str) -> Puzzle:
        while is_test(puzzle := self._families[family].draw(self._rng)):
            pass
        return puzzle

    def _strategy(self) -> str:
        return _weighted(self._rng, self._recipe.strategies)

    def _answer(self, puzzle: Puzzle) -> Exchange:
        strategy = self._strategy()
        plan = puzzle.plan if self._rng.random() < PLAN_SHARE else None
        messages = prompt.answer(problem(puzzle), prompt.STRATEGIES[strategy], plan=plan)
        return Exchange(messages, puzzle.right.worked[strategy])

    def _few_shot(self, puzzle: Puzzle) -> Exchange:
        style = self._rng.choice(("direct", "step_by_step", "step_by_step"))
        shown = [self._puzzle(puzzle.family) for _ in range(self._rng.randint(1, 2))]
        examples = [Example(question=shot.question, response=shot.right.worked[style]) for shot in shown]
        messages = prompt.answer(problem(puzzle, examples), prompt.STRATEGIES["few_shot"], few_shot=True)
        return Exchange(messages, puzzle.right.worked[style])

    def _solution(self, puzzle: Puzzle, right: float, strategy: str | None = None) -> str:
        """Some agent's solution, right with the given chance, worked in the given or any strategy."""
        solution = puzzle.right if self._rng.random() < right else self._rng.choice(puzzle.wrong)
        return solution.worked[strategy or self._rng.choice(("direct", *puzzle.right.worked))]

    def _revise(self, puzzle: Puzzle) -> Exchange:
        strategy = self._strategy()
        before = prompt.answer(problem(puzzle), prompt.STRATEGIES[strategy])
        own = self._solution(puzzle, RIGHT_OWN, strategy)
        peers = [self._solution(puzzle, RIGHT_PEER) for _ in range(self._rng.randint(1, 2))]
        return Exchange(prompt.revise(problem(puzzle), before, own, peers), puzzle.right.worked[strategy])

    def _weigh(self, puzzle: Puzzle) -> Exchange:
        task_line = self._rng.choice((prompt.COMBINE, prompt.DECIDE))
        solutions = [self._solution(puzzle, RIGHT_PEER) for _ in range(self._rng.randint(2, 3))]
        return Exchange(prompt.weigh(problem(puzzle), solutions, task_line), puzzle.right.worked["step_by_step"])

    def _plan(self, puzzle: Puzzle) -> Exchange:
        return Exchange(prompt.plan(problem(puzzle), self._rng.choice(PLAN_CAPS)), puzzle.plan)

    def _choose(self, puzzle: Puzzle) -> Exchange:
        """One right solution among wrong ones; the target names its number."""
        strategy = self._rng.choice(tuple(puzzle.right.worked))
        solutions = [self._solution(puzzle, 0.0, strategy) for _ in range(self._rng.randint(1, 2))]
        place = self._rng.randint(0, len(solutions))
        solutions.insert(place, puzzle.right.worked[strategy])
        return Exchange(prompt.choose(problem(puzzle), solutions), f"Best: {place + 1}")

    def _next_step(self, puzzle: Puzzle) -> Exchange:
        steps = puzzle.right.steps
        done = self._rng.randint(0, len(steps))
        target = steps[done] if done < len(steps) else puzzle.right.worked["direct"]
        return Exchange(prompt.next_step(problem(puzzle), steps[:done]), target)

    def _rate(self, puzzle: Puzzle) -> Exchange:
        """All right steps are sure, some are likely to lead there, and a wrong one makes it impossible."""
        right = puzzle.right.steps
        rating = self._rng.choice(("sure", "likely", "impossible"))
        if rating == "sure" or (rating == "likely" and len(right) == 1):
            return Exchange(prompt.rate(problem(puzzle), right), "Rating: sure")
        if rating == "likely":
            return Exchange(
                prompt.rate(problem(puzzle), right[: self._rng.randint(1, len(right) - 1)]), "Rating: likely"
            )
        return Exchange(prompt.rate(problem(puzzle), self._rng.choice(puzzle.wrong).steps), "Rating: impossible")


def _weighted(rng: random.Random, shares: Mapping[str, float]) -> str:
    return rng.choices(tuple(shares), weights=tuple(shares.values()))[0]
