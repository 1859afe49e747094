"""Who is judged: the best single column, the plain vote, and every method that chooses among recorded answers.

A method that asks models anew, such as a debate, cannot be judged on a recording: nobody knows what they would have
said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.control_players import by_agent
from equipoise.beliefs.placed import placed
from equipoise.beliefs.policy import Policy
from equipoise.beliefs.vote import Vote
from equipoise.errors import InputError
from equipoise.methods.choosing import Choosing, Learns
from equipoise.methods.majority_vote import MajorityVote
from equipoise.methods.method import available, method_type, parse

SINGLE = "single"
"""The column with the best accuracy on the questions that teach. It has no policy: it is chosen by the judge."""

FIXED = "fixed_control"
"""The fixed-control team."""

VOTE = MajorityVote()


@dataclass(frozen=True, kw_only=True)
class FixedTeam(Choosing):
    """Every executor under its first control, and a plain vote: the team without learned control."""

    reference: ClassVar[str] = "Xie et al. (2026), section 7"
    learns: ClassVar[Learns] = "answers"

    @property
    def name(self) -> str:
        """That of the method which it is on a recording, where nobody was given a plan."""
        return FIXED

    def learn(self, train: Ballots | None) -> Policy:
        """The vote of each agent's first column."""
        names = [] if train is None else train.columns
        return placed(Vote(), [player.columns[0] for player in by_agent(names)])


Priced = tuple[float | None, Policy]
"""A price, or None for a method's own, and what a method does at it."""


def contenders(specs: Iterable[str] | None = None) -> list[Choosing]:
    """The methods to judge, the vote first.

    Args:
        specs: methods as they are written in commands; every one that chooses when None. The vote is always among them.

    Raises:
        UnknownName: no such method or parameter.
        InputError: a method does not choose, or names a recording of its own.
    """
    written = available() if specs is None else list(specs)
    chosen: dict[str, Choosing] = {VOTE.name: VOTE}
    for spec in written:
        if spec.strip() == FIXED:
            chosen[FIXED] = FixedTeam()
            continue
        if spec.strip() == SINGLE or (specs is None and not issubclass(method_type(spec), Choosing)):
            continue
        method = parse(spec)
        if not isinstance(method, Choosing):
            raise InputError(
                f"'{spec}' asks models anew, and a recording does not hold what they would say. "
                f"Judged on a recording: {', '.join([SINGLE, FIXED, *_choosing()])}. For the others: equipoise eval"
            )
        named = next((name for name in ("recording", "policy") if getattr(method, name, None) is not None), None)
        if named is not None:
            raise InputError(f"'{spec}' names a {named}, but here it learns from the one that is judged. Remove it.")
        chosen.setdefault(method.name, method)
    return list(chosen.values())


def unfit(method: Choosing, ballots: Ballots) -> str | None:
    """Why a method cannot be judged on a pool; None if it can."""
    if method.needs_check and ballots.checks is None:
        return "these answers cannot be checked exactly without their key"
    if method.learns == "labels" and ballots.correct is None:
        return "it learns from who was right, and the recording does not tell"
    return None


def is_curve(method: Choosing) -> bool:
    """Whether a method is judged at several prices: it has a price, and none was given."""
    return any(field.name == "price" for field in fields(method)) and getattr(method, "price") is None  # noqa: B009


def learned(method: Choosing, train: Ballots, prices: Sequence[float]) -> list[Priced]:
    """What a method learned from the questions that teach: at its own price first, then at each price of a curve.

    It is given what it says it learns from, and no more: a method that learns from answers alone sees no label.
    """
    given = {"nothing": None, "answers": replace(train, correct=None), "labels": train}[method.learns]
    if not is_curve(method):
        return [(getattr(method, "price", 0.0), method.learn(given))]  # no field, no price
    asked = [None, *prices]
    return list(zip(asked, method.curve(given, asked), strict=True))


def _choosing() -> list[str]:
    return [name for name in available() if issubclass(method_type(name), Choosing)]
