r"""The one-shot game that executors play with their controls, on recorded answers: counterfactual replay as a tensor.

Executor i's control is one of its columns, or to abstain: U_i = {columns of i} ∪ {abstain}. Candidates are private and
the aggregation is deterministic, so what the team would have earned is known for *every* joint control u from one run
of each column, Σ|U_i| calls a question instead of ∏|U_i|:

$$R(u) = \frac{1}{|Q_s|} \sum_{q \in Q_s} \Big[ \frac{\#\{a \in A_q(u):\, a \text{ right}\}}{\#A_q(u)}
  - \lambda \sum_{i:\, u_i \ne \text{abstain}} c_{q,u_i} \Big], \qquad
A_q(u) = \arg\max_a \sum_{i:\, a_{q,u_i} = a} w_{u_i}$$

Q_s are the questions of state s (all of them without states), w the weights of a vote (`competence.vote_weights`: log
odds + b), λ the price; answers that draw level share the decision in expectation. Columns of weight 0 decide only where
nobody else answered. All executors receive R: a common payoff, in [0, 1] less the price.

With the anchor, the Coordinator calls the cheapest good column (the best alone, accuracy − λ · cost) where everybody
abstains. Without it, that profile earns 0 and abstaining becomes a matter of coordination: each executor may be silent
only if another is not.

Two executors may share columns (clones of one model). Both are then called and paid, and have two votes for one answer.

Cost: questions on which columns answered alike, label for label, are counted together; M of T questions are different.
A profile takes O(M · labels · C), the tensor that times ∏|U_i|: .2 s for 500 questions, four executors and
10⁴ profiles. Beyond `LARGEST` profiles there is no tensor, and any given profile is evaluated, exactly, on the data.

Source: DICE (arXiv 2606.08068), section on prompt control, whose bandit returns these are the expectations of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import games
from equipoise.beliefs import competence
from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.control_players import Player, check_players
from equipoise.errors import InputError

Profiles = NDArray[np.intp]
"""Joint controls, one action per executor: a place in its columns, or their number for `abstain`."""

LARGEST = 10_000
"""Most joint profiles that are enumerated."""

_AT_ONCE = 2_000_000
"""Most supports held at a time: 16 MB."""

_LEVEL = 1e-9
"""Supports this close, relatively, are equal."""

_FAINT = 1e-12
"""Stands in for the weight 0, so that an answer by such columns alone is an answer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ControlGame:
    """The game, with what it takes to evaluate any profile on the questions it was made from.

    Attributes:
        players: who plays, N of them.
        columns: names of the ballots' columns, C of them.
        price: λ, accuracy that a unit of cost must be worth.
        weights: [C] of each column's vote.
        anchor: the column that is called where everybody abstains; None for none.
        votes: [patterns, labels, C + 1] what a column adds to an answer's support; the last column is nobody's.
        right: [patterns, labels] whether an answer is right.
        sizes: [patterns] how many answers were given; patterns are sorted by it.
        pattern: [questions] which pattern a question has.
        cost: [questions, C + 1] of a call; the last is 0.
        shares: [states, questions] weight of a question in a state's mean; rows sum to 1.
        state_weight: [states] share of the questions, sums to 1.
        tensor: [states, |U_1|, …, |U_N|] R of every profile; None where there are more than `LARGEST`.
    """

    players: tuple[Player, ...]
    columns: tuple[str, ...]
    price: float
    weights: Floats
    anchor: int | None
    votes: Floats
    right: Bools
    sizes: NDArray[np.intp]
    pattern: NDArray[np.intp]
    cost: Floats
    shares: Floats
    state_weight: Floats
    tensor: Floats | None = None

    @property
    def states(self) -> int:
        """Number of states."""
        return len(self.shares)

    @cached_property
    def actions(self) -> tuple[int, ...]:
        """|U_i| of every player, `abstain` included."""
        return tuple(len(player.columns) + 1 for player in self.players)

    @cached_property
    def games(self) -> tuple[games.CommonPayoff, ...] | None:
        """The game of every state, where it has a tensor."""
        return None if self.tensor is None else tuple(games.CommonPayoff(payoff) for payoff in self.tensor)

    @cached_property
    def alone(self) -> Floats:
        """[states, C] R of each column when it is called alone, by whichever player owns it."""
        each = np.full((len(self.columns), len(self.players)), len(self.columns))
        each[:, 0] = np.arange(len(self.columns))
        return self._earned(each, self.shares)

    @cached_property
    def accuracy(self) -> Floats:
        """[C] share of the questions that a column gets right."""
        return replace(self, price=0.0).alone.T @ self.state_weight

    @cached_property
    def mean_cost(self) -> Floats:
        """[states, C] mean cost of a call."""
        return (self.shares @ self.cost)[:, :-1]

    def calls(self, profiles: Profiles) -> Profiles:
        """[…, N] the column that each player calls, C for none; the anchor takes the first place where all abstain."""
        table = np.full((len(self.players), max(self.actions)), len(self.columns))
        for row, player in zip(table, self.players, strict=True):
            row[: len(player.columns)] = player.columns
        called = table[np.arange(len(self.players)), profiles]
        if self.anchor is not None:
            silent = (called == len(self.columns)).all(axis=-1)
            called[silent, 0] = self.anchor
        return called

    def payoffs(self, profiles: Profiles, shares: Floats | None = None) -> Floats:
        """[states, P] R of some profiles, exact on the data; O(patterns · labels · N) each.

        Args:
            profiles: [P, N].
            shares: [any, questions] other weights of the questions; those of the states if None.
        """
        return self._earned(self.calls(profiles), self.shares if shares is None else shares)

    def rewards(self, profiles: Profiles, questions: NDArray[np.intp]) -> Floats:
        """[M] what each profile earns on one question each. Shapes [M, N], [M]."""
        called, pattern = self.calls(profiles), self.pattern[questions]
        support = sum(self.votes[pattern, :, column] for column in called.T)
        paid = self.cost[questions[:, None], called].sum(axis=1)
        return _decided(np.asarray(support)[:, :, None], self.right[pattern])[:, 0] - self.price * paid

    def local(self, state: int, members: Sequence[int], profile: NDArray[np.intp]) -> games.CommonPayoff:
        """The game of some players in one state while the others keep to a profile. Shape [N]."""
        counts = [self.actions[i] for i in members]
        profiles = np.tile(profile, (prod(counts), 1))
        profiles[:, list(members)] = np.indices(counts).reshape(len(counts), -1).T
        return games.CommonPayoff(self.payoffs(profiles, self.shares[state : state + 1]).reshape(counts))

    def resampled(self, times: int, rng: np.random.Generator) -> list[ControlGame]:
        """The game on bootstrap samples of its questions; a state that a sample misses keeps its own."""
        questions = self.shares.shape[1]
        counts = rng.multinomial(questions, np.full(questions, 1.0 / questions), size=times)
        drawn = counts[:, None] * self.shares
        whole = drawn.sum(axis=2, keepdims=True)
        shares = np.where(whole > 0, drawn / np.where(whole > 0, whole, 1.0), self.shares)
        tensors: list[Floats | None] = [None] * times
        if self.tensor is not None:
            tensors = list(self._enumerated(shares.reshape(-1, questions)).reshape(times, *self.tensor.shape))
        return [replace(self, shares=s, tensor=t) for s, t in zip(shares, tensors, strict=True)]

    def on(self, held: Ballots, states: NDArray[np.intp] | None = None) -> ControlGame:
        """The same weights, anchor and price on other questions with labels, without a tensor: to judge profiles.

        Args:
            held: of the same columns.
            states: [questions] state of each question.

        Raises:
            InputError: no labels, or other columns.
        """
        if held.correct is None or held.columns != self.columns:
            raise InputError("the held-out questions need labels, and the columns that the game was made from.")
        return replace(self, **_questions(held, self.weights, states), tensor=None)

    def enumerated(self) -> ControlGame:
        """The same with its tensor, where there are at most `LARGEST` profiles."""
        return replace(self, tensor=self._enumerated(self.shares)) if prod(self.actions) <= LARGEST else self

    def _enumerated(self, shares: Floats) -> Floats:
        profiles = np.indices(self.actions).reshape(len(self.actions), -1).T
        return self.payoffs(profiles, shares).reshape(-1, *self.actions)

    def _earned(self, called: Profiles, shares: Floats) -> Floats:
        counted = np.zeros((len(shares), len(self.sizes)))
        np.add.at(counted.T, self.pattern, shares.T)
        earned = np.zeros((len(shares), len(called)))
        times = np.zeros((len(self.columns) + 1, len(called)))  # how often each column is called in a profile
        np.add.at(times, (called, np.arange(len(called))[:, None]), 1.0)
        start = 0
        while start < len(self.sizes):
            # Patterns are sorted by their number of answers, so a chunk is about as wide as it must be.
            width = int(self.sizes[min(start + 64, len(self.sizes)) - 1])
            step = max(1, min(64, _AT_ONCE // (max(width, 1) * len(called))))
            at = slice(start, start + step)
            support = self.votes[at, :width] @ times
            earned += counted[:, at] @ _decided(support, self.right[at, :width])
            start += step
        return earned - self.price * (shares @ self.cost)[:, called].sum(axis=2)


def control_game(
    train: Ballots | None,
    players: Sequence[Player],
    *,
    price: float = 0.0,
    anchor: bool = True,
    states: NDArray[np.intp] | None = None,
) -> ControlGame | None:
    """The game on training questions; None without labels, or with labels that contradict each other.

    Args:
        train: recorded questions with labels.
        players: who plays; see `control_players`.
        price: accuracy that a unit of cost must be worth, ≥ 0.
        anchor: whether the Coordinator calls the best single column where everybody abstains.
        states: [questions] state of each question, 0, 1, …; one state if None.

    Raises:
        InputError: no player, a column that does not exist, states that do not fit or one that no question has.
    """
    if train is None or train.correct is None or not len(train) or not competence.labels_follow_answers(train):
        return None
    check_players(players, train.columns)
    weights = np.maximum(competence.vote_weights(train), _FAINT)
    game = ControlGame(
        players=tuple(players),
        columns=train.columns,
        price=price,
        weights=weights,
        anchor=None,
        **_questions(train, weights, states),
    )
    return replace(game, anchor=_anchor(game) if anchor else None).enumerated()


def _questions(ballots: Ballots, weights: Floats, states: NDArray[np.intp] | None) -> dict[str, Any]:
    """What a game holds of its questions; they have labels."""
    assert ballots.correct is not None
    shares, state_weight = _shares(states, len(ballots))
    earlier = np.tril(ballots.same, -1)
    first = ballots.answered & ~earlier.any(axis=2)
    leader = np.where(earlier.any(axis=2), earlier.argmax(axis=2), np.arange(ballots.answers.shape[1]))
    rank = np.take_along_axis(first.cumsum(axis=1) - 1, leader, axis=1)
    label = np.where(ballots.answered, rank, -1)
    rows = np.column_stack([first.sum(axis=1), label, ballots.correct & ballots.answered])
    kinds, pattern = np.unique(rows, axis=0, return_inverse=True)
    sizes, answers, marked = kinds[:, 0], kinds[:, 1 : label.shape[1] + 1], kinds[:, label.shape[1] + 1 :] > 0
    gave = answers[:, None, :] == np.arange(max(int(sizes.max()), 1))[:, None]
    return {
        "votes": np.concatenate([gave * weights, np.zeros((*gave.shape[:2], 1))], axis=2),
        "right": (gave & marked[:, None, :]).any(axis=2),
        "sizes": sizes.astype(np.intp),
        "pattern": pattern.reshape(-1),
        "cost": np.column_stack([ballots.cost, np.zeros(len(ballots))]),
        "shares": shares,
        "state_weight": state_weight,
    }


def _decided(support: Floats, right: Bools) -> Floats:
    """[M, P] chance that the decision is right, answers that draw level sharing it. Shapes [M, labels, P], [M, labels].

    0 where nobody answered.
    """
    if support.shape[1] == 0:
        return np.zeros((len(support), support.shape[2]))
    level = (support >= support.max(axis=1, keepdims=True) * (1.0 - _LEVEL)) & (support > 0.0)
    hits = (level & right[:, :, None]).sum(axis=1)
    return hits / np.maximum(level.sum(axis=1), 1)


def _anchor(game: ControlGame) -> int:
    """The column of largest accuracy − price · cost among the players'; on a tie the cheapest, then the earliest."""
    owned = sorted({column for player in game.players for column in player.columns})
    worth, cost = game.alone.T @ game.state_weight, game.mean_cost.T @ game.state_weight
    return min(owned, key=lambda column: (-round(float(worth[column]), 12), float(cost[column]), column))


def _shares(states: NDArray[np.intp] | None, questions: int) -> tuple[Floats, Floats]:
    """[states, questions] weight of a question in its state's mean, and [states] share of the questions."""
    cells = np.zeros(questions, dtype=np.intp) if states is None else np.asarray(states)
    if cells.shape != (questions,):
        raise InputError(f"states has shape {list(cells.shape)}; there are {questions} questions, one state for each.")
    counts = np.bincount(cells)
    if not counts.all():
        raise InputError(f"no question has state {int(np.flatnonzero(counts == 0)[0])}; number the states from 0 on.")
    return (cells == np.arange(len(counts))[:, None]) / counts[:, None], counts / questions
