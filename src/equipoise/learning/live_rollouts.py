"""Rollouts of a live team: the private one-shot calls of `Turns`, counted, and graded by the task.

A rollout's answers are its own: asking a column again for another rollout is another call with another seed. A call
that fails is an answer that did not come, as it will be in use; a round in which every call fails ends the learning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from equipoise.beliefs.ballots import NO_ANSWER, Ballots, Bools, Floats
from equipoise.beliefs.control_players import by_agent
from equipoise.beliefs.weighted_vote import WeightedVote
from equipoise.errors import InputError, ModelCallError
from equipoise.learning.rollouts import Indices, Seeds
from equipoise.team.episode import Turn
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import Turns

Reward = Callable[[Problem, str], float]
"""What an answer scores, in [0, 1]: a program's word, such as the grade against the gold answer."""

CALLS_AT_ONCE = 20


class LiveRollouts:
    """Rollouts of a team on problems whose answers can be scored.

    Args:
        team: who is asked; each executor under each of its controls is a column.
        problems: what may be asked.
        reward: scores an answer.
        anchor: name of the column that is asked where everybody abstains; the first one if it is "first", None for
            none.
        voter: how answers are decided between; a plain vote, the earliest column winning ties, if None.
        at_once: most calls in flight.

    Attributes:
        calls: how many were answered.
        tokens: how many they wrote.
        failed: how many were not answered.

    Raises:
        InputError: there is no problem, or no such column.
    """

    def __init__(
        self,
        team: Team,
        problems: Sequence[Problem],
        reward: Reward,
        *,
        anchor: str | None = "first",
        voter: WeightedVote | None = None,
        at_once: int = CALLS_AT_ONCE,
    ) -> None:
        if not problems:
            raise InputError("there is no problem to learn from; name one at least.")
        self._columns = list(team.columns().values())
        self.columns = tuple(team.columns())
        if anchor not in (None, "first", *self.columns):
            raise InputError(f"no column '{anchor}' to fall back on. There are: {', '.join(self.columns)}.")
        self.anchor = None if anchor is None else 0 if anchor == "first" else self.columns.index(anchor)
        self.players = by_agent(self.columns)
        self.abstain = team.controls.abstain
        self.game, self.text_tells = None, False
        self.voter = voter or WeightedVote(weights=np.ones(len(self.columns)), log_unseen=0.0)
        self.texts = np.array([problem.question for problem in problems], dtype=object)
        self.calls = self.tokens = self.failed = 0
        self._team, self._problems, self._reward = team, list(problems), reward
        self._labels: list[dict[str, int]] = [{} for _ in problems]
        self._at_once = at_once

    async def ask(self, questions: Indices, seen: Ballots, wanted: Bools, seeds: Seeds) -> Ballots:
        """The answers of the columns wanted, beside those seen.

        Raises:
            ModelCallError: every call failed.
        """
        gate = asyncio.Semaphore(self._at_once)

        async def call(row: int, column: int) -> Turn | ModelCallError:
            turns = Turns(self._problems[questions[row]], self._team, int(seeds[row]))
            asked = self._columns[column]
            async with gate:
                try:
                    return await turns.answer(asked.executor, asked.control)
                except ModelCallError as error:
                    return error

        places = np.argwhere(wanted)
        turns = await asyncio.gather(*(call(int(row), int(column)) for row, column in places))
        failures = [turn for turn in turns if isinstance(turn, ModelCallError)]
        if failures and len(failures) == len(turns):
            raise failures[0]
        self.failed += len(failures)
        answers, cost = seen.answers.copy(), seen.cost.copy()
        for (row, column), turn in zip(places, turns, strict=True):
            if isinstance(turn, Turn):
                answers[row, column] = self._label(int(questions[row]), turn.key)
                cost[row, column] = turn.output_tokens
                self.calls += 1
                self.tokens += turn.output_tokens
        return replace(seen, answers=answers, cost=cost, asked=seen.asked | wanted)

    def right(self, questions: Indices, seen: Ballots) -> Floats:
        """What the answer believed most scores, the earliest column's on a tie."""
        beliefs = self.voter.believe(seen)
        rows, best = np.arange(len(beliefs)), beliefs.argmax(axis=1)
        earned = np.zeros(len(beliefs))
        for row in np.flatnonzero(beliefs[rows, best] > 0):
            place = int(questions[row])
            key = list(self._labels[place])[seen.answers[row, best[row]]]
            earned[row] = self._reward(self._problems[place], key)
        return earned

    def _label(self, question: int, key: str | None) -> int:
        """The label of an answer: the same for every rollout of a question."""
        known = self._labels[question]
        return NO_ANSWER if key is None else known.setdefault(key, len(known))
