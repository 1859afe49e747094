"""Games of OpenSpiel by name; without OpenSpiel the tests skip, but for what is then said."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from equipoise import games
from equipoise.errors import InputError, MissingExtra, UnknownName


@pytest.fixture
def openspiel() -> None:
    pytest.importorskip("pyspiel", reason="OpenSpiel is not installed: pip install open_spiel")


def read(name: str) -> games.NormalForm:
    game = games.read_openspiel(name).game
    assert isinstance(game, games.NormalForm)
    return game


@pytest.mark.usefixtures("openspiel")
def test_one_shot_games_are_read_as_they_are() -> None:
    dilemma = read("matrix_pd").tensors
    np.testing.assert_array_equal(dilemma[0], dilemma[1].T)
    assert dilemma[0][1, 0] > dilemma[0][0, 0] > dilemma[0][1, 1] > dilemma[0][0, 1]
    assert read("matching_pennies_3p").actions == (2, 2, 2)
    pennies = games.solve(read("matrix_mp"), [0.3, 0.8])
    np.testing.assert_allclose(pennies.policy, 0.5, atol=1e-12)


@pytest.mark.usefixtures("openspiel")
def test_parameters_go_in_parentheses() -> None:
    assert read("blotto(coins=3,fields=2)").actions == (4, 4)


@pytest.mark.usefixtures("openspiel")
def test_small_sequential_games_are_read_by_their_pure_strategies() -> None:
    """Kuhn's poker is worth −1/18 to the first agent at cool play; two-card Hanabi pays both the same, 10 at best."""
    kuhn = games.solve(read("kuhn_poker"), 0.01, method="continuation")
    assert kuhn.converged
    assert kuhn.values[0] == pytest.approx(-1 / 18, abs=5e-3)
    hanabi = read("tiny_hanabi")
    assert hanabi.actions == (9, 729)
    np.testing.assert_array_equal(hanabi.tensors[0], hanabi.tensors[1])
    assert hanabi.tensors[0].max() == pytest.approx(10.0)


@pytest.mark.usefixtures("openspiel")
@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("matrix_pdd", UnknownName, "Did you mean 'matrix_pd'"),
        ("tic_tac_toe", InputError, "'tic_tac_toe' has more than 20000 states"),
        ("hanabi", InputError, "does not tell the information sets of 'hanabi'"),
        ("goofspiel", InputError, "several simultaneous stages"),
        ("blotto(coins=40,players=3)", InputError, "has 861 × 861 × 861 strategies; at most 1000000 profiles fit"),
    ],
)
def test_what_has_no_normal_form_is_refused(name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        games.read_openspiel(name)


def test_without_openspiel_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspiel", None)
    with pytest.raises(MissingExtra, match=r"pip install 'equipoise\[openspiel\]'"):
        games.read_openspiel("matrix_pd")
