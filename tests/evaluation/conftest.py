"""A small benchmark, a team, and an OpenAI-compatible server on loopback that can be told to misbehave."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from equipoise.team.team import Team


class Endpoint:
    """Answers "What is A plus B?" rightly, unless `mode` says how to misbehave; remembers the questions asked."""

    def __init__(self) -> None:
        self.mode = "answer"
        self.broken_for = ""
        self.delay_s = 0.0
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, body: dict) -> tuple[int, str, bytes]:
        question = body["messages"][-1]["content"]
        self.asked.append(question.splitlines()[0])
        time.sleep(self.delay_s)
        mode = self.mode if self.broken_for in question else "answer"
        a, b = map(int, re.findall(r"\d+", question)[:2])
        text = {"wrong": "Answer: 0", "empty": ""}.get(mode, f"Answer: {a + b}")
        message = {"role": "assistant", "content": text}
        right = {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
        }
        problem = json.dumps({"error": {"message": f"mode {mode}", "type": "test", "code": None}}).encode()
        if mode in ("401", "429", "500"):
            return int(mode), "application/json", problem
        if mode == "html":
            return 200, "text/html", b"<html><body>Please log in</body></html>"
        if mode == "not_utf8":
            return 200, "application/json", json.dumps(right).encode().replace(b"Answer", b"\xff\xfe\x80")
        if mode == "nothing":
            return 200, "application/json", b""
        return 200, "application/json", json.dumps(right).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, kind, answer = endpoint.reply(body)
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True  # the client was killed or gave up

            def log_message(self, *args: object) -> None:
                return

        return Handler


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("LOOPBACK_API_KEY", "test")
    served = Endpoint()
    yield served
    served.stop()


def sums(n: int) -> list[dict[str, str]]:
    return [
        {"id": f"sum-{i}", "question": f"What is {i + 3} plus {2 * i}?", "answer": str(3 * i + 3)} for i in range(n)
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "sums.jsonl"
    file.write_text("\n".join(json.dumps(record) for record in sums(6)), encoding="utf-8")
    return file


def team_at(url: str, *names: str) -> Team:
    return Team.from_dict(
        {
            "team": {"name": "loop"},
            "executor": [
                {"name": name, "model": f"openai-api/loopback/{name}", "base_url": url, "price": {"output": 2.0}}
                for name in names
            ],
        }
    )


@pytest.fixture
def team(endpoint: Endpoint) -> Team:
    return team_at(endpoint.url, "ann", "bob")
