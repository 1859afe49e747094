from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from equipoise.analysis.comparison import summaries
from equipoise.analysis.rows import Row
from equipoise.evaluation.results import Play
from equipoise.reports.page import MAX_RESPONSE, count, embedded_json, explorer, label, page, percent, points, usd
from equipoise.reports.picture import accuracy_over_cost

NASTY = "</script><script>alert(1)</script>\u2028<img src=x onerror=alert(2)> & <!--"


def turn(agent, response, **more):
    told = {"agent": agent, "act": "answer", "strategy": "direct", "round": 0, "key": "4", "truncated": False}
    return told | {"input_tokens": 9, "output_tokens": 3, "response": response} | more


def play(question, method, outcome, *responses, tokens=10, **more):
    row = Row(task="t<b>", method=method, question=question, outcome=outcome, output_tokens=tokens, **more)
    turns = [turn("ann", response) for response in responses]
    return Play(row=row, text=f"text of {question} {NASTY}", gold="4", answer="4", turns=turns)


PLAYS = [
    play("q1", "single(executor='a')", "correct", "the same"),
    play("q2", "single(executor='a')", "wrong", NASTY),
    play("q1", "debate", "correct", "the same", "the same", "another", tokens=90),
    play("q2", "debate", "failed", cause=f"endpoint {NASTY}"),
]


@pytest.fixture
def html():
    table = summaries([p.row for p in PLAYS])
    return page(PLAYS, table, {"t<b>": f"verdict {NASTY}"}, {"team": NASTY}, {"packages": NASTY, "revision": ""})


class Elements(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.seen = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_nothing_that_a_model_says_becomes_markup(html):
    seen = Elements(html).seen
    assert [attrs for tag, attrs in seen if tag == "script"] == [{"id": "data", "type": "application/json"}, {}]
    assert not [tag for tag, _ in seen if tag == "img"]
    assert "\u2028" not in html.partition('id="data"')[2].partition("</script>")[0]


def test_the_page_needs_nothing_else(html):
    loads = [value for _, attrs in Elements(html).seen for name, value in attrs.items() if name in ("src", "href")]
    assert all(value.startswith("#") for value in loads)  # references within the picture
    assert "@import" not in html and "innerHTML" not in html and "eval(" not in html
    assert "prefers-color-scheme: dark" in html and 'name="viewport"' in html


def test_the_data_come_back_as_they_were_and_equal_texts_once(html):
    held = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)[1]
    data = json.loads(held)
    assert data == explorer(PLAYS)
    assert data["texts"] == ["the same", NASTY, "another"]
    (task,) = data["tasks"]
    assert [q["id"] for q in task["questions"]] == ["q1", "q2"]
    debate = task["questions"][0]["plays"][1]
    assert [data["texts"][t["text"]] for t in debate["turns"]] == ["the same", "the same", "another"]
    assert task["questions"][1]["plays"][1]["cause"] == f"endpoint {NASTY}"


def test_a_long_response_is_cut_and_says_so():
    data = explorer([play("q", "debate", "wrong", "x" * (MAX_RESPONSE + 1))])
    assert data["texts"] == ["x" * MAX_RESPONSE + "… (the log holds the rest)"]


def test_json_survives_its_escaping():
    for data in (NASTY, {"a": [NASTY, "\u2029", None]}):
        assert json.loads(embedded_json(data)) == data
    assert not set("<>&\u2028\u2029") & set(embedded_json(NASTY))


def test_the_picture_is_repeatable_and_takes_the_pages_colour():
    table = summaries([p.row for p in PLAYS])
    svg = accuracy_over_cost(table)
    assert svg == accuracy_over_cost(table)
    assert svg.startswith("<svg") and "currentColor" in svg and "#010203" not in svg
    assert "tokens per question" in svg and "dc:date" not in svg
    assert accuracy_over_cost(table[:1]) is None
    alike = accuracy_over_cost([table[0], table[1], table[0]])
    assert ">1, 3</text>" in alike and ">2</text>" in alike


def test_numbers_read_well():
    first, second = summaries([p.row for p in PLAYS])
    assert percent(first.accuracy) == "50.0 ± 44.5" and percent(None) == "–"
    assert points(second.against_single) == "+0.0 [-95.0, +95.0]" and points(None) == "–"
    assert (count(9.96), count(1234.4), usd(0), usd(0.0004), usd(1.5)) == ("10.0", "1,234", "–", "0.00040", "1.500")
    assert label("single(strategy='direct',executor='a b')") == "single(strategy=direct, a b)"
