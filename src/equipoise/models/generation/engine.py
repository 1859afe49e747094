"""Continuous batching of a small causal language model on the CPU: rows enter and leave a running batch at any step.

It knows nothing of Inspect. One thread serves one model, with one intra-op thread. Three models side by side so were
as fast as one after another with two threads each (two busy cores), and none of them waits for another's answers.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Lock, Thread
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.cache_utils import Cache, DynamicCache
from transformers.utils.logging import disable_progress_bar

from equipoise.errors import InputError
from equipoise.models.adapters import WEIGHTS
from equipoise.models.generation.decoding import Chooser, Row, Sampling
from equipoise.models.generation.key_value_cache import gather

MAX_BATCH = 64
"""Most rows decoded together."""

_ADMIT_SHARE = 0.25
"""New rows enter when they are at least this share of the running ones: each entry copies the running batch once."""

_KEEP_SHARE = 0.75
"""Rows that ended are dropped when at most this share of the batch still runs."""

_PAD_SHARE = 1.25
"""Prompts are read together while none is longer than this times the shortest, plus a few tokens."""

StopReason = Literal["stop", "max_tokens", "model_length"]


@dataclass(frozen=True)
class Generated:
    """What came out of one row.

    Attributes:
        tokens: ids, without the end mark.
        output_tokens: tokens drawn, the end mark included, padding never.
        stop: "stop" at the end mark, "max_tokens" at the row's limit, "model_length" at the model's.
    """

    tokens: tuple[int, ...]
    output_tokens: int
    stop: StopReason


@dataclass(eq=False)
class _Job:
    row: Row
    limit: int
    result: Future[Generated]


class Engine:
    """A model, its tokenizer, and the thread that generates with it. Share one per model: see `engine`.

    Args:
        model: a causal language model on the CPU, in evaluation mode.
        tokenizer: its tokenizer; used by callers only.
        max_batch: most rows at a time.
    """

    def __init__(self, model: Any, tokenizer: Any, *, max_batch: int = MAX_BATCH) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.max_batch = max_batch
        self.context: int = model.config.max_position_embeddings
        end = model.generation_config.eos_token_id
        self._ends = frozenset([end] if isinstance(end, int) else end or [])
        self._waiting: Queue[_Job | None] = Queue()
        self._closing = Event()
        self._thread: Thread | None = None
        self._lock = Lock()

    def submit(self, prompt: Sequence[int], sampling: Sampling) -> Future[Generated]:
        """The future output of a prompt of at least one token id; an error while generating is the future's."""
        result: Future[Generated] = Future()
        room = self.context - len(prompt)
        if room < 1:
            result.set_result(Generated((), 0, "model_length"))
            return result
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._work, name="equipoise-embedded", daemon=True)
                self._thread.start()
                # A thread inside torch must not be torn down with the interpreter.
                atexit.register(self.close)
        self._waiting.put(_Job(Row(tuple(prompt), sampling), min(sampling.max_tokens, room), result))
        return result

    def close(self) -> None:
        """Stops the thread after its current step; what is unfinished is cancelled."""
        self._closing.set()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _work(self) -> None:
        torch.set_num_threads(1)
        batch = _Batch(self.model, self._ends)
        while not self._closing.is_set():
            entering = self._entering(len(batch.jobs))
            try:
                with torch.inference_mode():
                    for jobs in _alike(entering):
                        batch.enter(jobs)
                    batch.step()
            except Exception as error:  # whatever torch raises belongs to those who wait for it
                for job in {*batch.jobs, *entering}:
                    if not job.result.done():
                        job.result.set_exception(error)
                batch = _Batch(self.model, self._ends)
        for job in batch.jobs:
            job.result.set_exception(RuntimeError("the embedded model was closed"))
        while not self._waiting.empty():
            if job := self._waiting.get():
                job.result.cancel()

    def _entering(self, running: int) -> list[_Job]:
        """Jobs that join the batch now; waits for one when nothing runs."""
        room = self.max_batch - running
        if running and min(room, self._waiting.qsize()) < max(1, running * _ADMIT_SHARE):
            return []
        jobs: list[_Job] = []
        while len(jobs) < room:
            try:
                job = self._waiting.get(block=not running and not jobs)
            except Empty:
                break
            if job is None:
                break
            if job.result.set_running_or_notify_cancel():
                jobs.append(job)
        return jobs


def _alike(jobs: list[_Job]) -> list[list[_Job]]:
    """Jobs in groups of similar prompt length, so that little padding is computed."""
    groups: list[list[_Job]] = []
    for job in sorted(jobs, key=lambda job: len(job.row.prompt)):
        if groups and len(job.row.prompt) <= _PAD_SHARE * len(groups[-1][0].row.prompt) + 4:
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


