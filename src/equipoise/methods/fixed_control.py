"""The team as it stands: a plan, one private answer each under the default control, and the team's aggregation rule.

    m   = lead(question), at most `message_cap` tokens
    x_i = executor_i(question, m), under executor i's default control
    y   = aggregation(x_1, …, x_N)

DICE-PC (Xie et al., 2026, sections 3 and 4) with nothing learned: executors never see each other's answers. It is the
baseline that tells how much of a team's gain comes from learned control (section 7: three agents with fixed controls).

Cost: 1 + N calls, and what the aggregation rule costs. Input: the plan once per executor.

Deviations: a plan that reaches the cap is cut there and not written again.
"""

from __future__ import annotations

from random import Random
from typing import ClassVar

from pydantic.dataclasses import dataclass

from equipoise.methods import _aggregation
from equipoise.methods.method import Decision, Method
from equipoise.team.team import Team
from equipoise.team.turns import Turns


@dataclass(frozen=True, kw_only=True)
class FixedControl(Method):
    """A plan, an answer each, and the team's rule.

    Attributes:
        plan: whether the lead writes a plan first.
    """

    reference: ClassVar[str] = (
        "Xie et al. (2026), DICE: Entropy-Regularized Equilibrium Selection for Stable Multi-Agent LLM Coordination"
    )
    plan: bool = True

    def calls(self, team: Team) -> int:
        """The plan, an answer per executor, and the aggregation."""
        return self.plan + len(team.executors) + _aggregation.calls(team)

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """The team's answer by its own rule."""
        plan = await turns.plan() if self.plan else None
        answers = await turns.together(turns.answer(e, plan=plan) for e in turns.team.executors)
        return await _aggregation.aggregated(turns, answers)
