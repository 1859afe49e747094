"""The committed weights: sizes, chat template, tokenizer, and that each model does what its card says it is good at."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest
import torch
from training.embedded.data import KINDS, Mixture
from training.embedded.measures import MEASURED, ask, marks
from training.embedded.recipes import RECIPES
from training.embedded.respond import Responder
from training.embedded.tokenizer import ASSISTANT, MAX_POSITIONS, chat_text, reply_text
from training.embedded.train import WEIGHTS

from equipoise.tasks.family import draw_split, families
from equipoise.tasks.graders import number, plan, word
from equipoise.team import prompt
from equipoise.team.prompt import Message

LARGEST_BYTES = 24 * 1024 * 1024
MEASURES = json.loads(MEASURED.read_text())


@pytest.fixture(scope="module")
def team() -> dict[str, Responder]:
    torch.set_num_threads(1)
    return {name: Responder(WEIGHTS / name) for name in RECIPES}


def test_all_weights_together_are_small_and_stored_in_fp16() -> None:
    files = [file for file in WEIGHTS.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= LARGEST_BYTES
    assert sorted(folder.name for folder in WEIGHTS.iterdir()) == sorted(RECIPES)
    for name in RECIPES:
        config = json.loads((WEIGHTS / name / "config.json").read_text())
        assert config["model_type"] == "llama"
        assert config["attention_bias"] == RECIPES[name].biases
        assert config["dtype"] == "float16"
        assert config["max_position_embeddings"] == MAX_POSITIONS


def test_models_have_between_one_and_four_million_parameters(team: dict[str, Responder]) -> None:
    assert {name: model.model.num_parameters() for name, model in team.items()} == MEASURES["parameters"]
    assert all(1e6 < model.model.num_parameters() < 4e6 for model in team.values())


def test_the_committed_chat_template_writes_what_training_wrote(team: dict[str, Responder]) -> None:
    for name, model in team.items():
        for one in itertools.islice(Mixture(RECIPES[name], random.Random(0)), 60):
            chat = [{"role": message.role, "content": message.text} for message in one.messages]
            said = {"role": "assistant", "content": one.target}
            written = model.tokenizer.apply_chat_template([*chat, said], tokenize=False)
            assert written == chat_text(one.messages) + reply_text(one.target)
            asked = model.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
            assert asked == chat_text(one.messages)
            assert asked.endswith(ASSISTANT)


@pytest.mark.parametrize(
    "text",
    ["Ann has 12 coins.", "two\nlines\tand  spaces", "naïve — “quoted” 日本語 🙂", "\\frac{1}{2} = 50%", "\x00\x7f"],
)
def test_any_text_survives_the_tokenizer(team: dict[str, Responder], text: str) -> None:
    for model in team.values():
        assert model.tokenizer.decode(model.tokenizer(text)["input_ids"]) == text


def test_a_digit_and_a_name_have_one_token_each_wherever_they_stand(team: dict[str, Responder]) -> None:
    for model in team.values():
        ids = model.tokenizer("has 7 more. 7*2 is 17, Ann and Bob; Ann")["input_ids"]
        tokens = model.tokenizer.convert_ids_to_tokens(ids)
        assert tokens.count("7") == 3
        assert tokens.count(" Ann") == 2


def test_training_prompts_are_the_shared_ones() -> None:
    graders = {number.GRADER.instruction, word.GRADER.instruction, plan.GRADER.instruction}
    assert {kind.instruction for kind in KINDS.values()} == graders
    shared = {*prompt.STRATEGIES.values(), prompt.REVISE, prompt.COMBINE, prompt.DECIDE, prompt.CHOOSE, prompt.RATE}
    shared |= {prompt.STEP, *(prompt.PLAN.format(cap=cap) for cap in (70, 50, 40, 30))}
    for one in itertools.islice(Mixture(RECIPES["sage"], random.Random(1)), 300):
        lines = one.messages[-1].text.splitlines()
        ending = lines[-2:] if lines[-1] in graders else lines[-1:]
        assert ending[0] in shared
        assert (
            ending[0] in {prompt.CHOOSE, prompt.RATE} or ending[0].startswith("Write a short") or ending[-1] in graders
        )


def test_the_same_seed_gives_the_same_mixture() -> None:
    first, second = (list(itertools.islice(Mixture(RECIPES["mason"], random.Random("2")), 40)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_each_model_is_about_as_good_as_its_card_says(team: dict[str, Responder], name: str) -> None:
    cells = {family: found["accuracy"][name] for family, found in MEASURES["families"].items()}
    family = max(cells, key=lambda f: max(cells[f].values()) * (f != "drills"))
    strategy = max(cells[family], key=cells[family].__getitem__)
    puzzles = draw_split(families()[family], "test", MEASURES["seed"], 24)
    share = sum(marks(puzzles, team[name].respond([ask(puzzle, strategy) for puzzle in puzzles]))) / 24
    assert share > cells[family][strategy] - 0.3


def test_a_model_reads_a_long_conversation(team: dict[str, Responder]) -> None:
    chat = (Message("system", "You are a careful checker."), *(Message("user", "What is 12 * 3?") for _ in range(3)))
    for model in team.values():
        assert model.respond([chat]) == model.respond([chat])


def test_weights_are_inside_the_package() -> None:
    assert Path(WEIGHTS).parts[-4:] == ("src", "equipoise", "models", "weights")
