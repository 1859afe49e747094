"""Gambit's .nfg: both versions, against texts written by hand and against pygambit's own writer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise import games
from equipoise.errors import InputError
from equipoise.games import library

PAYOFFS = """NFG 1 R "A \\"quoted\\" title" { "Ann" "Bob" }
{ 3 2 }
"a comment { with braces }"

1 -1  1/4 2.5e0  .5 -0
4 40  5 50  6 60
"""
OUTCOMES = """NFG 1 D "Selten (IJGT, 75), Figure 2, normal form" { "Player 1" "Player 2" } {
{ "1" "2" }
{ "1" "2" "3" }
}
{
{ "first" 1, 2 }
{ "" 3 4 }
}
1 2 0
2 1 1
"""


def read(text: str) -> games.NormalForm:
    entry = games.read_nfg(text)
    assert entry.temperatures is None and isinstance(entry.game, games.NormalForm)
    return entry.game


def test_in_the_payoff_version_the_first_agent_moves_fastest() -> None:
    first, second = read(PAYOFFS).tensors
    np.testing.assert_array_equal(first, [[1, 4], [0.25, 5], [0.5, 6]])
    np.testing.assert_array_equal(second, [[-1, 40], [2.5, 50], [0, 60]])


def test_the_outcome_version_looks_payoffs_up_and_0_is_nothing() -> None:
    first, second = read(OUTCOMES).tensors
    np.testing.assert_array_equal(first, [[1, 0, 1], [3, 3, 1]])
    np.testing.assert_array_equal(second, [[2, 0, 2], [4, 4, 2]])


def test_strategies_with_names_may_be_followed_by_payoffs() -> None:
    text = 'NFG 1 R "" { "a" "b" } { { "u" "d" } { "l" "r" } } "" 1 2 3 4 5 6 7 8'
    np.testing.assert_array_equal(read(text).tensors[0], [[1, 5], [3, 7]])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_what_is_written_in_the_order_of_the_format_is_read_back(shape: list[int], seed: int) -> None:
    tensors = np.random.default_rng(seed).normal(size=(len(shape), *shape))
    numbers = tensors.transpose(*range(len(shape), 0, -1), 0).reshape(-1)
    names = " ".join(f'"{agent}"' for agent in range(len(shape)))
    text = f'NFG 1 R "t" {{ {names} }} {{ {" ".join(map(str, shape))} }} {" ".join(map(repr, numbers.tolist()))}'
    np.testing.assert_array_equal(np.stack(read(text).tensors), tensors)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4)])
def test_what_gambit_writes_is_read(shape: tuple[int, ...]) -> None:
    gambit: Any = pytest.importorskip(
        "pygambit", reason="pygambit is not installed: run `make oracles`", exc_type=ImportError
    )
    tensors = np.random.default_rng(5).integers(-9, 9, size=(len(shape), *shape)) / 4
    written = gambit.Game.from_arrays(*tensors).to_nfg()
    np.testing.assert_array_equal(np.stack(read(written).tensors), tensors)


def test_a_game_read_is_solved_as_the_one_that_was_written() -> None:
    text = 'NFG 1 R "stag hunt" { "a" "b" } { 2 2 } 10 10 8 1 1 8 5 5'
    ours = games.solve(library.stag_hunt(), [0.9, 1.1])
    np.testing.assert_allclose(games.solve(read(text), [0.9, 1.1]).policy, ours.policy, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the file ends where 'NFG' should be"),
        ("EFG 2 R", "line 1: 'EFG' where 'NFG'"),
        ("NFG 2 R", "line 1: '2' where '1'"),
        ("NFG 1 R title", "line 1: 'title' where the title in quotes"),
        ('NFG 1 R "t" { }', "names no agents"),
        (PAYOFFS.replace("6 60", "6"), r"line 7: the file ends where payoff 12 of 12, a number"),
        (PAYOFFS + " 7", "line 7: '7' where the end"),
        (PAYOFFS.replace("2.5e0", "nan"), "line 5: 'nan' where payoff 4 of 12"),
        (PAYOFFS.replace("1/4", "1/0"), "line 5: '1/0' where payoff 3"),
        (PAYOFFS.replace("{ 3 2 }", "{ 3 }"), "line 2: strategies of 1 agents; the file names 2"),
        (PAYOFFS.replace("{ 3 2 }", "{ 3 0 }"), "line 2: '0' where a number of strategies"),
        (PAYOFFS.replace("{ 3 2 }", "{ 30000000 20000000 }"), "at most 100000000 are read"),
        (OUTCOMES.replace("2 1 1", "2 3 1"), "line 10: '3' where the outcome of profile 5, a whole number from 0 to 2"),
        (OUTCOMES.replace("3 4 }", "3 }"), "line 7: '}' where the payoff of agent 1"),
        (OUTCOMES.replace('{ "1" "2" "3" }', "{ }"), "line 3: agent 1 has no strategies"),
    ],
)
def test_mistakes_are_named_with_their_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        games.read_nfg(text)
