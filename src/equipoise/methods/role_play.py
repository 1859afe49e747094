"""Agents in roles: a planner instructs, solvers answer by the plan, a critic checks.

    plan     = lead(question), at most `message_cap` tokens
    x_i      = solver_i(question, plan)
    y        = critic(question, all x_i)
    answer   = y; another round while the critic and the solvers disagree and rounds are left

CAMEL (Li et al., 2023, section 3): a user agent that knows the task instructs an assistant agent, each kept in its role
by its system message, and a critic stands in the loop. The lead model is the user, executors are the assistants. An
executor whose role is "critic", "checker" or "verifier" is the critic, otherwise the last one of several; a team of one
is checked by the lead.

The system message is the agent's `instructions`, or else "You are the <role> of a team."; an agent without either gets
none, which small models prefer.

Cost: 1 + rounds · (solvers + 1) calls. Input: the plan once per solver, all solutions for the critic, and from the
second round on the solver's conversation so far.

Deviations: one plan instead of an instruction per turn, since questions here are single; several assistants may work at
the same time; the critic writes an answer of its own instead of choosing a proposal; its agreement with all solvers
takes the place of the end-of-task token. A critic without an answer leaves the decision to the solvers.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import ClassVar, TypeVar

from pydantic.dataclasses import dataclass

from equipoise.methods.method import Count, Decision, Method, agreed, by_judge
from equipoise.team import prompt as prompts
from equipoise.team.agent import Agent, Executor
from equipoise.team.episode import Turn
from equipoise.team.team import Team
from equipoise.team.turns import Turns

CRITICS = ("critic", "checker", "verifier")

A = TypeVar("A", bound=Agent)


@dataclass(frozen=True, kw_only=True)
class RolePlay(Method):
    """A plan, solutions and a check.

    Attributes:
        rounds: most times that solvers write and the critic checks.
    """

    reference: ClassVar[str] = (
        "Li et al. (2023), CAMEL: Communicative Agents for Mind Exploration of Large Language Model Society"
    )
    rounds: Count = 1

    def calls(self, team: Team) -> int:
        """The plan, and all solvers and the critic in every round."""
        solvers, _ = _cast(team)
        return 1 + self.rounds * (len(solvers) + 1)

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """The critic's answer."""
        team = turns.team
        solvers, critic = _cast(team)
        plan = await turns.plan(_in_role(team.lead))
        solved = await turns.together(turns.answer(solver, plan=plan) for solver in solvers)
        checked = await _checked(turns, critic, solved, 0)
        for round in range(1, self.rounds):
            if agreed([checked, *solved]) or not checked.response.strip():
                break
            solved = await turns.together(
                _revised(turns, solver, turn, checked, round) for solver, turn in zip(solvers, solved, strict=True)
            )
            checked = await _checked(turns, critic, solved, round)
        return by_judge(checked, solved, stop="agreed" if agreed([checked, *solved]) else "rounds")


def _cast(team: Team) -> tuple[list[Executor], Agent]:
    """The solvers and the critic, in their roles."""
    executors = [_in_role(executor) for executor in team.executors]
    if len(executors) == 1:
        return executors, _in_role(team.lead)
    critic = next((e for e in executors if e.role.lower() in CRITICS), executors[-1])
    return [e for e in executors if e is not critic], critic


def _in_role(agent: A) -> A:
    if agent.instructions or not agent.role:
        return agent
    return agent.model_copy(update={"instructions": f"You are the {agent.role} of a team."})


async def _checked(turns: Turns, critic: Agent, solved: Sequence[Turn], round: int) -> Turn:
    solutions = [turn.response for turn in solved if turn.response.strip()]
    prompt = prompts.weigh(turns.problem, solutions, prompts.REVISE if solutions else "")
    return await turns.ask(critic, "judge", prompt, round=round, sampling_temperature=0.0)


async def _revised(turns: Turns, solver: Executor, own: Turn, checked: Turn, round: int) -> Turn:
    if own.response.strip():
        prompt = prompts.revise(turns.problem, own.prompt, own.response, [checked.response])
    else:  # an empty message of its own is refused by some endpoints
        prompt = prompts.weigh(turns.problem, [checked.response], prompts.REVISE)
    control = turns.team.controls_of(solver)[0]
    return await turns.ask(solver, "revise", prompt, control=control, round=round)
