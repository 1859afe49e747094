"""Games from plain data, as JSON holds it: one mapping per game.

    {"kind": "normal_form", "payoffs": [i][a1]…[aN],            "tau": [i]}
    {"kind": "bayesian",    "payoffs": [i][θ1]…[θN][a1]…[aN],   "tau": [i][θ_i], "prior": [θ1]…[θN]}
    {"kind": "markov",      "R": [s][i][a1]…[aN],               "tau": [i][s],   "P": [s][a1]…[aN][s'], "gamma", "mode"}

`R_index` and `tau_index` may say that the first two indices are the other way round ("[i][s]…", "[s][i]"). `mode` is
the continuation, "kl" if absent; `tau` may be absent or a number. Other keys are left alone, so that an entry of a
reference file with solutions and notes is read as it stands. This module opens no files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from equipoise.errors import InputError, UnknownName
from equipoise.games.forms.bayesian import Bayesian
from equipoise.games.forms.markov import Markov
from equipoise.games.forms.normal_form import NormalForm
from equipoise.games.game import CONTINUATIONS, Game, Regularizer
from equipoise.games.validation import as_array


@dataclass(frozen=True, eq=False)
class Entry:
    """A game as it was written down.

    Attributes:
        game: the game.
        temperatures: a number, `[agent]` or `[agent][information set]`; None if the entry names none.
        continuation: "kl", "soft" or "plain".
    """

    game: Game
    temperatures: Any
    continuation: str


def read_entry(entry: Mapping[str, Any]) -> Entry:
    """The game, temperatures and continuation of one mapping.

    Raises:
        InputError: a key is missing, or its numbers do not make a game; says which entry of which array.
        UnknownName: a kind or mode that does not exist.
    """
    if not isinstance(entry, Mapping):
        raise InputError(f"a game is a JSON object with a key 'kind'; this is a {type(entry).__name__}.")
    kind = _field(entry, "kind", "a game")
    if not isinstance(kind, str) or kind not in KINDS:
        raise UnknownName("kind of game", str(kind), KINDS)
    mode = entry.get("mode", "kl")
    if mode not in CONTINUATIONS:
        raise UnknownName("mode", str(mode), CONTINUATIONS)
    game = KINDS[kind](entry)
    temperatures = entry.get("tau")
    if temperatures is not None:
        if str(entry.get("tau_index", "")).startswith("[s][i]"):
            temperatures = as_array(temperatures, "tau").T
        Regularizer.of(game.layout, temperatures)
    return Entry(game, temperatures, mode)


def _normal_form(entry: Mapping[str, Any]) -> Game:
    return NormalForm(_field(entry, "payoffs", "a normal form"))


def _bayesian(entry: Mapping[str, Any]) -> Game:
    return Bayesian(_field(entry, "prior", "a Bayesian game"), _field(entry, "payoffs", "a Bayesian game"))


def _markov(entry: Mapping[str, Any]) -> Game:
    rewards = as_array(_field(entry, "R", "a Markov game"), "R")
    if rewards.ndim < 3:
        raise InputError(f"R has shape {list(rewards.shape)}; it needs [s][i][a1]…[aN].")
    if not str(entry.get("R_index", "")).startswith("[i]"):
        rewards = np.moveaxis(rewards, 1, 0)
    discount = _field(entry, "gamma", "a Markov game")
    if isinstance(discount, bool) or not isinstance(discount, (int, float)):
        raise InputError(f"gamma is {discount!r}; it must be a number in [0, 1).")
    return Markov(list(rewards), _field(entry, "P", "a Markov game"), discount, available=entry.get("available"))


KINDS: dict[str, Callable[[Mapping[str, Any]], Game]] = {
    "normal_form": _normal_form,
    "bayesian": _bayesian,
    "markov": _markov,
}


def _field(entry: Mapping[str, Any], key: str, what: str) -> Any:
    if key not in entry:
        raise InputError(f"{what} needs the key '{key}'. This entry has: {', '.join(map(str, entry)) or 'none'}.")
    return entry[key]
