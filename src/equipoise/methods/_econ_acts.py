"""The acts of ECON: a strategy that gives nothing away, private answers at e = [T, p], and a commitment.

Learning plays with the same functions as the method, so that what was learned is what is played. Executors never see
each other's answers; only the Coordinator does, and the answer it commits to is public.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from equipoise.beliefs import vote
from equipoise.errors import ModelCallError
from equipoise.methods._econ_account import Account
from equipoise.methods.method import Decision, agreed, by_judge, by_vote
from equipoise.team import prompt as prompts
from equipoise.team.agent import Agent, Executor
from equipoise.team.control import Control
from equipoise.team.episode import Turn
from equipoise.team.turns import Turns

SOFT_CAP, HARD_CAP = 50, 70
"""Tokens of the strategy: what is asked for, and what is never passed on more than."""

AGAIN_TEMPERATURE = 0.7
"""A strategy that must be written anew: the same greedy call would say the same."""

MOST_MEMBERS = 4
"""Executors under one Coordinator; more are split into clusters, each with a local one."""

Rule = Literal["coordinator", "vote", "value"]

_LEAK = re.compile(r"\banswer\"?\s{0,3}[*_]{0,3}\s{0,3}:\s*\S|\banswer\s+is\b|####|\\boxed\s{0,3}\{", re.IGNORECASE)
_RESULT = re.compile(r"=\s{0,3}[-$€£]{0,2}(\d[\d.,]*)")
_PARAMETER = re.compile(r"\b(top_p|temperature)\b", re.IGNORECASE)
_REFUSAL = re.compile(
    r"unsupported|not support|n't support|not (?:be )?(?:allowed|permitted|used|specified)|cannot|can't|deprecated"
    r"|unrecogni[sz]ed|unknown|unexpected|invalid|only (?:the default|one)",
    re.IGNORECASE,
)
_refused: defaultdict[tuple[str, str | None], set[str]] = defaultdict(set)
"""Decoding settings that an endpoint was found to refuse; asking again would only fail again."""


async def strategised(turns: Turns, account: Account) -> str:
    """The Coordinator's strategy: at most `HARD_CAP` of its own tokens, and without an answer.

    One that is too long or gives an answer away is written anew once, then cut; a remark says so.
    """
    hard = min(HARD_CAP, turns.team.message_cap)
    prompt = prompts.plan(turns.problem, min(SOFT_CAP, hard))
    turn = await turns.ask(turns.team.lead, "plan", prompt, sampling_temperature=0.0, max_tokens=hard)
    executors = len(turns.team.executors)
    if _faulty(turn, hard, turns.problem.question) and account.calls > executors:
        again = AGAIN_TEMPERATURE
        turn = await turns.ask(turns.team.lead, "plan", prompt, sampling_temperature=again, max_tokens=hard)
    text = turn.response.strip()
    if turn.output_tokens > hard:
        words = text.split()
        text = " ".join(words[: len(words) * hard // turn.output_tokens])
    if turn.truncated or turn.output_tokens > hard:
        turns.remarks.append(f"the strategy was cut at {hard} tokens")
    start = leak(text, turns.problem.question)
    if start is not None:
        text = text[:start].strip()
        turns.remarks.append("the strategy was cut where it began to give an answer")
    return text


def _faulty(turn: Turn, hard: int, question: str) -> bool:
    return turn.truncated or turn.output_tokens > hard or leak(turn.response, question) is not None


def leak(strategy: str, question: str) -> int | None:
    """Where a strategy begins to give an answer away; None if nowhere.

    It does where it announces an answer, or writes the result of a computation: a number after an equals sign that the
    question does not hold.
    """
    given = set(re.findall(r"\d+", question))
    found = [match.start() for match in _LEAK.finditer(strategy)]
    found += [m.start() for m in _RESULT.finditer(strategy) if not set(re.findall(r"\d+", m[1])) <= given]
    return min(found, default=None)


async def answered(
    turns: Turns,
    executor: Executor,
    point: Sequence[float],
    *,
    plan: str = "",
    round: int = 0,
    max_tokens: int | None = None,
    peers: tuple[Turn, Sequence[str]] | None = None,
) -> Turn:
    """An executor's private answer at e = [T, p].

    A setting that the endpoint refuses is left out from then on, and a remark says so.

    Args:
        turns: the episode.
        executor: who is asked.
        point: e, rounded to two decimals, which is what endpoints tell apart.
        plan: the strategy; none when empty.
        round: 0 for stage 1.
        max_tokens: most tokens of the answer; the agent's own limit when None.
        peers: full information only: its own last turn, and what the others wrote.
    """
    default = turns.team.controls_of(executor)[0]
    control = default.model_copy(update=_settings(point))
    few_shot = control.strategy == "few_shot"
    line = turns.team.strategy_text(control.strategy)
    prompt = prompts.answer(turns.problem, line, plan=plan or None, few_shot=few_shot)
    if peers and peers[0].response.strip() and any(text.strip() for text in peers[1]):
        prompt = prompts.revise(turns.problem, peers[0].prompt, peers[0].response, [t for t in peers[1] if t.strip()])
    while True:
        taken = _taken(turns, executor, control)
        try:
            return await turns.ask(
                executor,
                "revise" if peers else "answer",
                prompt,
                control=taken,
                round=round,
                max_tokens=max_tokens,
            )
        except ModelCallError as error:
            _note_refusal(executor, str(error))


def _settings(point: Sequence[float]) -> dict[str, float]:
    """e as it is asked for."""
    return {"sampling_temperature": round(float(point[0]), 2), "top_p": round(float(point[1]), 2)}


def _endpoint(agent: Agent) -> tuple[str, str | None]:
    return agent.model, agent.base_url


def _taken(turns: Turns, executor: Executor, control: Control) -> Control | None:
    """The control with what the endpoint takes; None for the provider's own decoding. Says what was left out."""
    refused = _refused[_endpoint(executor)]
    if not refused:
        return control
    left = "the provider's own settings" if "temperature" in refused else "the temperature alone"
    turns.remarks.append(f"{executor.name} takes no {' and no '.join(sorted(refused))}: it is decoded by {left}")
    return None if "temperature" in refused else control.model_copy(update={"top_p": 1.0})


