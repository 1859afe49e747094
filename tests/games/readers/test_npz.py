"""NumPy archives: every kind that they hold, and what is said of mistakes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from equipoise import games
from equipoise.errors import InputError, UnknownName
from equipoise.games import library


def archive(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def markov_arrays() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    return {
        "payoffs": rng.normal(size=(2, 4, 2, 3)),
        "transitions": rng.dirichlet(np.ones(4), size=(4, 2, 3)),
        "discount": 0.7,
    }


def test_a_normal_form_from_bytes_or_a_path_with_its_temperatures(tmp_path: Path) -> None:
    payoffs = np.random.default_rng(0).normal(size=(3, 2, 4, 3))
    data = archive(payoffs=payoffs, temperatures=[0.5, 0.6, 0.7])
    (tmp_path / "game.npz").write_bytes(data)
    for source in (data, tmp_path / "game.npz", str(tmp_path / "game.npz")):
        read = games.read_npz(source)
        assert isinstance(read.game, games.NormalForm) and read.continuation == "kl"
        np.testing.assert_array_equal(np.stack(read.game.tensors), payoffs)
        np.testing.assert_array_equal(read.temperatures, [0.5, 0.6, 0.7])


def test_a_bayesian_game_is_that_of_its_arrays() -> None:
    rng = np.random.default_rng(1)
    prior, payoffs = rng.dirichlet(np.ones(6)).reshape(2, 3), rng.normal(size=(2, 2, 3, 3, 2))
    read = games.read_npz(archive(prior=prior, payoffs=payoffs))
    ours = games.solve(games.Bayesian(prior, payoffs), 1.0)
    np.testing.assert_array_equal(games.solve(read.game, 1.0).policy, ours.policy)


def test_sparse_and_dense_transitions_make_the_same_markov_game() -> None:
    arrays = markov_arrays()
    dense = games.read_npz(archive(**arrays, continuation="plain"))
    table = sparse.csr_array(arrays.pop("transitions").reshape(-1, 4))
    parts = {f"transitions_{name}": getattr(table, name) for name in ("data", "indices", "indptr")}
    thin = games.read_npz(archive(**arrays, **parts))
    assert dense.continuation == "plain" and thin.continuation == "kl"
    one, other = (games.solve(read.game, 0.8, continuation="plain") for read in (dense, thin))
    np.testing.assert_allclose(one.policy, other.policy, atol=1e-11)


def test_actions_that_do_not_exist_are_read_per_agent() -> None:
    masks = [np.ones((4, 2), dtype=bool), np.ones((4, 3), dtype=bool)]
    masks[1][2, 0] = False
    read = games.read_npz(archive(**markov_arrays(), available_0=masks[0], available_1=masks[1]))
    assert read.game.layout.counts == ((2, 2, 2, 2), (3, 3, 2, 3))


def test_votes_and_common_payoffs() -> None:
    vote = games.read_npz(archive(accuracy=[[0.4, 0.9], [0.5, 0.6]], reward=[0, 1, 2, 3], weights=[1, 2]))
    assert isinstance(vote.game, games.Vote) and vote.game.weights.tolist() == [1, 2]
    team = games.read_npz(archive(payoff=np.eye(3)))
    assert isinstance(team.game, games.CommonPayoff)
    np.testing.assert_array_equal(team.game.payoff, np.eye(3))


def test_objects_are_refused_rather_than_run() -> None:
    with pytest.raises(InputError, match=r"[Oo]bject arrays cannot be loaded.*numbers only"):
        games.read_npz(archive(payoffs=np.array([{"a": 1}], dtype=object)))


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({}, InputError, "needs one of the arrays 'prior'"),
        ({"payoffs": np.ones((2, 2))}, InputError, r"payoffs\[0\] has shape \[2\] for 2 agents"),
        ({"payoffs": [[[1, np.nan], [0, 0]]] * 2}, InputError, r"payoffs\[0\]\[0\]\[1\] is nan"),
        ({"payoffs": np.ones((2, 2, 2)), "payofs": 1}, UnknownName, "Did you mean 'payoffs'"),
        ({"payoffs": np.ones((2, 2, 2)), "temperatures": [1.0, 0.0]}, InputError, "temperature of agent 1 is 0"),
        ({"payoffs": np.ones((2, 2, 2)), "continuation": "hard"}, UnknownName, "no continuation 'hard'"),
        ({"prior": [[0.5, 0.4]], "payoffs": np.ones((2, 1, 2, 2, 2))}, InputError, "prior sums to 0.9"),
        ({"prior": [[0.5, 0.5]]}, InputError, "needs the array 'payoffs'"),
        ({"payoffs": np.ones((2, 2, 2, 2)), "discount": [0.5]}, InputError, r"discount has shape \[1\]"),
        ({"payoffs": np.ones((2, 2, 2, 2)), "discount": 0.5}, InputError, "needs the array 'transitions_data'"),
        (markov_arrays() | {"discount": 1.0}, InputError, "discount is 1.0"),
    ],
)
def test_mistakes_are_named(arrays: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        games.read_npz(archive(**arrays))


def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path) -> None:
    one = io.BytesIO()
    np.save(one, np.eye(2))
    for data in (b"", b"PK\x03\x04 cut short", b"text", one.getvalue(), archive(payoffs=np.eye(2))[:-40]):
        with pytest.raises(InputError, match="archive"):
            games.read_npz(data)
    with pytest.raises(InputError, match="cannot read the archive"):
        games.read_npz(tmp_path / "absent.npz")


def test_a_named_game_comes_back_from_an_archive() -> None:
    game = library.two_state_markov()
    read = games.read_npz(
        archive(payoffs=game.payoffs, transitions=game.transitions.table, discount=game.discount, temperatures=1.0)
    )
    one, other = games.solve(game, 1.0), games.solve(read.game, read.temperatures)
    np.testing.assert_array_equal(one.policy, other.policy)
