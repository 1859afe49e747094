"""Trains embedded models from scratch on the CPU and exports them as fp16 safetensors.

    python -m training.embedded.train --model abacus --runs runs/embedded

One thread, bfloat16 products on fp32 weights, Muon for matrices and AdamW for the rest, a constant learning rate
that falls linearly to zero in the last part. Stops at the recipe's number of steps; with `--until`, the fall is
brought forward so that it ends by then. A run that was stopped goes on from its last checkpoint, and so does a
finished one whose recipe is given more steps.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from training.embedded.batches import Batch, stream
from training.embedded.muon import Muon
from training.embedded.recipes import RECIPES, Recipe
from training.embedded.tokenizer import MAX_POSITIONS, train_tokenizer

WEIGHTS = Path(__file__).parents[2] / "src" / "equipoise" / "models" / "weights"

MUON_RATE, ADAM_RATE = 0.02, 0.004
WARMUP = 50
"""Steps of linear growth of the learning rate."""

FALL = 0.48
"""Last part of training in which the learning rate falls."""

CHECKPOINT_S = 120.0
EXPORT_S = 480.0


def build(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """The untrained model in fp32; weights depend on the recipe's seed."""
    torch.manual_seed(recipe.seed)
    sizes: dict[str, Any] = {
        "vocab_size": (len(tokenizer) + 7) // 8 * 8,
        "hidden_size": recipe.hidden,
        "intermediate_size": recipe.feed_forward,
        "num_hidden_layers": recipe.layers,
        "num_attention_heads": recipe.heads,
        "num_key_value_heads": recipe.heads,
        "attention_bias": recipe.biases,
        "max_position_embeddings": MAX_POSITIONS,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model = LlamaForCausalLM(LlamaConfig(**sizes))
    for name, parameter in model.named_parameters():
        if name.endswith("o_proj.bias"):
            parameter.requires_grad_(False)  # Stays zero: only queries, keys and values have biases, as in Qwen2.
    return model


def loss(model: PreTrainedModel, batch: Batch) -> Tensor:
    """Mean cross-entropy of the response tokens, in nats; logits are computed at those places only."""
    hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state  # [B, T, H]
    asked = batch.labels >= 0
    logits = model.lm_head(hidden[asked])  # [N, V]
    return nn.functional.cross_entropy(logits.float(), batch.labels[asked])


def optimizers(model: PreTrainedModel) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings, norms and biases."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    inside = [p for name, p in trained if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in trained if p.ndim != 2 or "embed" in name]
    return [
        Muon(inside, lr=MUON_RATE, momentum=0.95, weight_decay=0.05),
        torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate_share(step: int, progress: float) -> float:
    """The learning rate as a share of its peak: growth, constant, linear fall over the last `FALL` of progress."""
    return min(1.0, (step + 1) / WARMUP, max(0.0, (1.0 - progress) / FALL))


def export(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes the model in fp16 and its tokenizer; each file appears whole or not at all."""
    fresh = folder.with_name(f".{folder.name}-{os.getpid()}")
    copy.deepcopy(model).half().save_pretrained(fresh)
    tokenizer.save_pretrained(fresh)
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(fresh.iterdir()):
        file.chmod(0o644)  # Weights are written readable by their owner only.
        file.replace(folder / file.name)
    fresh.rmdir()


class Run:
    """One training run: what has to survive a stop, and the loop."""

    def __init__(self, name: str, runs: Path, weights: Path) -> None:
        self.recipe = RECIPES[name]
        self.checkpoint = runs / f"{name}.pt"
        self.folder = weights / name
        self.tokenizer = train_tokenizer(self.recipe)
        self.model = build(self.recipe, self.tokenizer)
        # For short sequences on a CPU, the backward pass of fused attention in bfloat16 takes longer than all else.
        self.model.set_attn_implementation("eager")
        self.optimizers = optimizers(self.model)
        self.step, self.chunk, self.done = 0, 0, 0
        self.cpu_s, self.progress = 0.0, 0.0
        runs.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._load()

    def _load(self) -> None:
        saved = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(saved["model"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step, self.chunk, self.done = saved["place"]
        self.cpu_s, self.progress = saved["cpu_s"], self.step / self.recipe.steps

    def save(self, cpu_s: float) -> None:
        """Writes the checkpoint; `cpu_s` is the processor time so far."""
        fresh = self.checkpoint.with_suffix(".new")
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "place": [self.step, self.chunk, self.done],
            "cpu_s": cpu_s,
        }
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)

    def update(self, batches: list[Batch]) -> float:
        """One optimizer step; returns the mean loss in nats."""
        share = rate_share(self.step, self.progress)
        mean = 0.0
        for batch in batches:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                value = loss(self.model, batch) / len(batches)
            value.backward()
            mean += value.item()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, peak in zip(self.optimizers, (MUON_RATE, ADAM_RATE), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * share
            optimizer.step()
            optimizer.zero_grad()
        return mean

    def train(self, until: float | None) -> None:
        """Trains to the recipe's number of steps, or until a time in seconds since the epoch."""
        started, first_progress = time.process_time(), self.progress
        first = saved = exported = time.time()
        mean: float | None = None
        self.model.train()
        for chunk, done, batches in stream(self.recipe, self.tokenizer, self.chunk, self.done):
            if self.progress >= 1:
                break
            self.chunk, self.done = chunk, done
            value = self.update(batches)
            mean = value if mean is None else mean + 0.02 * (value - mean)
            self.step += 1
            now = time.time()
            elapsed = (now - first) / (until - first) if until else 0.0
            self.progress = max(self.step / self.recipe.steps, first_progress + (1 - first_progress) * elapsed)
            cpu_s = self.cpu_s + time.process_time() - started
            if self.step % 50 == 0:
                print(
                    f"step {self.step} progress {self.progress:.3f} loss {mean:.4f} cpu {cpu_s / 60:.1f} min",
                    flush=True,
                )
            if now - saved > CHECKPOINT_S:
                self.save(cpu_s)
                saved = now
            if now - exported > EXPORT_S:
                export(self.model, self.tokenizer, self.folder)
                exported = now
        self.save(self.cpu_s + time.process_time() - started)
        export(self.model, self.tokenizer, self.folder)


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description="Train embedded models.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", choices=list(RECIPES), help="the model to train")
    which.add_argument("--all", action="store_true", help="train every model, one after another")
    parser.add_argument("--runs", type=Path, default=Path("runs/embedded"), help="folder of checkpoints")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder that receives the model")
    parser.add_argument("--until", type=datetime.fromisoformat, help="local time by which to end")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in RECIPES if arguments.all else (arguments.model,):
        Run(name, arguments.runs, arguments.weights).train(arguments.until.timestamp() if arguments.until else None)


if __name__ == "__main__":
    main()
