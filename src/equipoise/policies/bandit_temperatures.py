r"""Temperatures and references of bandit learning: per executor, and per public belief.

`beliefs.control_temperatures` says what τ_i(s) is in the recorded game: homogeneous, by entropy, or certified. Here a
state is a round with what was seen. `entropy` keeps its two levels: before anybody answered executor i has its level of
the recorded game; afterwards all executors see the same answers, and are hot where those disagree:

$$\tau_i(s) = \tau_{hot}\ \text{ if }\ H(\text{answers seen})/\log \#\text{answers} \ge \text{threshold}, \qquad
\text{else } \tau_{cold}$$

A live team has no game: `entropy` is hot before anybody answered, and `certified` cannot prove anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy

from equipoise.beliefs.ballots import Ballots, Floats
from equipoise.beliefs.control_game import ControlGame
from equipoise.beliefs.control_players import Player
from equipoise.beliefs.control_temperatures import ControlSettings, certified, references, temperatures
from equipoise.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class Temperatures:
    """τ of every executor in every state.

    Attributes:
        first: [players] before anybody answered, and wherever `levels` is None.
        levels: (τ_cold, τ_hot, threshold) of what was seen; None where temperatures do not depend on it.
    """

    first: Floats
    levels: tuple[float, float, float] | None = None

    def of(self, seen: Ballots) -> NDArray[np.float32]:
        """[M, players] of some rollouts."""
        heat = np.tile(self.first, (len(seen), 1))
        if self.levels is not None:
            cold, hot, threshold = self.levels
            later = seen.asked.any(axis=1)
            heat[later] = np.where(_disagreement(seen)[later] >= threshold, hot, cold)[:, None]
        return heat.astype(np.float32)


def temperatures_of(game: ControlGame | None, players: Sequence[Player], settings: ControlSettings) -> Temperatures:
    """The temperatures of a team.

    Args:
        game: the recorded game of one state; None for a live team.
        players: who plays.
        settings: schedule, levels and κ.

    Raises:
        InputError: the schedule is "certified", and there is no game small enough to certify.
    """
    levels = None
    if settings.schedule == "entropy":
        cold, hot = settings.multiplier * settings.cold, settings.multiplier * settings.hot
        levels = (cold, hot, settings.threshold)
        if game is None:
            return Temperatures(first=np.full(len(players), hot), levels=levels)
    if game is None:
        first = np.full(len(players), settings.temperature * settings.multiplier)
    else:
        first = game.state_weight @ temperatures(game, settings)
    if settings.schedule == "certified":
        if game is None or game.games is None:
            raise InputError(
                "the schedule 'certified' needs a recorded game with few enough profiles to enumerate. "
                "Use 'homogeneous' or 'entropy'."
            )
        first, _ = certified(game.games[0], first, references(game, settings), settings)
    return Temperatures(first=np.asarray(first, dtype=np.float64), levels=levels)


def log_references(game: ControlGame | None, players: Sequence[Player], settings: ControlSettings) -> Floats:
    """[N, most controls] log ρ of every player, −∞ where it has no such control; uniform for a live team."""
    most = 1 + max(len(player.columns) for player in players)
    rows = np.full((len(players), most), -np.inf)
    if game is not None:
        tilted = references(game, settings)
    else:
        tilted = [np.full(len(player.columns) + 1, 1.0 / (len(player.columns) + 1)) for player in players]
    for row, reference in zip(rows, tilted, strict=True):
        row[: len(reference)] = np.log(reference)
    return rows


def _disagreement(seen: Ballots) -> Floats:
    """[M] entropy of the answers seen as a share of the most it can be; 0 for fewer than two answers."""
    given = seen.answered.sum(axis=1)
    votes = seen.same.sum(axis=2)
    first = seen.answered & ~np.tril(seen.same, -1).any(axis=2)
    several = given >= 2
    found = np.zeros(len(seen))
    if several.any():
        found[several] = entropy((votes * first)[several], axis=1) / np.log(given[several])
    return found
