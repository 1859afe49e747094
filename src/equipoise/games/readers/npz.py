"""Games from NumPy archives (.npz), by the names of their arrays.

    normal form     payoffs [i, a1, …, aN]
    Bayesian        payoffs [i, θ1, …, θN, a1, …, aN], prior [θ1, …, θN]
    Markov          payoffs [i, s, a1, …, aN], discount [], and transitions [s, a1, …, aN, s'], or a sparse one in CSR
                    form with a row per (s, a1, …, aN): transitions_data, transitions_indices, transitions_indptr;
                    available [i, s, a] if agents have as many actions each, else available_0 [s, a1], available_1, …
    vote            accuracy [i, a], reward [k]; weights [i], costs [i, a] may follow
    common payoff   payoff [a1, …, aN]

Any of them may hold temperatures ([], [i] or [i, information set]) and continuation ("kl", "soft" or "plain").
Archives of Python objects are refused: reading one would run the code in it.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from equipoise.errors import InputError, UnknownName
from equipoise.games.forms.bayesian import Bayesian
from equipoise.games.forms.common_payoff import CommonPayoff
from equipoise.games.forms.markov import Markov
from equipoise.games.forms.normal_form import NormalForm
from equipoise.games.forms.vote import Vote
from equipoise.games.game import CONTINUATIONS, Game, Regularizer
from equipoise.games.reading import Entry

Arrays = Mapping[str, np.ndarray]

SPARSE = ("transitions_data", "transitions_indices", "transitions_indptr")
SETTINGS = ("temperatures", "continuation")


def read_npz(source: bytes | str | Path) -> Entry:
    """The game of an archive, its temperatures (None if absent) and continuation ("kl" if absent).

    Args:
        source: the archive's bytes, or its path.

    Raises:
        InputError: no archive, arrays of Python objects, or arrays that make no game; says which entry of which.
        UnknownName: an array that no game has.
    """
    arrays = _arrays(source)
    kind = next((kind for key, kind in KEYS.items() if key in arrays), None)
    if kind is None:
        needs = ", ".join(f"'{key}'" for key in KEYS)
        raise InputError(f"the archive needs one of the arrays {needs}. It has: {', '.join(arrays) or 'none'}.")
    build, known = kind
    for name in arrays:
        if name not in known and name not in SETTINGS and not (build is _markov and name.startswith("available_")):
            raise UnknownName("array of such a game", name, (*known, *SETTINGS))
    game = build(arrays)
    continuation = str(arrays.get("continuation", np.array("kl")))
    if continuation not in CONTINUATIONS:
        raise UnknownName("continuation", continuation, CONTINUATIONS)
    temperatures = arrays.get("temperatures")
    if temperatures is not None:
        Regularizer.of(game.layout, temperatures)
    return Entry(game, temperatures, continuation)


def _arrays(source: bytes | str | Path) -> dict[str, np.ndarray]:
    try:
        loaded = np.load(io.BytesIO(source) if isinstance(source, bytes) else source, allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            with loaded as archive:
                return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"cannot read the archive: {error}. Write numbers only, with numpy.savez.") from None
    raise InputError("this is one array, not an archive of named ones. Write it with numpy.savez.")


def _normal_form(arrays: Arrays) -> Game:
    return NormalForm(arrays["payoffs"])


def _bayesian(arrays: Arrays) -> Game:
    return Bayesian(arrays["prior"], _needed(arrays, "payoffs"))


def _markov(arrays: Arrays) -> Game:
    payoffs, discount = _needed(arrays, "payoffs"), _needed(arrays, "discount")
    if discount.shape or discount.dtype.kind not in "fiu":
        raise InputError(f"discount has shape {list(discount.shape)}; it is one number in [0, 1).")
    available: Any = arrays.get("available")
    if available is None and "available_0" in arrays:
        available = [_needed(arrays, f"available_{agent}") for agent in range(len(payoffs))]
    return Markov(payoffs, _transitions(arrays, payoffs), float(discount), available=available)


def _transitions(arrays: Arrays, payoffs: np.ndarray) -> Any:
    if "transitions" in arrays:
        return arrays["transitions"]
    data, indices, pointers = (_needed(arrays, name) for name in SPARSE)
    from scipy.sparse import csr_array

    if payoffs.ndim < 3:
        raise InputError(f"payoffs has shape {list(payoffs.shape)}; it needs [i, s, a1, …, aN].")
    states = payoffs.shape[1]
    try:
        table = csr_array((data, indices, pointers), shape=(payoffs[0].size, states))
        table.check_format(full_check=True)
    except (ValueError, TypeError) as error:
        raise InputError(f"{', '.join(SPARSE)} are no matrix in CSR form: {error}.") from None
    return table


def _vote(arrays: Arrays) -> Game:
    weights, costs = arrays.get("weights"), arrays.get("costs")
    return Vote(
        list(arrays["accuracy"]),
        _needed(arrays, "reward"),
        weights=None if weights is None else list(weights),
        costs=None if costs is None else list(costs),
    )


def _common_payoff(arrays: Arrays) -> Game:
    return CommonPayoff(arrays["payoff"])


KEYS: dict[str, tuple[Callable[[Arrays], Game], tuple[str, ...]]] = {
    "prior": (_bayesian, ("payoffs", "prior")),
    "discount": (_markov, ("payoffs", "discount", "transitions", *SPARSE, "available")),
    "transitions": (_markov, ("payoffs", "discount", "transitions", "available")),
    "payoffs": (_normal_form, ("payoffs",)),
    "accuracy": (_vote, ("accuracy", "reward", "weights", "costs")),
    "payoff": (_common_payoff, ("payoff",)),
}
"""The array that tells a kind of game, in order, how it is built and the arrays it may have."""


def _needed(arrays: Arrays, name: str) -> np.ndarray:
    if name not in arrays:
        raise InputError(f"such a game needs the array '{name}'. The archive has: {', '.join(arrays)}.")
    return arrays[name]
