"""Several samples of one model, and the answer that most of them reach.

    answer = argmax_a Σ_i 1(a_i = a),   a_i read from the i-th sample

Chains of thought that differ and still end alike are likely right (Wang et al., 2023, section 2). Samples are drawn at
the default control's temperature; a greedy control is sampled at 0.7, since equal samples carry no information.

Cost: `samples` calls, made at the same time, of equal input; tokens grow linearly. Deviations: none in the vote
(unweighted, which the paper finds as good as weighting by probability, table 1); ties go to the first sample; the
prompt is the team's strategy instead of the paper's few-shot chain of thought.
"""

from __future__ import annotations

from random import Random
from typing import ClassVar

from pydantic.dataclasses import dataclass

from equipoise.methods.method import Count, Decision, Method, by_vote, fixed_control
from equipoise.team.team import Team
from equipoise.team.turns import Turns


@dataclass(frozen=True, kw_only=True)
class SelfConsistency(Method):
    """A plurality vote of one executor with itself.

    Attributes:
        samples: how many answers are drawn; the paper goes up to 40.
        strategy: a prompt strategy by name; that of the default control when None.
        executor: by name; the first one when None.
    """

    reference: ClassVar[str] = (
        "Wang et al. (2023), Self-Consistency Improves Chain of Thought Reasoning in Language Models"
    )
    samples: Count = 5
    strategy: str | None = None
    executor: str | None = None

    def calls(self, team: Team) -> int:
        """One per sample."""
        fixed_control(team, self.executor, self.strategy)
        return self.samples

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """The plurality of the samples."""
        executor, control = fixed_control(turns.team, self.executor, self.strategy, sampled=True)
        return by_vote(await turns.together(turns.answer(executor, control) for _ in range(self.samples)))
