"""The embedded provider against `transformers` itself: same tokens, exact counts, rows that do not see each other."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model import ChatMessageUser, GenerateConfig, Model, ModelOutput, get_model

from equipoise.errors import InputError, MissingExtra, UnknownName
from equipoise.models import embedded

PROMPTS = [
    "What is 2 + 3?",
    "Four hens lay 12 eggs each. How many eggs are there in all?",
    "x",
    "Combien coûtent trois baguettes à 1,20 € ? 三つで",
    "Sort: pear, fig, apple. " * 4,
]


@pytest.fixture
def model(tiny_model: Path) -> Model:
    return get_model("embedded/tiny", path=str(tiny_model))


def settings(**changes: Any) -> GenerateConfig:
    return GenerateConfig(**({"temperature": 1.0, "max_tokens": 12, "seed": 5, "max_connections": 100} | changes))


async def ask(model: Model, calls: list[tuple[str, GenerateConfig]]) -> list[ModelOutput]:
    return list(await asyncio.gather(*(model.generate(prompt, config=config) for prompt, config in calls)))


def reference(path: Path, prompt: str, **options: Any) -> list[int]:
    """What transformers' own generate writes after a prompt, end mark included."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = AutoModelForCausalLM.from_pretrained(path).generate(**inputs, do_sample=False, **options)
    return output[0, inputs["input_ids"].shape[1] :].tolist()


async def test_greedy_is_that_of_transformers(model: Model, tiny_model: Path) -> None:
    limits = [3, 40, 17, 29, 60]
    calls = [(p, settings(temperature=0.0, max_tokens=n)) for p, n in zip(PROMPTS, limits, strict=True)]
    for (prompt, _), limit, output in zip(calls, limits, await ask(model, calls), strict=True):
        expected = reference(tiny_model, prompt, max_new_tokens=limit)
        tokenizer = model.api.engine.tokenizer  # pyright: ignore[reportAttributeAccessIssue]
        assert output.completion == tokenizer.decode(expected, skip_special_tokens=True)
        assert output.usage and output.usage.output_tokens == len(expected)
        assert output.stop_reason == ("stop" if expected[-1] == tokenizer.eos_token_id else "max_tokens")


async def test_repetition_penalty_is_that_of_transformers(model: Model, tiny_model: Path) -> None:
    penalties = [1.0, 1.3, 1.9]
    calls = [
        (PROMPTS[1], settings(temperature=0.0, max_tokens=30, extra_body={"repetition_penalty": p})) for p in penalties
    ]
    texts = [output.completion for output in await ask(model, calls)]
    decode = model.api.engine.tokenizer.decode  # pyright: ignore[reportAttributeAccessIssue]
    expected = [reference(tiny_model, PROMPTS[1], max_new_tokens=30, repetition_penalty=p) for p in penalties]
    assert texts == [decode(tokens, skip_special_tokens=True) for tokens in expected]
    assert len(set(texts)) == 3


async def test_a_seed_means_the_same_in_every_company(model: Model) -> None:
    alone = [(await ask(model, [(p, settings(seed=i))]))[0].completion for i, p in enumerate(PROMPTS)]
    company = [(p, settings(seed=100 + i, max_tokens=5 + i % 23, temperature=0.5)) for i, p in enumerate(PROMPTS * 6)]
    mixed = await ask(model, [*((p, settings(seed=i)) for i, p in enumerate(PROMPTS)), *company])
    assert [output.completion for output in mixed[: len(PROMPTS)]] == alone


async def test_different_seeds_say_different_things(model: Model) -> None:
    outputs = await ask(model, [(PROMPTS[0], settings(seed=i)) for i in range(20)])
    assert len({output.completion for output in outputs}) > 15


async def test_unseeded_calls_differ(model: Model) -> None:
    outputs = await ask(model, [(PROMPTS[0], settings(seed=None)) for _ in range(5)])
    assert len({output.completion for output in outputs}) > 1


async def test_a_narrow_nucleus_is_greedy(model: Model) -> None:
    (narrow, greedy) = await ask(model, [(PROMPTS[1], settings(top_p=1e-6)), (PROMPTS[1], settings(temperature=0.0))])
    assert narrow.completion == greedy.completion


