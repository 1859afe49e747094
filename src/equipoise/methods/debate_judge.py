"""A debate that ends with a judge instead of a vote.

    solutions = last round of a debate
    answer    = lead(question, solutions)

Liang et al. (2023, section 2): debaters argue under a judge, who ends the debate when it has converged and extracts the
final answer, against the majority where it must. The judge is the Coordinator, or the first executor in a team without
one; it decides greedily.

Cost: N (1 + rounds) + 1 calls for N executors; input grows as in a debate, and the judge reads N solutions.

Deviations: debaters are not given opposite sides and speak at the same time, which is the debate of Du et al. (2023);
the debate has converged when all answers are equal, which costs no call, and then there is nothing to judge. A verdict
that holds no answer leaves the decision to the debaters' vote.
"""

from __future__ import annotations

from random import Random
from typing import ClassVar

from pydantic.dataclasses import dataclass

from equipoise.methods._aggregation import judged
from equipoise.methods.debate import calls_of, debated
from equipoise.methods.method import Count, Decision, Method
from equipoise.team.team import Team
from equipoise.team.turns import Turns


@dataclass(frozen=True, kw_only=True)
class DebateJudge(Method):
    """Rounds of revision, then the lead decides.

    Attributes:
        rounds: revisions after the first answers.
        stop_when_agreed: whether a round in which all answers are equal is the last one.
    """

    reference: ClassVar[str] = (
        "Liang et al. (2023), Encouraging Divergent Thinking in Large Language Models through Multi-Agent Debate"
    )
    rounds: Count = 2
    stop_when_agreed: bool = True

    def calls(self, team: Team) -> int:
        """A debate and a verdict; a team of one only answers."""
        return calls_of(team, self.rounds) + (len(team.executors) > 1)

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """The judge's answer."""
        return await judged(turns, await debated(turns, self.rounds, stop_when_agreed=self.stop_when_agreed))
