r"""What an ECON episode may spend: no more calls or tokens than a debate of three rounds with such answers.

$$D = \sum_{r=0}^{2} \Bigl[\sum_i (x_i + r\,Y) + Y\Bigr] = 3X + 3NY + 3Y, \qquad Y = \sum_i y_i$$

x_i are the tokens of executor i's question, without the plan, and y_i those of its first answer. D is what a debate of
N executors and three rounds, the first answers being one, costs if every answer is as long as the first: in round r an
agent reads its own exchange and its peers' solutions so far. It is known after stage 1; what comes then must fit into
what is left of it. Calls: 3 max(N, 3).

A plan and N first answers are spent before D is known. Where questions and answers are very short, a long plan alone
can cost more than that debate; then nothing else is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from equipoise.team.episode import Turn
from equipoise.team.turns import Turns

ROUNDS = 3
"""Of the debate that must not be cheaper, the first answers being one."""

PLAN_LABEL = 3
"""Tokens of "Plan:" and its line."""

DRIFT = 1.2
"""Another model's tokenizer may count so many times as many tokens."""


def most_calls(executors: int) -> int:
    """Calls of a debate of three rounds with that many executors, of three at least."""
    return ROUNDS * max(executors, 3)


class Account:
    """What is left of a debate's calls and tokens.

    Args:
        turns: the episode's calls so far.

    Attributes:
        debate_tokens: D; None before the first answers.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.debate_tokens: int | None = None
        self._question = 0

    @property
    def calls(self) -> int:
        """Calls left."""
        return most_calls(len(self._turns.team.executors)) - len(self._turns.taken)

    @property
    def tokens(self) -> int:
        """Tokens left; may be below 0."""
        assert self.debate_tokens is not None, "the account opens with the first answers"
        return self.debate_tokens - self._turns.tokens

    def open(self, first: Sequence[Turn], plan_tokens: int) -> None:
        """Takes the first answers as the measure of a debate's.

        Args:
            first: one answer of each executor.
            plan_tokens: of the plan in their prompts, as the Coordinator counts, 0 without one.
        """
        extra = int(DRIFT * plan_tokens) + PLAN_LABEL if plan_tokens else 0
        questions = [max(turn.input_tokens - extra, 1) for turn in first]
        written = sum(turn.output_tokens for turn in first)
        self.debate_tokens = ROUNDS * (sum(questions) + len(first) * written + written)
        self._question = max(questions)

    def answer_limits(self, asked: Sequence[Turn], *, reads: int = 0, reserve: int) -> list[int] | None:
        """Most tokens of each new answer, at least those of the one before; None where there is no room for them.

        Args:
            asked: the answers that are to be given anew.
            reads: tokens that each of them reads beside what the one before has read.
            reserve: tokens kept for what follows.
        """
        written = sum(turn.output_tokens for turn in asked)
        spare = self.tokens - sum(turn.input_tokens + reads for turn in asked) - reserve
        if spare < written or not written or self.calls < len(asked):
            return None
        return [max(1, spare * turn.output_tokens // written) for turn in asked]

    def weighing(self, read: Sequence[Turn]) -> int:
        """Tokens that the weighing of some answers costs, as far as can be told before."""
        wrote = [turn.output_tokens for turn in read]
        return self._reading(read) + int(DRIFT * max(wrote, default=0))

    def verdict_limits(self, parts: Sequence[Sequence[Turn]]) -> list[int] | None:
        """Most tokens of each verdict where several are asked for at once; None where there is no room for all.

        Half of what nobody needs is kept, so that a Coordinator without end leaves room for another round.

        Args:
            parts: the answers that each verdict is about.
        """
        spare = self.tokens - sum(self.weighing(part) for part in parts)
        if spare < 0 or self.calls < len(parts):
            return None
        return [max(1, self.weighing(part) - self._reading(part) + spare // 2 // len(parts)) for part in parts]

    def _reading(self, read: Sequence[Turn]) -> int:
        return int(DRIFT * (self._question + sum(turn.output_tokens for turn in read) + PLAN_LABEL * len(read)))
