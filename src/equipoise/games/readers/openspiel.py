"""Games of OpenSpiel by name, such as "matrix_pd", "blotto(coins=5)" or "tiny_hanabi"; OpenSpiel is optional.

One-shot games are read as they are. Small sequential games are read as the normal form of their pure strategies, one
action for every information set:

    A_i = ∏ over information sets h of agent i of (legal actions at h)

Its quantal response equilibria are those of agents who choose a whole strategy at once, as in Gambit's strategic form;
they are not those of agents who err anew at every move. A_i is exponential in the information sets: two-card Hanabi
("tiny_hanabi") has 9 × 729 strategies and is read; Hanabi proper is not.

Source: Lanctot et al., OpenSpiel (2019), arXiv 1908.09453.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from equipoise.errors import InputError, MissingExtra, UnknownName
from equipoise.games.forms.normal_form import NormalForm
from equipoise.games.reading import Entry

MOST_STATES = 20_000
"""States of a sequential game that are visited to count its strategies."""
MOST_PROFILES = 1_000_000
"""Pure profiles beyond which no normal form is built: OpenSpiel fills it at some ten microseconds each."""


def read_openspiel(name: str) -> Entry:
    """The normal form of a game; it names no temperatures.

    Args:
        name: as OpenSpiel knows it, with parameters in parentheses: "blotto(coins=5)".

    Raises:
        UnknownName: OpenSpiel has no such game.
        InputError: the game has no normal form of a size that can be built, or its parameters are wrong.
        MissingExtra: OpenSpiel is not installed.
    """
    try:
        import pyspiel  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingExtra("games of OpenSpiel", "openspiel") from None
    short = name.partition("(")[0]
    if short not in pyspiel.registered_names():
        raise UnknownName("OpenSpiel game", short, pyspiel.registered_names())
    try:
        game = pyspiel.load_game(name)
    except (pyspiel.SpielError, ValueError, RuntimeError) as error:
        raise InputError(f"OpenSpiel cannot load '{name}': {error}") from None
    if game.get_type().dynamics == pyspiel.GameType.Dynamics.SIMULTANEOUS:
        if game.get_type().information != pyspiel.GameType.Information.ONE_SHOT:
            raise InputError(f"'{name}' is played in several simultaneous stages; only one-shot ones have a matrix.")
        _check_size(name, [game.num_distinct_actions()] * game.num_players())
        table = pyspiel.load_tensor_game(name)
    else:
        if not game.get_type().provides_information_state_string:
            raise InputError(f"OpenSpiel does not tell the information sets of '{name}': there is no normal form.")
        _check_size(name, _strategies(game, name))
        table = pyspiel.extensive_to_tensor_game(game)
    shape = table.shape()
    payoffs = [np.asarray(table.player_utilities(agent)).reshape(shape) for agent in range(len(shape))]
    return Entry(NormalForm(payoffs), None, "kl")


def _strategies(game: Any, name: str) -> list[int]:
    """Number of pure strategies of every agent, from a walk over the tree."""
    legal: list[dict[str, int]] = [{} for _ in range(game.num_players())]
    open_states = [game.new_initial_state()]
    for _ in range(MOST_STATES):
        if not open_states:
            return [prod(sets.values()) for sets in legal]
        state = open_states.pop()
        if state.is_terminal():
            continue
        if not state.is_chance_node():
            agent = state.current_player()
            legal[agent][state.information_state_string(agent)] = len(state.legal_actions())
        open_states += [state.child(action) for action in state.legal_actions()]
    raise InputError(f"'{name}' has more than {MOST_STATES} states; it is too large for a normal form.")


def _check_size(name: str, strategies: list[int]) -> None:
    if prod(strategies) > MOST_PROFILES:
        counts = " × ".join(f"{count:.3g}" for count in strategies)
        raise InputError(f"the normal form of '{name}' has {counts} strategies; at most {MOST_PROFILES} profiles fit.")
