"""A policy that `equipoise train prompt-control` wrote, ready to be played by a team.

    folder/policy.json        what was told, and the policy itself where it is arrays
    folder/policy/            the policy where it is a network, as a bandit's is; playing it needs torch

The team may have more columns than the policy was trained on, in another order; those are never asked. It may not have
fewer. A question that the policy was learned from is not played: an accuracy on it would not be honest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from equipoise.beliefs.placed import placed
from equipoise.beliefs.policy import Policy
from equipoise.beliefs.storing import JSON_FILE, load_policy, load_told
from equipoise.errors import InputError, MissingExtra
from equipoise.team.problem import digest

NETWORK = "policy"
"""The folder of a network, within that of its policy."""

_CHECKPOINT = "checkpoint.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A policy with what must be known of its training.

    Attributes:
        folder: where it lies.
        policy: over `columns`.
        columns: names, in its order.
        learned_from: digests of the ids of the training questions.
    """

    folder: Path
    policy: Policy
    columns: tuple[str, ...]
    learned_from: frozenset[str]

    def refuse(self, question: str) -> None:
        """Raises an InputError if the policy was learned from this question."""
        if digest(question) in self.learned_from:
            raise InputError(
                f"question '{question}' is one that the policy in '{self.folder}' learned from, so its answer would "
                "prove nothing. Ask others: --skip N leaves out the first N."
            )

    def for_columns(self, asked: tuple[str, ...]) -> Policy:
        """The policy, for a team of these columns.

        Raises:
            InputError: the team lacks one that the policy may ask.
        """
        missing = [name for name in self.columns if name not in asked]
        if missing:
            raise InputError(
                f"the policy in '{self.folder}' may ask {', '.join(missing)}, and the team has only "
                f"{', '.join(asked)}. Play it with the team that it was trained with, or train anew."
            )
        if asked == self.columns:
            return self.policy
        return placed(self.policy, [asked.index(name) for name in self.columns])


def load_trained(folder: Path) -> Trained:
    """The policy of a folder, read once and then remembered.

    The folder of a network stands for the policy that it belongs to, which knows what it was learned from.

    Raises:
        InputError: there is none, or it is damaged.
        MissingExtra: it is a network, and torch is not installed.
    """
    if not (folder / JSON_FILE).is_file() and (folder / _CHECKPOINT).is_file():
        folder = folder.resolve().parent
    file = folder / JSON_FILE
    return _loaded(folder, file.stat().st_mtime_ns if file.is_file() else 0)


@lru_cache(maxsize=8)
def _loaded(folder: Path, version: int) -> Trained:
    told, _ = load_told(folder)
    beside = told.get("policy", "") is None
    policy = _network(folder / NETWORK) if beside else load_policy(folder)[0]
    missing = [key for key in ("columns", "learned_from") if key not in told]
    if missing:
        raise InputError(f"the policy in '{folder}' does not say its {' and '.join(missing)}. Train it anew.")
    return Trained(
        folder=folder,
        policy=policy,
        columns=tuple(told["columns"]),
        learned_from=frozenset(told["learned_from"]),
    )


def _network(folder: Path) -> Policy:
    try:
        from equipoise.policies.bandit_policy import load
    except ImportError as error:
        if error.name != "torch":
            raise
        raise MissingExtra("policies of a bandit", "local") from None
    return load(folder)
