from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from equipoise.analysis.paired import difference_of
from equipoise.cli.verbs.report import add_to
from equipoise.errors import InputError
from equipoise.reports.training_numbers import alarms, duration, executor_rows, gained, team_rows, verdict
from equipoise.reports.training_page import page, summary, told
from equipoise.reports.training_picture import charts
from equipoise.reports.training_run import Run, read

NASTY = "</td><script>alert(1)</script><img src=x onerror=alert(2)>|$a_b$\ud800\x1b[2J"
NAMES = ("ann", NASTY, "bob")
SETTINGS = {"lr": 0.002, "validation": 24, "validation_samples": 4, "kl_old_limit": 0.05, "kl_ref_limit": 0.3}
STEPS: dict[str, Any] = {"reward": 0.5, "right": 0.25, "truncated": 0.125, "length": 40.5, "steps": 2, "stopped": False}
STEPS |= {"rejected": False, "kl_old": 0.01, "kl_ref": 0.02, "clip_rate": 0.03, "entropy": 0.04, "temperature": 0.011}
STEPS |= {"hot": 0.06, "gradient": 0.07, "gradient_spread": 0.7, "fidelity": -0.08, "clip": 0.09, "sampling": 1.1}
STEPS |= {"representation": 1.0, "optimisation": 0.13, "proof": 1e-5}
COST: dict[str, Any] = {
    "generated": 7000,
    "scored": 30000,
    "rollout_s": 3.0,
    "training_s": 10.0,
    "critics_s": 0.5,
    "seconds": 14.0,
}
COST |= {"rollout_rate": 2300.0, "training_rate": 3000.0}
MARGIN: dict[str, Any] = {
    "value": 0.01,
    "low": -0.02,
    "high": 0.04,
    "coupling": 0.0,
    "questions": 8,
    "verdict": "not certified",
}


def look(iteration: int, team: float) -> dict[str, Any]:
    """The first of 24 questions have been answered right by every vote, the last one by some."""
    held = np.clip(24 * team - np.arange(24), 0.0, 1.0).tolist()
    return {"iteration": iteration, "team": team, "executors": [team, 0.25, 0.125], "shares": held}


Changes = Mapping[int, Mapping[str, Any]]


def line(number: int, *, seen: float | None = None, alarm: str = "", changes: Changes | None = None) -> dict[str, Any]:
    """An iteration; `changes` are of executors, by place."""
    executors = [{"name": name} | STEPS | dict((changes or {}).get(place, {})) for place, name in enumerate(NAMES)]
    held: dict[str, Any] = {
        "iteration": number,
        "rollouts": 64,
        "reward": 0.6,
        "team": 0.8,
        "group_spread": 0.2,
        "regret": 0.1,
    }
    held |= {"margin": MARGIN, "critic_loss": 5.0, "executors": executors, "cost": COST}
    return held | {"alarms": [alarm] if alarm else [], "look": None if seen is None else look(number, seen)}


OVER = {1: {"kl_old": 0.07, "stopped": True, "kl_ref": 0.41, "rejected": True}}
LINES = (line(1), line(2, seen=0.75), line(3, alarm=f"{NASTY}: KL", changes=OVER), line(4, seen=0.75))


def write(folder: Path, lines: tuple[dict[str, Any], ...] = LINES, *, result: bool = True, start: float = 0.25) -> Path:
    """A run's folder as the trainer leaves it."""
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "progress.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    looks = [look(0, start), *(each["look"] for each in lines if each["look"])]
    team = {"executors": [{"name": name, "model": f"hf//home/me/models/{name[:3]}"} for name in NAMES]}
    config = {"settings": SETTINGS, "executors": NAMES, "looks": looks, "task": NASTY, "team": team, "plan": False}
    (folder / "checkpoint" / "checkpoint.json").write_text(json.dumps({"version": 1, "config": config}))
    ids = {"train": ["a"] * 50, "validation": ["b"] * 30, "test": ["c"] * 20}
    (folder / "questions.json").write_text(json.dumps(ids))
    for name in ("ann", "bob"):
        (folder / "best" / name).mkdir(parents=True)
        (folder / "best" / name / "adapter_config.json").write_text("{}")
    if result:
        held = {"iterations": len(lines), "looks": looks, "best": "best", "remarks": [NASTY]}
        (folder / "result.json").write_text(json.dumps(held | {"settings": SETTINGS | {"iterations": len(lines)}}))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read(write(tmp_path / "run"))


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def test_the_verdict_tells_the_gain_the_cost_the_adapters_and_the_alarms(run):
    found = gained(run)
    assert found is not None and found.change is not None and run.questions == 24
    assert (found.start, found.best, found.iteration, found.looks) == (0.25, 0.75, 2, 2)
    votes = [np.array(look(0, share)["shares"]) for share in (0.25, 0.75)]
    assert found.change == difference_of(votes[1] - votes[0], comparisons=2).interval
    assert found.change.low > 0.1
    said = " ".join(verdict(run))
    assert "On 24 validation questions the team's votes were right on 25.0 % before training and on 75.0 % at" in said
    assert "iteration 2: +50.0 [+2" in said and "more than chance explains" in said and "not finished" not in said
    assert "best/ holds the adapters of ann, bob of iteration 2." in said
    assert "28,000 generated and 120,000 scored tokens and 56 s." in said
    assert "Alarms went off in 1 of 4 iterations." in said
    assert [duration(s) for s in (59.6, 3599, 7500)] == ["1 min 0 s", "59 min 59 s", "2 h 5 min"]


