"""The best pure profile of a game of controls: what an equilibrium is held against, since uniqueness is not optimality.

With a tensor it is enumerated: the largest reward, and of profiles level with it the cheapest. Without one it is
searched by coordinate ascent, one player's controls at a time, all exact on the data, from nobody called, from everyone
at its best control, from random profiles and from profiles that are known to be good; a local maximum, a pure Nash
equilibrium of the common payoff, and no more is promised.

Independent best replies are what a team does that nobody regularises or coordinates: all change to their best control
at once, each taking the others to stay. They may end at a pure equilibrium, a bad one too, or go round for ever; then
the team is left where it is after `ROUNDS`.

Cost: nothing beside the tensor; without it, O(starts · Σ|U_i|) evaluations of a profile a sweep, a few sweeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Floats
from equipoise.beliefs.control_game import ControlGame, Profiles

Search = Literal["enumerated", "ascent"]

ROUNDS = 50

_LEVEL = 1e-12
_STARTS = 8
_SWEEPS = 50


def best_profile(
    game: ControlGame, state: int, *, known: Sequence[NDArray[np.intp]] = (), seed: int = 0
) -> tuple[NDArray[np.intp], Search]:
    """[players] the best pure profile of a state, and how it was found.

    Args:
        game: the game.
        state: which.
        known: profiles to start from as well, where it is searched.
        seed: of the random starts.
    """
    if game.tensor is not None:
        payoff = game.tensor[state]
        level = np.argwhere(payoff >= payoff.max() - _LEVEL).astype(np.intp)
        return level[int(_cost(game, state, level).argmin())], "enumerated"
    rng = np.random.default_rng(seed)
    silent = np.array([len(player.columns) for player in game.players])
    worth = game.alone[state]
    eager = np.array([int(worth[list(player.columns)].argmax()) for player in game.players])
    chance = rng.integers(0, game.actions, size=(_STARTS, len(game.players)))
    ends = ascend(game, state, np.array([silent, eager, *chance, *known], dtype=np.intp))
    earned = game.payoffs(ends, game.shares[state : state + 1])[0]
    level = ends[earned >= earned.max() - _LEVEL]
    return level[int(_cost(game, state, level).argmin())], "ascent"


def ascend(game: ControlGame, state: int, starts: Profiles) -> Profiles:
    """[K, players] where best replies, one player after another, end from some profiles. Shape [K, players]."""
    ends, shares = starts.copy(), game.shares[state : state + 1]
    earned = game.payoffs(ends, shares)[0]
    rows = np.arange(len(ends))
    for _ in range(_SWEEPS):
        moved = False
        for player, count in enumerate(game.actions):
            tried = np.repeat(ends[None], count, axis=0)
            tried[:, :, player] = np.arange(count)[:, None]
            found = game.payoffs(tried.reshape(-1, len(game.players)), shares).reshape(count, -1)
            reply = found.argmax(axis=0)
            better = found[reply, rows] > earned + _LEVEL
            ends[better, player] = reply[better]
            earned = np.where(better, found[reply, rows], earned)
            moved |= bool(better.any())
        if not moved:
            break
    return ends


def independent_replies(game: ControlGame, state: int, start: NDArray[np.intp]) -> NDArray[np.intp]:
    """[players] where simultaneous best replies end or are after `ROUNDS`; who is content stays. Shape [players]."""
    profile, shares = start.copy(), game.shares[state : state + 1]
    for _ in range(ROUNDS):
        tried = np.repeat(profile[None], sum(game.actions), axis=0)
        mover = np.repeat(np.arange(len(profile)), game.actions)
        tried[np.arange(len(tried)), mover] = np.concatenate([np.arange(count) for count in game.actions])
        earned = np.split(game.payoffs(tried, shares)[0], np.cumsum(game.actions)[:-1])
        gains = zip(earned, profile, strict=True)
        reply = np.array([q.argmax() if q.max() > q[taken] + _LEVEL else taken for q, taken in gains], dtype=np.intp)
        if (reply == profile).all():
            break
        profile = reply
    return profile


def _cost(game: ControlGame, state: int, profiles: Profiles) -> Floats:
    """[P] what the calls of some profiles cost, anchor included."""
    return np.append(game.mean_cost[state], 0.0)[game.calls(profiles)].sum(axis=1)
