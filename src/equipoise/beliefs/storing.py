"""Learned policies on disk: numbers in safetensors, everything else in JSON, nothing pickled.

    folder/policy.json           version, and the tree of parts: {"kind": "Cascade", "price": 0.1, …}
    folder/policy.safetensors    its arrays, by their place in the tree: "belief.slopes"

A policy is a frozen dataclass of arrays, numbers, names and other such dataclasses, so the tree is its fields; only the
kinds named in `KINDS` are ever made from a file. JSON is written last and in one step, and it holds the digest of the
arrays and of all else that it says: a folder whose two files do not belong together, or were edited, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from equipoise.beliefs.agreement import AgreementVote
from equipoise.beliefs.calibration import Belief
from equipoise.beliefs.dawid_skene import Coins, CoinVote
from equipoise.beliefs.policy import Policy
from equipoise.beliefs.profile_vote import ProfileVote
from equipoise.beliefs.rounds import Rounds
from equipoise.beliefs.routing import Accuracies, Router
from equipoise.beliefs.signals import Signals
from equipoise.beliefs.stopping import Cascade, EarlyVote
from equipoise.beliefs.usual_cost import UsualCost
from equipoise.beliefs.verifying import UntilPassed
from equipoise.beliefs.vote import Vote
from equipoise.beliefs.weighted_vote import TieBrokenVote, WeightedVote
from equipoise.errors import InputError, WriteError
from equipoise.whole_files import replace

VERSION = 1
"""Of the format; a reader takes its own version only."""

KINDS: Mapping[str, type] = {
    kind.__name__: kind
    for kind in (
        Accuracies,
        AgreementVote,
        Belief,
        Cascade,
        Coins,
        CoinVote,
        EarlyVote,
        ProfileVote,
        Rounds,
        Router,
        Signals,
        TieBrokenVote,
        UntilPassed,
        UsualCost,
        Vote,
        WeightedVote,
    )
}
"""What a file may hold."""

JSON_FILE, ARRAYS_FILE = "policy.json", "policy.safetensors"

Arrays = dict[str, NDArray[Any]]


def save_policy(
    folder: Path, policy: Policy | None, told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Writes a policy; the folder is made, an older policy replaced.

    Args:
        folder: of this policy alone.
        policy: of one of `KINDS`; None for one that lies beside, as a network does.
        told: whatever else is to be remembered, as JSON.
        arrays: further arrays by name, such as a game.

    Raises:
        WriteError: the folder cannot be written.
    """
    held: Arrays = {f"told.{name}": np.ascontiguousarray(array) for name, array in arrays.items()}
    tree = _packed(policy, "policy", held)
    data = save(held)
    said = json.loads(json.dumps({**told, "version": VERSION, "policy": tree}, allow_nan=False))
    content = {"sha256": _digest(said, data), **said}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / ARRAYS_FILE, data)
        replace(folder / JSON_FILE, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise WriteError(f"cannot write '{folder}': {error.strerror or error}. Name another folder.") from None


def load_policy(folder: Path) -> tuple[Policy, dict[str, Any], Arrays]:
    """A policy, what else was remembered, and the further arrays.

    Raises:
        InputError: there is no policy, or it is of another version, or damaged.
    """
    content, held = _read(folder)
    try:
        policy = _unpacked(content.pop("policy"), "policy", held)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the policy in '{folder}' is damaged ({error}). Copy it again, or train anew.") from None
    if not isinstance(policy, Policy):
        raise InputError(f"'{folder}' holds a {type(policy).__name__}, and no policy. Train anew.")
    return policy, content, _told(held)


def load_told(folder: Path) -> tuple[dict[str, Any], Arrays]:
    """What was remembered beside a policy, and the further arrays; the policy is not made.

    Raises:
        InputError: there is no policy, or it is of another version, or damaged.
    """
    content, held = _read(folder)
    return content, _told(held)


def _read(folder: Path) -> tuple[dict[str, Any], Arrays]:
    """The JSON and all arrays, which belong together."""
    content, data = read_told(folder), _bytes(folder / ARRAYS_FILE)
    if content.pop("sha256", None) != _digest(content, data):
        raise InputError(f"'{folder}': {ARRAYS_FILE} does not belong to {JSON_FILE}. Copy both again, or train anew.")
    try:
        return content, load(data)
    except SafetensorError as error:
        raise InputError(f"the policy in '{folder}' is damaged ({error}). Copy it again, or train anew.") from None


def _told(held: Arrays) -> Arrays:
    return {name.removeprefix("told."): array for name, array in held.items() if name.startswith("told.")}


def read_told(folder: Path) -> dict[str, Any]:
    """What the JSON of a policy says.

    Raises:
        InputError: there is none, or it is of another version, or damaged.
    """
    try:
        content = json.loads(_bytes(folder / JSON_FILE))
    except ValueError as error:
        raise InputError(f"'{folder / JSON_FILE}' is not JSON ({error}). Copy it again, or train anew.") from None
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise InputError(f"'{folder / JSON_FILE}' is not a policy of version {VERSION}. Train anew.")
    return content


def _digest(said: Mapping[str, Any], data: bytes) -> str:
    return sha256(json.dumps(said, sort_keys=True).encode() + b"\n" + data).hexdigest()


def _packed(value: Any, place: str, held: Arrays) -> Any:
    if is_dataclass(value) and type(value).__name__ in KINDS:
        parts = {f.name: _packed(getattr(value, f.name), f"{place}.{f.name}", held) for f in fields(value)}
        return {"kind": type(value).__name__, **parts}
    if isinstance(value, np.ndarray):
        held[place] = np.ascontiguousarray(value)
        return {"array": place}
    if isinstance(value, tuple):
        return {"tuple": [_packed(item, f"{place}.{i}", held) for i, item in enumerate(value)]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{place} is a {type(value).__name__}, which has no place in a policy file")


def _unpacked(tree: Any, place: str, held: Arrays) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return held[tree["array"]]
    if "tuple" in tree:
        return tuple(_unpacked(item, place, held) for item in tree["tuple"])
    kind = KINDS[tree["kind"]]
    known = {f.name for f in fields(cast(Any, kind))}
    return kind(**{name: _unpacked(part, name, held) for name, part in tree.items() if name in known})


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        made = "Make one: equipoise train prompt-control"
        raise InputError(f"there is no policy in '{file.parent}': {file.name} is missing. {made}") from None
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror or error}.") from None