def test_alarms_say_whose_how_often_and_what_to_do(run, tmp_path):
    old, ref = alarms(run)
    assert old.endswith("passed 0.05 in 1 iteration (largest 0.070). Lower --lr, now 0.002, or --epochs.")
    assert "passed 0.3 in 1 iteration (largest 0.410); those updates were taken back. Lower --lr, now 0.002." in ref
    assert "more iterations" not in ref and "more iterations" in alarms(read(write(tmp_path / "b", LINES[:3])))[1]
    assert alarms(read(write(tmp_path / "c", LINES[:2]))) == []
    damaged = write(tmp_path / "d", result=False)
    (damaged / "checkpoint" / "checkpoint.json").write_text("{")
    assert alarms(read(damaged))[0].endswith(": KL")


@pytest.mark.parametrize(
    ("start", "said", "colour"),
    [
        (0.7, ", which chance may explain", 'verdict "'),
        (0.75, "no look since (2) found more: training has gained nothing. best/ holds", 'verdict "'),
        (0.2, "more than chance explains", 'verdict beats"'),
    ],
)
def test_no_gain_is_said_where_chance_would_do(tmp_path, start, said, colour):
    found = read(write(tmp_path / "run", start=start))
    assert said in " ".join(verdict(found)) and colour in page(found)
    assert ("more than chance" in " ".join(verdict(found))) == (start == 0.2)


def test_a_run_that_goes_on_is_read_without_its_result_and_despite_a_line_cut_off(tmp_path):
    folder = write(tmp_path / "run", result=False)
    with (folder / "progress.jsonl").open("a") as opened:
        opened.write(json.dumps(line(5))[:300])
    found = read(folder)
    assert (found.done, found.finished, found.looks[0]["team"]) == (4, False, 0.25)
    assert verdict(found)[0] == "The run is not finished: 4 iterations so far. The same command goes on from there."
    assert found.notices[0].startswith("Line 5 of progress.jsonl is damaged and left out")
    assert "Line 5 of progress.jsonl" in text_of(page(found)) and "iterations" not in found.settings
    longer = read(write(tmp_path / "longer"))
    with (tmp_path / "longer" / "progress.jsonl").open("a") as opened:
        opened.write(json.dumps(line(5)) + "\n")
    assert longer.finished and not read(tmp_path / "longer").finished


def test_a_run_before_its_first_iteration_has_a_page(tmp_path):
    found = read(write(tmp_path / "run", (), result=False))
    assert "there was no look since" in " ".join(verdict(found)) and "the last" not in page(found)
    assert page(found).count('role="img"') == 1


def test_what_was_not_told_is_left_out_and_not_drawn(tmp_path):
    bare = {"margin": None, "critic_loss": None}
    none = {"fidelity": None, "sampling": None, "representation": None}
    lines = tuple(line(i, changes=dict.fromkeys(range(3), none)) | bare for i in (1, 2))
    (folder := write(tmp_path / "run", lines)).joinpath("questions.json").unlink()
    for file in (folder / "checkpoint" / "checkpoint.json", folder / "result.json"):
        file.write_text(file.read_text().replace('"shares": [', '"shares": ["?", '))
    found = read(folder)
    titles = [chart.title for held in charts(found).values() for chart in held]
    assert not {"Margin μ̂", "Critic loss", "Mirror fidelity", "Field error: sampling"} & set(titles)
    assert "KL from the reference" in titles and found.questions is None
    assert ("margin μ̂", ["–"]) in [(what, cells) for what, cells, _ in team_rows(found.lines[-1])]
    assert "at iteration" not in verdict(found)[0]


