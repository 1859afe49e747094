"""An equilibrium of controls as arrays and JSON, and the same one solved again from them alone.

What is kept is what a verdict follows from: the recorded votes, grades and costs behind the game, its tensor where it
is small enough to have one, the temperatures and the reference policies. Nothing that was concluded from them is read
back, so that whoever holds the files can derive it anew.

Cost: patterns × labels × columns numbers, some hundred kilobytes for 500 questions of a dozen columns; solving again
takes what solving took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Floats
from equipoise.beliefs.control_equilibrium import ControlEquilibrium, settled_at
from equipoise.beliefs.control_game import ControlGame
from equipoise.beliefs.control_players import Player
from equipoise.beliefs.control_temperatures import ControlSettings
from equipoise.errors import InputError

_ARRAYS = ("weights", "votes", "right", "sizes", "pattern", "cost", "shares", "state_weight")
_TENSOR, _TEMPERATURES, _REFERENCE, _POLICY = "tensor", "temperatures", "reference", "policy"

Arrays = dict[str, NDArray[Any]]


def packed(found: ControlEquilibrium) -> tuple[dict[str, Any], Arrays]:
    """What `unpacked` needs: JSON, and arrays by name.

    Policies and references lie end to end, one player's controls after the other's: [states, Σ|U_i|] and [Σ|U_i|].
    """
    game = found.game
    told = {
        "players": [{"name": player.name, "columns": list(player.columns)} for player in game.players],
        "columns": list(game.columns),
        "price": game.price,
        "anchor": game.anchor,
        "settings": {**vars(found.settings), "clones": None},
        "damping": [None if s.solved is None else s.solved.damping for s in found.states],
    }
    arrays: Arrays = {name: getattr(game, name) for name in _ARRAYS}
    if game.tensor is not None:
        arrays[_TENSOR] = game.tensor
    solved = [settled.solved for settled in found.states]
    if all(one is not None for one in solved):
        arrays[_TEMPERATURES] = np.stack([one.temperatures for one in solved if one is not None])
    arrays[_REFERENCE] = np.concatenate(found.reference)
    arrays[_POLICY] = np.stack([np.concatenate(settled.policy) for settled in found.states])
    return told, arrays


def unpacked(told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> tuple[ControlEquilibrium, Floats]:
    """The equilibrium, solved again at the temperatures that were kept, and how far each state's policy was from it.

    Returns:
        The equilibrium, and [states] max |π kept − π solved again|.

    Raises:
        InputError: something is missing or does not fit.
    """
    try:
        game = ControlGame(
            players=tuple(Player(name=p["name"], columns=tuple(p["columns"])) for p in told["players"]),
            columns=tuple(told["columns"]),
            price=float(told["price"]),
            anchor=told["anchor"],
            tensor=arrays.get(_TENSOR),
            **{name: arrays[name] for name in _ARRAYS},
        )
        settings = ControlSettings(**told["settings"])
        if settings.schedule != "unregularised":
            # The temperatures kept are the raised ones, so nothing is certified or damped anew.
            damping = min(told["damping"])
            settings = replace(settings, schedule="homogeneous", damping=damping)
        reference = _split(arrays[_REFERENCE], game.actions)
        cold = np.full((game.states, len(game.players)), settings.temperature)
        found = settled_at(game, arrays.get(_TEMPERATURES, cold), reference, settings)
        again = np.stack([np.concatenate(settled.policy) for settled in found.states])
        return found, np.abs(again - arrays[_POLICY]).max(axis=1)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"the game of the policy is damaged ({error}). Train anew.") from None


def _split(flat: Floats, counts: Sequence[int]) -> list[Floats]:
    """[player] what lies end to end."""
    return np.split(flat, np.cumsum(counts)[:-1])
