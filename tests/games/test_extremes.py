"""Where double precision ends: rounding alone lets nothing pass for an equilibrium, and nothing overflows."""

from __future__ import annotations

import numpy as np
import pytest

from equipoise import games
from equipoise.errors import InputError
from equipoise.games.forms.markov import Markov


@pytest.mark.parametrize("name", ["asymmetric_matching_pennies", "rock_paper_scissors", "volunteers_dilemma"])
@pytest.mark.parametrize("temperature", [1e-8, 1e-12, 1e-16])
def test_cold_games_are_solved_to_what_rounding_leaves_or_said_not_to_be(name: str, temperature: float) -> None:
    """Q to 16 digits over 1e-16 says nothing of a mixed policy; uniform play must not pass for one then."""
    game = games.library.named(name)
    for found in (games.solve(game, temperature), games.solve(game, temperature, method="newton")):
        assert found.converged == (found.residual <= 1e-6 + 1e-12)
    # A zero-sum cycle has no pure equilibrium that could be reached exactly.
    if name == "rock_paper_scissors" and temperature < 1e-10:
        assert not games.solve(game, temperature).converged


def test_a_batch_says_so_too() -> None:
    pennies = games.library.asymmetric_matching_pennies()
    payoffs = np.stack([np.stack(pennies.tensors)] * 2)
    found = games.solve_batch(payoffs, np.array([[1.0, 1.0], [1e-16, 1e-16]]))
    assert found.converged.tolist() == [True, False]


def test_the_largest_and_the_smallest_numbers_that_are_accepted_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    transitions = rng.dirichlet(np.ones(3), size=(3, 2, 3))
    for scale in (0.0, 1e-60, 1e58):
        drawn: list[games.Game] = [
            games.NormalForm(scale * rng.normal(size=(3, 2, 3, 2))),
            Markov(scale * rng.normal(size=(2, 3, 2, 3)), transitions, 0.9),
            games.CommonPayoff(scale * rng.normal(size=(2, 3))),
        ]
        for game in drawn:
            for temperature in (1e-60, 1e60):
                found = games.solve(game, temperature, tolerance=1e-12)
                assert found.converged == (found.residual <= 1e-6 + 1e-12)
                told = found.as_json()
                assert np.isfinite(told["residual"]) and found.certificates.as_json()


def test_a_search_begins_with_what_solve_finds() -> None:
    """Cold and nearly reducible: Newton's method fails from the reference, and continuation does not."""
    rng = np.random.default_rng(1)
    for _ in range(6):
        game = games.NormalForm(rng.exponential(size=(2, 5, 2)) ** 3)
        alone = games.solve(game, [1e-4, 0.5])
        first = games.find_all(game, [1e-4, 0.5], starts=2)[0]
        np.testing.assert_allclose(first.policy, alone.policy, rtol=0, atol=1e-9)


def test_temperatures_out_of_range_are_refused() -> None:
    game = games.library.two_state_markov()
    with pytest.raises(InputError, match="needs smaller units of payoff"):
        games.solve(game, 1e-61)
    with pytest.raises(InputError, match="above 1e"):
        games.solve(game, [[1e61, 1.0], [1.0, 1.0]])