@pytest.mark.parametrize(
    ("file", "text", "match"),
    [
        (None, "", "holds no progress.jsonl. Give a folder that `equipoise train mirror --out` has written"),
        ("progress.jsonl", '{"iteration": 1, "reward": 0.5, "calls": 3}\n', "holds no iteration of `equipoise train"),
        ("progress.jsonl", '[1]\nnull\n\x00\n{"iteration": "x", "executors": []}\n', "holds no iteration"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, file, text, match):
    if file:
        (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=re.escape(match)):
        read(tmp_path)


def test_nothing_of_a_run_becomes_markup_and_nothing_is_fetched(run, elements):
    html = page(run)
    seen = elements(html).seen
    assert not [tag for tag, _ in seen if tag in ("script", "img", "iframe", "link", "form")]
    loads = [value for _, attrs in seen for name, value in attrs.items() if name in ("src", "href", "xlink:href")]
    assert all(value.startswith("#") for value in loads)
    policy = next(attrs["content"] for tag, attrs in seen if tag == "meta" and "http-equiv" in attrs)
    assert "script-src 'none'" in policy and "default-src 'none'" in policy
    assert "/home/me" not in html and "models/ann" in html


def test_every_diagnostic_has_a_picture_with_a_line_for_each_executor(run):
    assert run.executors == ("ann", f"{NASTY[:-5]}??[2J", "bob")
    held = {chart.title: chart for group in charts(run).values() for chart in group}
    assert len(held) == 15 and page(run).count('role="img"') == 15
    single = {"In training", "Critic loss", "Margin μ̂", "Regret and group spread", "Tokens a second"}
    assert all(chart.names[:3] == run.executors for title, chart in held.items() if title not in single)
    assert (
        "alarm 0.05" in held["KL from the policy that played"].svg and "alarm 0.3" in held["KL from the reference"].svg
    )
    assert "alarm" not in held["Entropy"].svg and "alert(" not in "".join(chart.svg for chart in held.values())


def test_the_table_holds_what_the_trainer_tells_by_its_own_names():
    """Records made by the trainer's classes, so that neither side renames alone."""
    pytest.importorskip("torch")
    from equipoise.learning.mirror.answer_game import Margin
    from equipoise.learning.mirror.diagnostics import Cost, Iteration, Look, Steps

    steps = tuple(Steps(name=name, **STEPS) for name in NAMES)
    shown: dict[str, Any] = line(4) | {"margin": Margin(**MARGIN), "executors": steps, "cost": Cost(**COST)}
    shown |= {"alarms": (), "look": Look(iteration=4, team=0.75, executors=(0.1,), shares=(1.0, 0.5))}
    kept = json.loads(json.dumps(asdict(Iteration(**shown))))
    team, executors = team_rows(kept), executor_rows(kept)
    cells = {what: held for what, held, _ in (*team, *executors)}
    assert not [what for what, held in cells.items() if "–" in held]
    assert cells["margin μ̂"] == ["0.0100 [−0.0200, 0.0400], not certified"]
    assert cells["validation votes right"] == ["75.0 %"] and cells["mirror fidelity"] == ["−0.08"] * 3
    assert len(executors) == len(STEPS) - 1  # stopped and rejected share a row
    assert [held for what, held, _ in executor_rows(LINES[2]) if what == "update"] == [["whole", "taken back", "whole"]]


def test_the_verb_tells_a_run_from_an_evaluation(tmp_path, run):
    folder = write(tmp_path / "nasty ü")
    app = typer.Typer()
    app.callback()(lambda: None)
    add_to(app)
    asked = CliRunner().invoke(app, ["report", str(folder), "--json"])
    assert asked.exit_code == 0, asked.output
    assert json.loads(asked.output) == json.loads(json.dumps(told(read(folder))))
    assert "What did training buy?" in (folder / "report.html").read_text(encoding="utf-8")
    shown = CliRunner().invoke(app, ["report", str(folder)]).output
    assert shown.encode() and "\x1b" not in shown and all(each in shown for each in summary(run))
    refused = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert isinstance(refused.exception, InputError) and "train mirror" in str(refused.exception)


def test_models_need_not_be_there():
    heavy = (
        "import equipoise.reports.training_page, sys; print({'torch', 'transformers', 'inspect_ai'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1400, False)])
def test_a_browser_fits_it_in_its_width(run, browse: Callable[..., Any], fit: str, width, dark):
    seen = browse(page(run), fit, width=width, dark=dark)
    assert seen.found == {"overflow": 0, "shown": 15, "fetched": 0} and seen.console == []