class _Batch:
    """The running rows, their cache and their next input tokens. Rows that ended stay until it pays to drop them."""

    def __init__(self, model: Any, ends: frozenset[int]) -> None:
        self._model = model
        self._ends = ends
        self._slots: list[_Job] = []
        self._next: list[int] = []
        self._cache: Cache | None = None
        self._chooser: Chooser | None = None

    @property
    def jobs(self) -> list[_Job]:
        """Jobs that are not done."""
        return [job for job in self._slots if not job.result.done()]

    def enter(self, jobs: list[_Job]) -> None:
        """Reads new prompts, each different one once, and draws the first token of each row."""
        numbers = {prompt: i for i, prompt in enumerate(dict.fromkeys(job.row.prompt for job in jobs))}
        width = max(map(len, numbers))
        ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in numbers])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in numbers])
        cache = DynamicCache(config=self._model.config)
        logits = self._logits(ids, mask, (mask.cumsum(-1) - 1).clamp(min=0), cache)
        sources = [numbers[job.row.prompt] for job in jobs]
        tokens = Chooser([job.row for job in jobs], self._model.config.vocab_size).choose(logits[torch.tensor(sources)])
        for job, token in zip(jobs, tokens, strict=True):
            self._accept(job, token)
        alive = [i for i, job in enumerate(jobs) if not job.result.done()]
        self._rebuild([jobs[i] for i in alive], [tokens[i] for i in alive], cache, [sources[i] for i in alive])

    def step(self) -> None:
        """Draws the next token of every row."""
        if len(self.jobs) <= _KEEP_SHARE * len(self._slots):
            self._rebuild([], [], None, [])
        if not self._slots or self._cache is None or self._chooser is None:
            return
        lengths = torch.tensor([job.row.length for job in self._slots])[:, None]
        columns = self._cache.get_seq_length() + 1
        filled = torch.arange(columns) >= columns - lengths
        logits = self._logits(torch.tensor(self._next)[:, None], filled[:, None, None], lengths - 1, self._cache)
        self._next = self._chooser.choose(logits)
        for job, token in zip(self._slots, self._next, strict=True):
            if not job.result.done():
                self._accept(job, token)

    def _logits(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Cache) -> Tensor:
        """Logits after each row's last token, `[R, V]`; the cache grows by the columns of `ids`."""
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1].float()

    def _accept(self, job: _Job, token: int) -> None:
        """Adds a token to a row, and ends the row at an end mark or at its limit."""
        row = job.row
        row.output_tokens += 1
        stop: StopReason | None = None
        if token in self._ends:
            stop = "stop"
        else:
            row.written.append(token)
            if row.output_tokens == job.limit:
                stop = "max_tokens" if job.limit == row.sampling.max_tokens else "model_length"
        if stop:
            job.result.set_result(Generated(tuple(row.written), row.output_tokens, stop))

    def _rebuild(self, jobs: Sequence[_Job], tokens: Sequence[int], cache: Cache | None, sources: list[int]) -> None:
        """Drops the rows that ended, and appends new ones whose keys are the rows `sources` of `cache`."""
        stay = [i for i, job in enumerate(self._slots) if not job.result.done()]
        parts = [(self._cache, stay, [self._slots[i] for i in stay]), (cache, sources, jobs)]
        self._next = [*(self._next[i] for i in stay), *tokens]
        self._slots = [*parts[0][2], *jobs]
        # A row's newest token is not in the cache yet: it is the next input.
        held = [
            (source, numbers, max(job.row.length for job in rows) - 1)
            for source, numbers, rows in parts
            if source is not None and rows
        ]
        self._cache = gather(held, max(used for _, _, used in held)) if held else None
        self._chooser = (
            Chooser([job.row for job in self._slots], self._model.config.vocab_size) if self._slots else None
        )


def engine(path: Path, adapter: Path | None = None) -> Engine:
    """The engine of a folder with a model and a tokenizer, in float32; with an adapter merged into it, where given.

    Loaded once, and again only when the adapter's weights have changed.

    Raises:
        InputError: the folder holds no model that transformers can load, or the adapter does not fit it.
    """
    weights = None if adapter is None else adapter / WEIGHTS
    return _engine(path, adapter, weights.stat().st_mtime_ns if weights and weights.is_file() else 0)


@lru_cache(maxsize=16)
def _engine(path: Path, adapter: Path | None, changed: int) -> Engine:
    if not (path / "config.json").is_file():
        raise InputError(f"no model in '{path}'. Name a folder with config.json, model.safetensors and tokenizer.json.")
    disable_progress_bar()  # small models load in an instant, and the terminal belongs to the caller
    try:
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
        )
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        tokenizer.model_max_length = sys.maxsize  # `submit` answers for prompts that are too long; no warning is due
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"the model in '{path}' cannot be loaded: {error}") from error
    if adapter is not None:
        from equipoise.models.generation.adapter import merged  # PEFT takes a second, and few need it

        model = merged(model, adapter, name=path.name)
    return Engine(model.eval(), tokenizer)
