"""Who plays a game of controls: executors, each with the columns "agent|strategy" that it may be called with.

by_agent     one executor per agent, whose controls are its prompt strategies: the game of the paper
by_column    every column is a player of its own, called or not: who is silent, and nothing else
copies       several executors on one model, each free to use every strategy: clones
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equipoise.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Player:
    """An executor in the game.

    Attributes:
        name: of the executor.
        columns: its controls, as positions in the ballots' columns; `abstain` comes after them.
    """

    name: str
    columns: tuple[int, ...]


def by_agent(columns: Sequence[str]) -> tuple[Player, ...]:
    """One player per agent, in the order of first appearance; its controls are its "agent|strategy" columns."""
    owned: dict[str, list[int]] = {}
    for place, column in enumerate(columns):
        owned.setdefault(column.rpartition("|")[0] or column, []).append(place)
    return tuple(Player(name=name, columns=tuple(places)) for name, places in owned.items())


def by_column(columns: Sequence[str]) -> tuple[Player, ...]:
    """One player per column, whose only choice is to be called or not."""
    return tuple(Player(name=column, columns=(place,)) for place, column in enumerate(columns))


def copies(columns: Sequence[str], count: int) -> tuple[Player, ...]:
    """Several executors on one model: each may use every column."""
    return tuple(Player(name=f"executor {i + 1}", columns=tuple(range(len(columns)))) for i in range(count))


def check_players(players: Sequence[Player], columns: Sequence[str]) -> None:
    """Nothing, for players whose controls exist.

    Raises:
        InputError: no player, a player without a column, a column that does not exist.
    """
    if not players:
        raise InputError("there is no player; name one executor at least.")
    for player in players:
        bad = [column for column in player.columns if not 0 <= column < len(columns)]
        if bad or not player.columns:
            asked = f"column {bad[0]}" if bad else "no column"
            raise InputError(f"'{player.name}' has {asked}; there are columns 0 to {len(columns) - 1}.")
