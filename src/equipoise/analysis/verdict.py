"""One sentence: does the team beat the best single model, resampling one model, and a plain vote, at the same cost?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from equipoise.analysis.comparison import (
    RESAMPLERS,
    SINGLE,
    VOTE,
    best_by_parts,
    best_in_hindsight,
    by_method,
    compare,
    kind_of,
)
from equipoise.analysis.paired import Difference
from equipoise.analysis.rows import Row

SAME_COST = (0.8, 1.25)
"""Ratios of tokens per play within which two methods cost the same: a quarter more or less."""


def verdict(rows: Sequence[Row], task: str) -> str:
    """The sentence for one task, with the reason where the data cannot carry it."""
    methods = by_method(rows, task)
    groups = _groups(methods)
    team = groups.pop("team", {})
    if not team or not groups:
        return f"On {task} nothing can be said about the team: run it beside a baseline, such as single."
    mine = best_by_parts(team)
    said = [_against(mine, other[best], name) for name, other in groups.items() if (best := best_in_hindsight(other))]
    failed = sum(not row.measured for some in methods.values() for row in some)
    caution = f" {failed} plays failed and are left out, so this is preliminary." if failed else ""
    return f"On {task}, the team ({_members(mine)}) {'; it '.join(said)}.{caution}"


def _groups(methods: dict[str, list[Row]]) -> dict[str, dict[str, list[Row]]]:
    """Rows by what they stand for. A plain vote is the team where no other team method was run."""
    names = {
        "the best single model": [m for m in methods if kind_of(m) == SINGLE],
        "resampling one model": [m for m in methods if kind_of(m) in RESAMPLERS],
        "a plain vote": [m for m in methods if kind_of(m) == VOTE],
    }
    known = {method for some in names.values() for method in some}
    team = [method for method in methods if method not in known] or names.pop("a plain vote")
    groups = {"team": team, **names}
    return {group: {name: methods[name] for name in some} for group, some in groups.items() if some}


def _members(rows: Sequence[Row]) -> str:
    """The method, or the one that most parts chose where they disagree."""
    counts = Counter(row.method for row in rows)
    (name, most), *_ = counts.most_common(1) or [("", 0)]
    return name if most == len(rows) else f"mostly {name}"


def _against(mine: Sequence[Row], theirs: Sequence[Row], name: str) -> str:
    found = compare(mine, theirs)
    if found is None:
        return f"shares no measured question with {name}"
    return f"{_relation(found)} {name} ({_points(found)}) {_at_cost(_tokens(mine), _tokens(theirs))}"


def _relation(found: Difference) -> str:
    return {1: "beats", -1: "loses to", 0: "is not shown to differ from"}[found.verdict]


def _points(found: Difference) -> str:
    at = found.interval
    return f"{100 * at.mean:+.1f} points, 95 % interval {100 * at.low:+.1f} to {100 * at.high:+.1f}"


def _at_cost(mine: float, theirs: float) -> str:
    if not mine or not theirs:
        return "at a cost in tokens that was not recorded"
    ratio = mine / theirs
    return "at the same cost" if SAME_COST[0] <= ratio <= SAME_COST[1] else f"at {ratio:.2g} times its tokens"


def _tokens(rows: Sequence[Row]) -> float:
    """Mean tokens per measured play."""
    spent = [row.input_tokens + row.output_tokens for row in rows if row.measured]
    return sum(spent) / len(spent) if spent else 0.0
