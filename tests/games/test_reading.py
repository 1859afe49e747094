"""Games from plain data: the kinds, the index orders and what is said of mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from equipoise import games
from equipoise.errors import InputError, UnknownName

MARKOV = {
    "kind": "markov",
    "R": np.arange(24.0).reshape(2, 2, 2, 3).tolist(),
    "P": np.full((2, 2, 3, 2), 0.5).tolist(),
    "gamma": 0.5,
    "tau": [[1.0, 2.0], [3.0, 4.0]],
    "mode": "soft",
}


def test_states_come_first_in_the_rewards_unless_said_otherwise() -> None:
    read = games.read_entry(MARKOV)
    assert isinstance(read.game, games.Markov) and read.continuation == "soft"
    np.testing.assert_array_equal(read.game.payoffs, np.moveaxis(np.array(MARKOV["R"]), 1, 0))
    other = games.read_entry(MARKOV | {"R_index": "[i][s][a1][a2]", "tau_index": "[s][i]"})
    assert isinstance(other.game, games.Markov)
    np.testing.assert_array_equal(other.game.payoffs, np.array(MARKOV["R"]))
    np.testing.assert_array_equal(other.temperatures, [[1.0, 3.0], [2.0, 4.0]])


def test_temperatures_and_mode_may_be_absent() -> None:
    read = games.read_entry({"kind": "normal_form", "payoffs": [[[1, 0], [0, 1]]] * 2})
    assert read.temperatures is None and read.continuation == "kl"


@pytest.mark.parametrize("name", games.library.names())
def test_every_named_game_is_solved(name: str) -> None:
    equilibrium = games.solve(games.library.named(name), 1.0)
    assert equilibrium.converged


def test_volunteers_dilemma_has_its_closed_form() -> None:
    """At equilibrium log(p/(1 − p)) = (b (1 − p)^(N−1) − c)/τ."""
    game = games.library.volunteers_dilemma(agents=4, benefit=2.0, cost=0.3)
    volunteer = games.solve(game, 0.4).profile[0][0]
    assert np.log(volunteer / (1 - volunteer)) == pytest.approx((2.0 * (1 - volunteer) ** 3 - 0.3) / 0.4, abs=1e-9)


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        ({}, InputError, "a game needs the key 'kind'"),
        ([], InputError, "this is a list"),
        ({"kind": "normalform"}, UnknownName, "Did you mean 'normal_form'"),
        ({"kind": "normal_form"}, InputError, "a normal form needs the key 'payoffs'. This entry has: kind"),
        (MARKOV | {"mode": "hard"}, UnknownName, "no mode 'hard'"),
        (MARKOV | {"gamma": 1.5}, InputError, "discount is 1.5"),
        (MARKOV | {"gamma": "0.5"}, InputError, "gamma is '0.5'"),
        (MARKOV | {"tau": [[1.0, 0.0], [1.0, 1.0]]}, InputError, "temperature of agent 0, state 1 is 0"),
        (MARKOV | {"R": [1.0, 2.0]}, InputError, r"R has shape \[2\]"),
        (MARKOV | {"tau": [[1.0, "x"], [1.0, 1.0]]}, InputError, r"temperatures\[0\] is not an array of numbers"),
        (MARKOV | {"tau": [[1.0, [2.0]], [1.0, 1.0]]}, InputError, r"temperatures\[0\] is not an array of numbers"),
        (MARKOV | {"tau": 10**400}, InputError, "temperatures is 1000"),
        (MARKOV | {"tau": 1e-300}, InputError, "needs smaller units of payoff"),
        (MARKOV | {"available": 5}, InputError, "available is 5"),
        (MARKOV | {"available": [[[1, 1], [1]]] * 2}, InputError, r"available\[0\] is not an array"),
        ({"kind": ["markov"]}, UnknownName, "no kind of game"),
        ({"kind": "normal_form", "payoffs": None}, InputError, "payoffs is None; it needs a list"),
        ({"kind": "normal_form", "payoffs": [[1, 10**400]]}, InputError, r"payoffs\[0\] is not an array"),
        ({"kind": "normal_form", "payoffs": [[1, 1e300]]}, InputError, r"payoffs\[0\]\[1\] is 1e\+300, above 1e\+60"),
        ({"kind": "bayesian", "prior": [[1.0]], "payoffs": 3}, InputError, "payoffs is 3"),
    ],
)
def test_mistakes_are_named(entry: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        games.read_entry(entry)
