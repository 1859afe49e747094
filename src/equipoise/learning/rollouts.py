r"""Where rollouts come from: what some columns answer to some questions, and what a decision is worth.

$$\text{seen}_{t+1} = \text{seen}_t \cup \text{answers of the columns wanted}, \qquad
R = \Pr[\text{decision right} \mid \text{seen}] - \lambda \sum_{\text{asked}} c$$

A learner asks one round at a time, since the second round depends on what the first one answered. `RecordedRollouts`
reads the answers from ballots: exact and free, and R is the payoff of `beliefs.control_game`, of which this is the
bandit's one sample. `LiveRollouts` (see `live_rollouts`) asks a team. Cost of a round on a recording: O(rollouts ×
labels × columns), under a millisecond for a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs import competence
from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.control_game import ControlGame, control_game
from equipoise.beliefs.control_players import Player, by_column
from equipoise.beliefs.routing import Router, learn_routers
from equipoise.beliefs.weighted_vote import WeightedVote, learn_weighted_vote
from equipoise.errors import InputError

Indices = NDArray[np.intp]
Seeds = NDArray[np.int64]


class RolloutSource(Protocol):
    """Questions that can be asked, and what comes of asking."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What can be asked of a question, C columns."""
        ...

    @property
    def players(self) -> tuple[Player, ...]:
        """Whose controls the columns are, N players."""
        ...

    @property
    def anchor(self) -> int | None:
        """The column that is asked where everybody abstains; None for none."""
        ...

    @property
    def abstain(self) -> bool:
        """Whether an executor may be silent though it could be asked."""
        ...

    @property
    def game(self) -> ControlGame | None:
        """The recorded game on the same questions; None for a live team."""
        ...

    @property
    def text_tells(self) -> bool:
        """Whether a question's text tells who will be right."""
        ...

    @property
    def voter(self) -> WeightedVote:
        """How answers are decided between."""
        ...

    @property
    def texts(self) -> NDArray[np.object_]:
        """[questions] what may be asked."""
        ...

    async def ask(self, questions: Indices, seen: Ballots, wanted: Bools, seeds: Seeds) -> Ballots:
        """What is seen after asking the columns wanted, each rollout on its own.

        Args:
            questions: [M] what each rollout is about.
            seen: of M rollouts, before.
            wanted: [M, C] columns not asked yet.
            seeds: [M] of sampled answers; equal seeds and models that honour them give equal answers.
        """
        ...

    def right(self, questions: Indices, seen: Ballots) -> Floats:
        """[M] what the decision on what was seen scores, in [0, 1]; equal supports share it. 0 without an answer."""
        ...


class RecordedRollouts:
    """Rollouts on recorded questions with labels.

    Args:
        train: the ballots.
        players: who plays.
        price: accuracy that a unit of cost must be worth, for the anchor, the game and the gate of texts; that of the
            rewards is the learner's.
        anchor: whether the best single column is asked where everybody abstains.
        abstain: whether an executor may be silent.

    Attributes:
        game: the game on the same questions, whose tensor, where it is small, knows the best profile.

    Raises:
        InputError: there are no labels, or labels that contradict each other.
    """

    def __init__(
        self,
        train: Ballots,
        players: Sequence[Player],
        *,
        price: float = 0.0,
        anchor: bool = True,
        abstain: bool = True,
    ) -> None:
        game = control_game(train, players, price=price, anchor=anchor)
        if game is None:
            raise InputError(
                "a recording without labels, or with labels that contradict its answers, teaches no control. "
                "Record with a scorer, or use a method that needs no labels, such as dawid_skene."
            )
        self.game: ControlGame = game
        self.players = tuple(players)
        self.columns = train.columns
        self.anchor = game.anchor
        self.abstain = abstain
        self.voter = _voter(train)
        self.texts = train.questions
        self._ballots, self._price = train, price
        # One player per column, so that any set of columns is a profile; the price is the learner's.
        self._sets = replace(game, players=by_column(train.columns), price=0.0, anchor=None, tensor=None)

    @property
    def text_tells(self) -> bool:
        """What the gate of `beliefs.routing` says of the training questions at this price."""
        return self._text_tells

    @cached_property
    def _text_tells(self) -> bool:
        (router,) = learn_routers(self._ballots, [self._price])
        return isinstance(router, Router) and router.by_text is not None

    async def ask(self, questions: Indices, seen: Ballots, wanted: Bools, seeds: Seeds) -> Ballots:
        """What was recorded of the columns asked so far."""
        return self._ballots.at(questions).seen(seen.asked | wanted)

    def right(self, questions: Indices, seen: Ballots) -> Floats:
        """Whether the weighted vote of the columns asked is right."""
        abstains = 1  # the second and last control of a player with one column
        return self._sets.rewards(np.where(seen.asked, 1 - abstains, abstains).astype(np.intp), questions)


def _voter(train: Ballots) -> WeightedVote:
    """The weighted vote of training; untempered where questions are too few to temper it."""
    learned = learn_weighted_vote(train)
    if isinstance(learned, WeightedVote):
        return learned
    return WeightedVote(
        weights=competence.vote_weights(train), log_unseen=float(np.log(competence.wrong_answers(train)))
    )
