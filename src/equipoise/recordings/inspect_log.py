"""Rows of an Inspect log: what a team's methods, or a plain model, answered in an evaluation.

Where one of our methods played, a sample's store holds its episode, and each of its turns with the act "answer" and a
prompt strategy is a row. Other samples give one row: the model's final output, under the strategy "plain". Samples
that failed give none.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalSample, read_eval_log, read_eval_log_samples
from inspect_ai.scorer import CORRECT, Score

from equipoise.errors import RecordingError
from equipoise.recordings.row import Row

EPISODE = "equipoise:episode"
"""Where a solver of ours leaves its episode in a sample's store, as a JSON object."""

PLAIN = "plain"
"""Strategy of a sample that no method of ours played."""

_UNUSED = {"messages", "events", "events_data", "attachments", "timelines"}


def rows_of_log(path: Path) -> Iterator[tuple[str, Row]]:
    """Rows with their places in the log, "file, sample 'id' epoch 1".

    Samples of a column are numbered in the order of epochs, since every epoch asks anew.

    Raises:
        RecordingError: the file is not a log, or an episode in it is damaged.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    try:
        spec = read_eval_log(str(path), header_only=True).eval
        samples = read_eval_log_samples(str(path), all_samples_required=False, exclude_fields=_UNUSED)
        for sample in sorted(samples, key=lambda sample: sample.epoch):
            where = f"{path}, sample '{sample.id}' epoch {sample.epoch}"
            for fields in _rows_of_sample(sample, spec.model, where):
                column = (fields["qid"], fields["agent"], fields["strategy"])
                yield where, Row(benchmark=spec.task, sample=seen[column], **fields)
                seen[column] += 1
    except (zipfile.BadZipFile, OSError, KeyError, ValueError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(
            f"{path}: not a sound Inspect log ({type(error).__name__}: {str(error)[:200]}). "
            "Repeat the evaluation, or open it with 'inspect view' to see what is left."
        ) from None


def _rows_of_sample(sample: EvalSample, model: str, where: str) -> list[dict[str, Any]]:
    if sample.error is not None:
        return []
    target = sample.target if isinstance(sample.target, str) else sample.target[0] if sample.target else ""
    score = next(iter((sample.scores or {}).values()), None)
    episode = sample.store.get(EPISODE)
    if episode is None:
        return [_plain(sample, model, score) | {"gold": target}]
    try:
        turns = [turn for turn in episode["turns"] if turn["act"] == "answer" and turn["strategy"] is not None]
        turns.sort(key=lambda turn: turn["sample"])
        return [_of_turn(turn, episode, score) | {"gold": target} for turn in turns]
    except (KeyError, TypeError) as error:
        raise RecordingError(f"{where}: its episode lacks {error}. Repeat this sample.") from None


def _of_turn(turn: dict[str, Any], episode: dict[str, Any], score: Score | None) -> dict[str, Any]:
    """The fields of an answer turn.

    Inspect scored the team's answer, so a turn is known to be right or wrong when it gave that answer, and to be not
    correct when it gave none; of another answer nothing is known.
    """
    correct: bool | None = None
    if turn["key"] is None:
        correct = False
    elif turn["key"] == episode["answer"] and score is not None:
        correct = score.value == CORRECT
    return {
        "qid": episode["problem"],
        "question": episode["question"],
        "agent": turn["agent"],
        "strategy": turn["strategy"],
        "response": turn["response"],
        "answer": turn["key"],
        "key": turn["key"],
        "correct": correct,
        "out_tokens": turn["output_tokens"],
        "in_tokens": turn["input_tokens"],
        "model": turn["model"],
    }


def _plain(sample: EvalSample, model: str, score: Score | None) -> dict[str, Any]:
    text = sample.input if isinstance(sample.input, str) else "\n\n".join(m.text for m in sample.input)
    usage = sample.output.usage
    answer = score.answer if score is not None else None
    return {
        "qid": str(sample.id),
        "question": text,
        "agent": model,
        "strategy": PLAIN,
        "response": sample.output.completion,
        "answer": answer,
        "key": answer,
        "correct": None if score is None else score.value == CORRECT,
        "out_tokens": usage.output_tokens if usage else 0,
        "in_tokens": usage.input_tokens if usage else None,
    }
