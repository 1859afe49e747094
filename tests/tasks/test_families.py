"""Every family against the contract, and its gold answers against solvers that read the question alone."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter, deque

import pytest

from equipoise.tasks.families import blocks, syllogisms
from equipoise.tasks.family import WORKED_STRATEGIES, Family, Puzzle, draw_split, families, is_test
from equipoise.tasks.graders import number, plan, word
from equipoise.team.problem import Problem

FAMILIES = families()
GRADERS = {"number": number.GRADER, "word": word.GRADER, "plan": plan.GRADER}
N = 120

each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))


def _problem(puzzle: Puzzle) -> Problem:
    return Problem(id="1", question=puzzle.question, kind=GRADERS[puzzle.kind], context=puzzle.context)


def _right(puzzle: Puzzle, response: str) -> bool:
    problem = _problem(puzzle)
    key = problem.read(response)
    return key is not None and GRADERS[puzzle.kind].grade(key, puzzle.answer, problem)


def test_the_folder_is_the_list_of_families() -> None:
    assert list(FAMILIES) == ["arithmetic", "blocks", "drills", "ordering", "syllogisms", "tracking"]
    assert all(family.name == name for name, family in FAMILIES.items())


@each_family
def test_the_same_arguments_give_the_same_puzzles_and_another_seed_others(family: Family) -> None:
    first = draw_split(family, "test", 3, 20)
    assert first == draw_split(family, "test", 3, 20)
    assert first != draw_split(family, "test", 4, 20)
    assert first[:7] == draw_split(family, "test", 3, 7)


@each_family
def test_splits_share_no_canonical_form_and_test_questions_differ(family: Family) -> None:
    test, train = draw_split(family, "test", 0, N), draw_split(family, "train", 0, N)
    assert not {puzzle.canonical for puzzle in test} & {puzzle.canonical for puzzle in train}
    assert len({puzzle.question for puzzle in test}) == N
    assert all(map(is_test, test))
    assert not any(map(is_test, train))


@each_family
def test_about_one_puzzle_in_eight_is_a_test_puzzle(family: Family) -> None:
    rng = random.Random(5)
    share = sum(is_test(family.draw(rng)) for _ in range(2000)) / 2000
    assert 0.08 < share < 0.18


@each_family
def test_worked_responses_end_in_their_answer_and_graders_agree(family: Family) -> None:
    for puzzle in draw_split(family, "train", 1, N):
        assert set(puzzle.right.worked) == set(WORKED_STRATEGIES)
        assert len(puzzle.wrong) >= 2
        for response in puzzle.right.worked.values():
            assert response.endswith(f"Answer: {puzzle.answer}")
            assert _right(puzzle, response), response
        for wrong in puzzle.wrong:
            for response in wrong.worked.values():
                assert response.endswith(f"Answer: {wrong.answer}")
                assert not _right(puzzle, response), response


@each_family
def test_the_plan_line_never_gives_the_answer_away(family: Family) -> None:
    for puzzle in draw_split(family, "train", 2, N):
        words = re.findall(r"\w+", puzzle.plan.lower())
        assert words
        if puzzle.kind == "plan":
            assert "(" not in puzzle.plan
            assert len(words) <= 5
        else:
            assert puzzle.answer.lower() not in words
        if puzzle.kind == "number":
            assert not re.search(r"\d", puzzle.plan)


@each_family
def test_verify_repairs_some_first_attempts(family: Family) -> None:
    repaired = sum(" no" in puzzle.right.worked["verify"] for puzzle in draw_split(family, "train", 3, N))
    assert N * 0.1 < repaired < N * 0.9 or family.name == "syllogisms"


def test_a_family_without_enough_puzzles_says_so() -> None:
    class Single:
        name = "single"

        def draw(self, rng: random.Random) -> Puzzle:
            return FAMILIES["drills"].draw(random.Random(0))

    with pytest.raises(ValueError, match="has only"):
        draw_split(Single(), "test" if is_test(Single().draw(random.Random())) else "train", 0, 2)


def _arithmetic(question: str) -> str:
    total: int | None = None
    for sentence in re.split(r"(?<=[.?]) ", question):
        numbers = [int(n) for n in re.findall(r"\d+", sentence)]
        if total is None:
            total = numbers[0] if len(numbers) == 1 else numbers[0] * numbers[1]
        elif "more" in sentence:
            total += numbers[0]
        elif "times as many" in sentence:
            total *= numbers[0]
        elif "equal piles" in sentence:
            total, rest = divmod(total, numbers[0])
            assert rest == 0
        elif numbers:
            total -= numbers[0]
    return str(total)


def _drills(question: str) -> str:
    a, sign, b = re.findall(r"\d+|[-+*]", question)
    return str({"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign])


def _ordering(question: str) -> str:
    told = re.findall(r"(\w+) is (\w+) than (\w+)\.", question)
    up = {"taller", "older", "faster", "richer"}
    facts = [(a, b) if how in up else (b, a) for a, how, b in told]
    people = sorted({name for fact in facts for name in fact})
    orders = [p for p in itertools.permutations(people) if all(p.index(a) < p.index(b) for a, b in facts)]
    assert len(orders) == 1
    rank = next(
        (i for i, said in enumerate(("second", "third", "fourth", "fifth"), 1) if f"the {said} " in question), 0
    )
    return orders[0][rank]


def _syllogisms(question: str) -> str:
    """Unit propagation on what each of the two possible answers would imply."""
    rules = re.findall(r"(Every|No) (\w+) is a (\w+)\.", question)
    known, asked = re.findall(r"\b\w+ is a (\w+)\. Is \w+ a (\w+):", question)[0]

    def possible(value: bool) -> bool:
        truth = {known: True}
        pending = deque([(asked, value)])
        while pending:
            noun, is_one = pending.popleft()
            if truth.setdefault(noun, is_one) != is_one:
                return False
            for form, a, b in rules:
                for x, said in list(truth.items()):
                    forced = []
                    if x == a and said:
                        forced.append((b, form == "Every"))
                    if x == b and said != (form == "Every"):
                        forced.append((a, False))
                    pending.extend(f for f in forced if truth.get(f[0]) != f[1])
        return True

    return {(True, False): "yes", (False, True): "no", (True, True): "unknown"}[possible(True), possible(False)]


def _tracking(question: str) -> str:
    holds = dict(re.findall(r"(\w+) has the (\w+)[,.]", question))
    for a, b in re.findall(r"(\w+) and (\w+) swap", question):
        holds[a], holds[b] = holds[b], holds[a]
    asked = re.findall(r"Who has the (\w+)\?", question)[0]
    return next(name for name, item in holds.items() if item == asked)


@pytest.mark.parametrize(
    ("name", "solver"),
    [
        ("arithmetic", _arithmetic),
        ("drills", _drills),
        ("ordering", _ordering),
        ("syllogisms", _syllogisms),
        ("tracking", _tracking),
    ],
)
def test_gold_answers_follow_from_the_question(name: str, solver) -> None:
    for puzzle in draw_split(FAMILIES[name], "train", 4, N) + draw_split(FAMILIES[name], "test", 4, N):
        assert puzzle.answer == solver(puzzle.question), puzzle.question


Towers = frozenset[str]


def _neighbours(state: Towers) -> list[Towers]:
    found = []
    for source in state:
        rest, block = source[:-1], source[-1]
        others = state - {source} | ({rest} if rest else frozenset())
        if rest:
            found.append(others | {block})
        found += [others - {target} | {target + block} for target in others if target != rest]
    return found


def _fewest_moves(question: str) -> int:
    """Breadth-first search over towers written from the bottom."""
    start_text, goal_text = re.findall(r"bottom: (.*)\. Goal: (.*)\. Which", question)[0]
    start = frozenset(stack.replace(" ", "") for stack in start_text.split("; "))
    goals = [stack.replace(" ", "") for stack in goal_text.split("; ")]
    queue, depth = deque([start]), {start: 0}
    while queue:
        state = queue.popleft()
        if all(any(goal in tower for tower in state) for goal in goals):
            return depth[state]
        for after in _neighbours(state):
            if after not in depth:
                depth[after] = depth[state] + 1
                queue.append(after)
    raise AssertionError("no plan")


def test_gold_plans_of_blocks_are_nearly_as_short_as_can_be() -> None:
    excess = []
    for puzzle in draw_split(FAMILIES["blocks"], "train", 5, N):
        moves = puzzle.answer.count("(") / 2
        excess.append(moves - _fewest_moves(puzzle.question))
    assert min(excess) >= 0
    assert sum(excess) / N < 0.5


def test_every_arrangement_of_four_blocks_has_a_gold_plan() -> None:
    stacks = {frozenset("".join(p).split("|")) for p in itertools.permutations("abcd|||") if "".join(p).strip("|")}
    states = sorted({tuple(sorted(stack for stack in state if stack)) for state in stacks})
    assert len(states) == 73
    for start, goal in itertools.product(states, repeat=2):
        wanted = tuple(stack for stack in goal if len(stack) > 1)
        assert blocks.reaches(start, wanted, blocks.moves_to(start, wanted)), (start, wanted)


def test_the_answer_of_a_syllogism_does_not_depend_on_the_mix_of_rules() -> None:
    counts = Counter(
        (puzzle.question.count("Every"), puzzle.answer)
        for puzzle in draw_split(FAMILIES["syllogisms"], "train", 6, 900)
    )
    for every in (2, 3):
        total = sum(n for (rules, _), n in counts.items() if rules == every)
        assert all(abs(counts[every, answer] / total - 1 / 3) < 0.07 for answer in syllogisms.ANSWERS)
