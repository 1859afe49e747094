r"""What executors know before each round, as numbers: the question, and after a round the public belief.

A token of a round holds

$$x_t = [\,1[t > 1],\; z(\text{text}),\; \ell(\text{seen}),\; \text{asked}\,]$$

z are the standardised text features of `beliefs.routing`, or nothing: on mathematics and code they say nothing about
who will be right, and a critic that reads them learns questions by heart. ℓ is the state of the vote from
`beliefs.prefixes`: the leader's weight, its margin, how many agree, their share, how many answers there are, and who
agrees; each divided by the most it can be. The history of round t is (x_1, …, x_t). It is public, so it is the same for
all executors; their candidates are private until the round is over.

Cost: O(rollouts × columns²), and a look-up for the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.control_players import Player
from equipoise.beliefs.prefixes import lead
from equipoise.beliefs.routing import features

_LARGEST = 4.0
"""Standard deviations beyond which a text feature is cut: a word that training never saw has no scale."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Observer:
    """How rounds become tokens.

    Attributes:
        weights: [columns] of the vote whose state is told.
        centre, scale: [features] of the texts; empty where the text is not read.
    """

    weights: Floats
    centre: Floats
    scale: Floats

    @property
    def size(self) -> int:
        """Numbers of a token."""
        return 1 + len(self.centre) + 7 + 2 * len(self.weights)

    def tokens(self, seen: Ballots, round: int) -> NDArray[np.float32]:
        """[M, size] one token of each rollout before round 0 or 1."""
        count, columns = seen.asked.shape
        texts = np.zeros((count, 0))
        if len(self.centre) and count:
            texts = np.clip((features(seen.questions) - self.centre) / self.scale, -_LARGEST, _LARGEST)
        told = np.zeros((count, 7 + columns))
        if seen.asked.any():
            told = lead(seen, np.arange(columns), columns, self.weights).features / self._most
            told[~seen.asked.any(axis=1)] = 0.0
        later = np.full((count, 1), round)
        return np.concatenate([later, texts, told, seen.asked], axis=1).astype(np.float32)

    @property
    def _most(self) -> Floats:
        weight, columns = max(float(self.weights.sum()), 1e-12), len(self.weights)
        return np.array([weight, weight, weight, columns, 1.0, columns, columns, *np.ones(columns)])


def observer(weights: Floats, texts: NDArray[np.object_] | None) -> Observer:
    """The observer of training questions; None for texts that are not to be read."""
    if texts is None:
        return Observer(weights=weights, centre=np.zeros(0), scale=np.ones(0))
    told = features(texts)
    scale = told.std(axis=0)
    return Observer(weights=weights, centre=told.mean(axis=0), scale=np.where(scale > 1e-9, scale, 1.0))


def unseen(columns: Sequence[str], texts: NDArray[np.object_]) -> Ballots:
    """The ballots of questions before anybody was asked."""
    shape = (len(texts), len(columns))
    nothing = Ballots(
        columns=tuple(columns),
        questions=texts,
        answers=np.zeros(shape, dtype=np.int16),
        cost=np.zeros(shape),
        correct=None,
        checks=None,
        asked=np.ones(shape, dtype=bool),
    )
    return nothing.seen(np.zeros(shape, dtype=bool))


def available(players: Sequence[Player], asked: Bools, *, abstain: bool = True) -> Bools:
    """[M, N, most controls] what each player may do: ask a column of its own that nobody asked yet, or abstain.

    Args:
        players: who plays.
        asked: [M, C] columns asked so far.
        abstain: whether a player may be silent though it could ask.
    """
    most = 1 + max(len(player.columns) for player in players)
    free = np.zeros((len(asked), len(players), most), dtype=bool)
    for place, player in enumerate(players):
        own = ~asked[:, list(player.columns)]
        free[:, place, : len(player.columns)] = own
        free[:, place, len(player.columns)] = abstain or ~own.any(axis=1)
    return free


def wanted(players: Sequence[Player], actions: NDArray[np.intp], columns: int, anchor: int | None) -> Bools:
    """[M, C] the columns that joint controls ask, the anchor where everybody abstains. Shape [M, N].

    Clones that choose one column ask it once.
    """
    asked = np.zeros((len(actions), columns + 1), dtype=bool)
    for place, player in enumerate(players):
        called = np.array([*player.columns, columns])[actions[:, place]]
        asked[np.arange(len(actions)), called] = True
    asked = asked[:, :-1]
    if anchor is not None:
        asked[~asked.any(axis=1), anchor] = True
    return asked
