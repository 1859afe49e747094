"""A breadth-first search over partial solutions, in which the lead model rates and only the best go on.

    S_0 = {question}
    S'_t = {s + z : s ∈ S_{t−1}, z one of `proposals` next steps that the executor writes}
    V(s) = rating of s by the lead
    S_t  = the `breadth` states of S'_t with the largest V

ToT-BFS of Yao et al. (2023, algorithm 1). A state is a list of steps; it is finished when its last step announces an
answer, and then it stays in the search with its value and is not extended. The search ends when every kept state is
finished, or after `depth` steps; the best finished state gives the answer, and between equal values the answer that
more of them give. If none is finished, the executor is asked to combine the kept states into an answer, or, when no
step was ever written, just to answer.

Cost: with b kept states, at most 2 · (proposals + (depth − 1) · breadth · proposals) + 1 calls; a level's proposals are
made at the same time, then its ratings. A call reads the question and at most `depth` steps.

Deviations: next steps are independent samples, the paper's strategy (a), and equal ones are merged; a state is rated
once and greedily, with the numbers of the released code (sure 20, likely 1, impossible .001), instead of summing three
samples; a rating that cannot be read counts 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass as plain_dataclass
from random import Random
from typing import ClassVar

from pydantic.dataclasses import dataclass

from equipoise.beliefs import rating, vote
from equipoise.methods.method import Count, Decision, Method, by_turn, fixed_control
from equipoise.tasks.graders._marks import marks
from equipoise.team import prompt as prompts
from equipoise.team.agent import Executor
from equipoise.team.control import Control
from equipoise.team.episode import StopReason
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import BudgetSpent, Turns


@plain_dataclass(frozen=True)
class State:
    """A partial solution.

    Attributes:
        steps: what was written so far, in order.
        key: the announced answer; None while there is none.
        value: the lead's rating, ≥ 0.
    """

    steps: tuple[str, ...] = ()
    key: str | None = None
    value: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TreeOfThoughts(Method):
    """A search over steps.

    Attributes:
        breadth: states kept after each step.
        depth: most steps.
        proposals: next steps written for each kept state.
        executor: who writes the steps, by name; the first one when None.
    """

    reference: ClassVar[str] = (
        "Yao et al. (2023), Tree of Thoughts: Deliberate Problem Solving with Large Language Models"
    )
    breadth: Count = 2
    depth: Count = 3
    proposals: Count = 2
    executor: str | None = None

    def calls(self, team: Team) -> int:
        """A proposal and a rating per candidate, and the final answer."""
        fixed_control(team, self.executor, None)
        return 2 * self.proposals * (1 + (self.depth - 1) * self.breadth) + 1

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """The answer of the best finished state."""
        executor, control = fixed_control(turns.team, self.executor, None, sampled=True)
        kept = [State()]
        try:
            for depth in range(self.depth):
                finished = [state for state in kept if state.key is not None]
                candidates = await self._extended(turns, executor, control, kept, depth)
                if not candidates:
                    break
                kept = [*finished, *candidates]
                rated = [*finished, *await _rated(turns, candidates, depth)]
                kept = [rated[i] for i in rating.best([state.value for state in rated], self.breadth)]
                if all(state.key is not None for state in kept):
                    break
        except BudgetSpent:
            return _best(kept, stop="budget")
        if any(state.key is not None for state in kept):
            return _best(kept)
        return await _concluded(turns, executor, control, [" ".join(state.steps) for state in kept if state.steps])

    async def _extended(
        self, turns: Turns, executor: Executor, control: Control, kept: Sequence[State], depth: int
    ) -> list[State]:
        """The different states that one more step leads to."""
        parents = [state for state in kept if state.key is None for _ in range(self.proposals)]
        steps = await turns.together(
            turns.ask(executor, "propose", prompts.next_step(turns.problem, s.steps), control=control, round=depth)
            for s in parents
        )
        paths = [(*parent.steps, turn.response.strip()) for parent, turn in zip(parents, steps, strict=True)]
        return [State(path, _announced(turns.problem, path)) for path in dict.fromkeys(paths) if path[-1]]


def _announced(problem: Problem, steps: Sequence[str]) -> str | None:
    """The answer that the last step announces. Kinds also read bare numbers, which every unfinished step has."""
    return problem.read("\n".join(steps)) if any(mark.explicit for mark in marks(steps[-1])) else None


async def _rated(turns: Turns, states: Sequence[State], depth: int) -> list[State]:
    lead, problem = turns.team.lead, turns.problem
    ratings = await turns.together(
        turns.ask(lead, "rate", prompts.rate(problem, state.steps), round=depth, sampling_temperature=0.0)
        for state in states
    )
    values = [rating.worth(prompts.read_rating(turn.response)) for turn in ratings]
    return [State(state.steps, state.key, value) for state, value in zip(states, values, strict=True)]


def _best(states: Sequence[State], *, stop: StopReason = "done") -> Decision:
    """The answer of the finished state with the largest value."""
    shares = vote.shares([state.key for state in states], [state.value for state in states])
    finished = [state for state in states if state.key is not None]
    best = max(finished, key=lambda state: (state.value, shares[state.key or ""]), default=State())
    return Decision(answer=best.key, response="\n".join(best.steps), stop=stop, beliefs=shares)


async def _concluded(turns: Turns, executor: Executor, control: Control, paths: Sequence[str]) -> Decision:
    """The executor's answer after a search that finished nothing."""
    if not paths:
        return by_turn(await turns.answer(executor, control))
    prompt = prompts.weigh(turns.problem, paths)
    return by_turn(await turns.ask(executor, "aggregate", prompt, control=control))
