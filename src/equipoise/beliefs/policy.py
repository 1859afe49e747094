r"""The contract of every rule that chooses: whom to ask next, and which answer to believe.

$$\text{asked}_0 = \emptyset, \qquad \text{asked}_{t+1} = \text{asked}_t \cup \text{ask}(\text{seen}_t), \qquad
\text{answer} = \arg\max_j \text{believe}_j(\text{seen}_T)$$

T is the first step in which nobody is asked. A policy maps what was seen to the columns to ask, arrays in and arrays
out, for many questions at once: `run` plays it on recorded ballots, and a choosing method plays the same policy on
one live question. A plain vote asks everybody in its first step; a cascade asks one column a step.

Cost of `run`: at most one call of `ask` a column, each on the questions still open, so O(questions × columns³) for
rules that compare all pairs of answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.errors import EquipoiseError

Reason = Literal["done", "confident", "verified"]
"""Why a policy stops: everybody it meant to ask was asked; another answer is not worth its price; a check passed."""


_TIE = 1e-12
"""Beliefs this close are equal: sums of the same numbers in another order differ by rounding."""


class Policy(ABC):
    """A rule that chooses, learned or not. Sees ballots of its own columns, in its own order."""

    @abstractmethod
    def ask(self, seen: Ballots) -> Bools:
        """[questions, columns] whom to ask now; a question in which nobody is asked has ended."""

    @abstractmethod
    def believe(self, seen: Ballots) -> Floats:
        """[questions, columns] belief in [0, 1] that a column's answer is right; 0 where it gave none.

        Columns that gave the same answer have the same belief. The largest decides, the earliest column on a tie.
        """

    def reason(self, seen: Ballots) -> Reason:
        """Why one question, the only one in `seen`, has ended."""
        return "done" if seen.asked.all() else "confident"


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a policy did on many questions.

    Attributes:
        chosen: [questions, columns] weight of a column's answer in the decision, summing to 1, or to 0 where no answer
            was given. Answers believed equally share it, since the order of columns means nothing in a recording;
            live, the earliest takes all.
        belief: [questions] the belief in the answer; 0 where none was given.
        asked: [questions, columns] who was asked.
        steps: [questions] how many times somebody was asked, all of one step at the same time.
    """

    chosen: Floats
    belief: Floats
    asked: Bools
    steps: NDArray[np.intp]


def run(policy: Policy, ballots: Ballots) -> Played:
    """What a policy does on recorded ballots. It sees only what it asked for, and never who was right.

    Raises:
        EquipoiseError: the policy asks a column twice, and so would never end.
    """
    asked = np.zeros(ballots.asked.shape, dtype=bool)
    steps = np.zeros(len(ballots), dtype=np.intp)
    going = np.arange(len(ballots))
    while len(going):
        wanted = policy.ask(ballots.at(going).seen(asked[going]))
        if (wanted & asked[going]).any():
            raise EquipoiseError(f"{type(policy).__name__} asks a column that was asked before.")
        going, wanted = going[wanted.any(axis=1)], wanted[wanted.any(axis=1)]
        asked[going] |= wanted
        steps[going] += 1
    seen = ballots.seen(asked)
    beliefs = policy.believe(seen)
    best = beliefs.max(axis=1)
    first = ~np.tril(seen.same, -1).any(axis=2)  # no earlier column gave this answer
    top = (beliefs >= best[:, None] - _TIE) & first & (beliefs > 0)
    chosen = top / np.maximum(top.sum(axis=1, keepdims=True), 1)
    return Played(chosen=chosen, belief=best, asked=asked, steps=steps)