def _note_refusal(executor: Executor, cause: str) -> None:
    """Remembers which setting an error was about.

    Raises:
        ModelCallError: the call failed for another reason, or although the setting was left out already.
    """
    refused = _refused[_endpoint(executor)]
    named = {match.lower() for match in _PARAMETER.findall(cause)} if _REFUSAL.search(cause) else set()
    # Some endpoints take either but not both: then the nucleus goes first.
    setting = next((name for name in ("top_p", "temperature") if name in named - refused), None)
    if setting is None:
        raise ModelCallError(cause)
    refused.add(setting)


async def committed(
    turns: Turns,
    answers: Sequence[Turn],
    account: Account | None,
    *,
    rule: Rule = "vote",
    worth: list[float] | None = None,
) -> Decision:
    """The commitment over all answers, in the team's order.

    Args:
        turns: the episode.
        answers: one of each executor.
        account: what may be spent; None where there is no limit.
        rule: "coordinator" weighs by a call, "vote" counts, "value" weighs votes by Q_i.
        worth: Q_i of each executor, for "value".
    """
    if rule == "value" and worth is not None:
        return by_value(answers, worth)
    if rule != "coordinator":
        return by_vote(answers)
    parts = clusters(answers)
    if len(parts) > 1:
        local = await _weighed(turns, parts, parts, account)
        parts = [[_as_turn(turns, made, part) for made, part in zip(local, parts, strict=True)]]
    (made,) = await _weighed(turns, parts, [answers], account)
    return made


def clusters(answers: Sequence[Turn]) -> list[Sequence[Turn]]:
    """Answers in as few groups of at most `MOST_MEMBERS` as possible, of nearly equal size, in order."""
    count = -(-len(answers) // MOST_MEMBERS)
    bounds = [len(answers) * i // count for i in range(count + 1)]
    return [answers[start:end] for start, end in pairwise(bounds)]


def reserve(answers: Sequence[Turn], account: Account) -> int:
    """Tokens of a commitment by calls: of all local Coordinators, and of the one above them."""
    parts = clusters(answers)
    longest = [max(part, key=lambda turn: turn.output_tokens) for part in parts]
    above = account.weighing(longest) if len(parts) > 1 else 0
    return sum(account.weighing(part) for part in parts) + above


async def _weighed(
    turns: Turns, parts: Sequence[Sequence[Turn]], voters: Sequence[Sequence[Turn]], account: Account | None
) -> list[Decision]:
    """The lead's answer after reading each part, all at the same time.

    A part that agrees needs no call. Its voters decide where fewer than two said anything, and where the calls of all
    parts together would cost more than is left.
    """
    said = [[turn for turn in part if turn.response.strip()] for part in parts]
    torn = [i for i, part in enumerate(parts) if len(said[i]) > 1 and not agreed(part)]
    limits: Sequence[int | None] | None = [None] * len(torn)
    if torn and account is not None:
        limits = account.verdict_limits([said[i] for i in torn])
    if limits is None:
        turns.remarks.append("a vote stood in for the Coordinator, whose reading would cost more than a debate")
        torn, limits = [], []
    verdicts = await turns.together(
        turns.ask(
            turns.team.lead,
            "judge",
            prompts.weigh(turns.problem, [turn.response for turn in said[i]], prompts.DECIDE),
            round=parts[i][-1].round,
            sampling_temperature=0.0,
            max_tokens=limit,
        )
        for i, limit in zip(torn, limits, strict=True)
    )
    found = [
        by_judge(part[0], cast) if agreed(part) else by_vote(cast) for part, cast in zip(parts, voters, strict=True)
    ]
    for i, verdict in zip(torn, verdicts, strict=True):
        found[i] = by_judge(verdict, voters[i])
    return found


def _as_turn(turns: Turns, made: Decision, part: Sequence[Turn]) -> Turn:
    """A cluster's commitment as an answer for the Coordinator above, as long as whoever's words they are made it."""
    words = next((turn for turn in (*part, *turns.taken) if turn.response == made.response), part[0])
    return words.model_copy(update={"response": made.response, "key": made.answer})


def by_value(answers: Sequence[Turn], worth: Sequence[float]) -> Decision:
    """The answer whose supporters' Q_i sum highest, in the words of the one of them who is worth most.

    Q_i counts as not below 0, since no reward is. Where nothing is worth anything, the plurality.
    """
    weights = [max(value, 0.0) for value in worth]
    if not any(weight for turn, weight in zip(answers, weights, strict=True) if turn.key is not None):
        return by_vote(answers)
    beliefs = vote.shares([turn.key for turn in answers], weights)
    answer = vote.winner(beliefs)
    backers = [i for i, turn in enumerate(answers) if turn.key == answer]
    best = answers[max(backers, key=weights.__getitem__)]
    return Decision(answer=answer, response=best.response, stop="done", beliefs=beliefs)
