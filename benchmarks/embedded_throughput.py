"""Tokens per second of the embedded provider through Inspect, as a ratio of bare `generate` on the same prompts.

    python benchmarks/embedded_throughput.py [MODEL] [--path FOLDER] [--calls 192] [--max-tokens 160]

Both sides read the same chats with greedy decoding, 64 at a time, on one intra-op thread; both are counted by real
output tokens (up to and with the end mark), so padding counts for neither. The goal is a ratio of at least 0.6.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import time
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import torch
from inspect_ai.model import GenerateConfig, get_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from equipoise.models import embedded

BATCH = 64


def prompts(count: int) -> list[str]:
    """Short questions of unequal lengths, the same in every run."""
    rng = Random(20)
    asked = []
    for _ in range(count):
        steps = [f"She then gets {rng.randint(2, 90)} more." for _ in range(rng.randint(1, 6))]
        asked.append(
            f"Mia has {rng.randint(2, 90)} marbles. {' '.join(steps)} How many marbles does she have?\n"
            'Think step by step.\nEnd with "Answer: <number>".'
        )
    return asked


def bare(folder: Path, asked: list[str], limit: int) -> tuple[int, float]:
    """Real output tokens and seconds of transformers' own generate."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.padding_side = "left"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    chats = [
        tokenizer.apply_chat_template([{"role": "user", "content": p}], add_generation_prompt=True, tokenize=False)
        for p in asked
    ]
    tokens = 0
    started = time.perf_counter()
    for first in range(0, len(chats), BATCH):
        inputs = tokenizer(chats[first : first + BATCH], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            output = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                max_new_tokens=limit,
                do_sample=False,
            )
        for row in output[:, inputs["input_ids"].shape[1] :].tolist():
            tokens += row.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in row else len(row)
    return tokens, time.perf_counter() - started


async def provided(name: str, folder: Path, asked: list[str], limit: int) -> tuple[int, float]:
    """Output tokens and seconds of the provider through Inspect's `Model.generate`, 64 calls at a time."""
    model = get_model(f"embedded/{name}", path=str(folder))
    config = GenerateConfig(temperature=0.0, max_tokens=limit, max_connections=BATCH)
    await model.generate(asked[0], config=config)
    started = time.perf_counter()
    outputs = await asyncio.gather(*(model.generate(prompt, config=config) for prompt in asked))
    return sum(output.usage.output_tokens for output in outputs if output.usage), time.perf_counter() - started


def main() -> None:
    """Prints both speeds and their ratio, with the machine and the date."""
    names = embedded.list_embedded()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default=names[0] if names else "model")
    parser.add_argument("--path", type=Path)
    parser.add_argument("--calls", type=int, default=192)
    parser.add_argument("--max-tokens", type=int, default=160)
    given = parser.parse_args()
    torch.set_num_threads(1)
    folder = given.path or embedded.WEIGHTS / given.model
    asked = prompts(given.calls)
    bare(folder, asked[:8], 8)
    print(
        f"{date.today()}  {platform.machine()}, torch {torch.__version__}, embedded/{given.model}, {given.calls} calls"
    )
    speeds = []
    for label, (tokens, seconds) in {
        "bare generate": bare(folder, asked, given.max_tokens),
        "the provider": asyncio.run(provided(given.model, folder, asked, given.max_tokens)),
    }.items():
        speeds.append(tokens / seconds)
        print(f"{label:14} {tokens:7d} tokens {seconds:7.2f} s {speeds[-1]:8.0f} tokens/s")
    print(f"ratio {speeds[1] / speeds[0]:.2f} (goal: at least 0.6)")


if __name__ == "__main__":
    main()