async def test_a_hundred_calls_each_keep_their_own_limit(model: Model) -> None:
    limits = [1 + (7 * i) % 37 for i in range(100)]
    calls = [(f"{PROMPTS[i % 5]} {i}", settings(max_tokens=n, seed=i)) for i, n in enumerate(limits)]
    for limit, output in zip(limits, await ask(model, calls), strict=True):
        assert output.usage is not None
        assert 1 <= output.usage.output_tokens <= limit
        assert (output.stop_reason == "max_tokens") == (output.usage.output_tokens == limit) or (
            output.stop_reason == "stop"
        )
        # One token is one byte here, so a text without broken characters shows its length.
        if output.stop_reason == "stop" and "\ufffd" not in output.completion:
            assert len(output.completion.encode()) <= output.usage.output_tokens


async def test_input_tokens_are_those_of_the_chat(model: Model) -> None:
    outputs = await ask(model, [(prompt, settings()) for prompt in [*PROMPTS, ""]])
    for prompt, output in zip([*PROMPTS, ""], outputs, strict=True):
        said = f"user: {prompt}\n".encode()
        assert output.usage is not None
        assert output.usage.input_tokens == len(said) + len(b"assistant: ") + 2


async def test_a_prompt_that_fills_the_context(model: Model) -> None:
    (over, close) = await ask(model, [("y" * 300, settings()), ("y" * 230, settings(temperature=0.0, max_tokens=99))])
    assert (over.completion, over.stop_reason) == ("", "model_length")
    assert close.usage is not None
    assert close.stop_reason == "stop" or close.usage.total_tokens == 256


async def test_an_error_reaches_the_caller_and_the_worker_lives(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = model.api.engine  # pyright: ignore[reportAttributeAccessIssue]
    before = (await ask(model, [(PROMPTS[0], settings())]))[0].completion
    forward, calls = engine.model.forward, [0]

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            raise RuntimeError("out of luck")
        return forward(*args, **kwargs)

    monkeypatch.setattr(engine.model, "forward", failing)
    with pytest.raises(RuntimeError, match="out of luck"):
        await ask(model, [(PROMPTS[0], settings())])
    assert (await ask(model, [(PROMPTS[0], settings())]))[0].completion == before


async def test_a_cancelled_call_harms_nobody(model: Model) -> None:
    task = asyncio.create_task(model.generate(PROMPTS[1], config=settings(max_tokens=150)))
    await asyncio.sleep(0.01)
    task.cancel()
    (output,) = await ask(model, [(PROMPTS[0], settings())])
    assert output.usage is not None


async def test_earlier_turns_are_read(model: Model) -> None:
    greedy = settings(temperature=0.0, max_tokens=20)
    one = await model.generate([ChatMessageUser(content="b")], config=greedy)
    two = await model.generate([ChatMessageUser(content="a"), ChatMessageUser(content="b")], config=greedy)
    assert one.usage and two.usage and two.usage.input_tokens > one.usage.input_tokens


async def test_tools_are_refused(model: Model) -> None:
    from inspect_ai.tool import ToolInfo

    with pytest.raises(InputError, match="cannot call tools"):
        await model.api.generate([], [ToolInfo(name="t", description="")], "auto", settings())


def test_names_and_folders(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no embedded model 'nosuch'"):
        get_model("embedded/nosuch")
    with pytest.raises(UnknownName, match=r"'pth'.*Did you mean 'path'"):
        get_model("embedded/tiny", path=str(tiny_model), pth="x")
    with pytest.raises(InputError, match=r"no model in .* Name a folder"):
        get_model("embedded/tiny", path=str(tmp_path))
    assert embedded.list_embedded() == sorted(embedded.list_embedded())


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    import equipoise.models as package

    monkeypatch.setitem(sys.modules, "equipoise.models.generation", None)
    monkeypatch.delattr(package, "generation", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'equipoise\[local\]'"):
        get_model("embedded/tiny", path=str(tiny_model), memoize=False)
