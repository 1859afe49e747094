from __future__ import annotations

import pytest

from equipoise.cli.reading import split_methods, task_args
from equipoise.errors import InputError


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("single", ["single"]),
        (
            "single, debate(rounds=3,stop_when_agreed=True) ,x",
            ["single", "debate(rounds=3,stop_when_agreed=True)", "x"],
        ),
        ("a(b=(1,2)),c", ["a(b=(1,2))", "c"]),
    ],
)
def test_methods_are_split_outside_parentheses(text, items):
    assert split_methods(text) == items


@pytest.mark.parametrize("text", ["", "a,,b", "a,", "a(b", "a)b", "a)(b", "a(b)),c("])
def test_a_list_that_cannot_be_read_is_refused(text):
    with pytest.raises(InputError, match="Write them as"):
        split_methods(text)


def test_task_arguments_are_json_or_text():
    written = ["n=3", "split=test", "on=true", "families=a,b", "eq=x=y", 'names=["p","q"]']
    assert task_args(written) == {
        "n": 3,
        "split": "test",
        "on": True,
        "families": "a,b",
        "eq": "x=y",
        "names": ["p", "q"],
    }
    for wrong in ("n", "=3"):
        with pytest.raises(InputError, match="name=value"):
            task_args([wrong])
