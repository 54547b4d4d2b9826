"""An endpoint as OpenAI, Ollama and vLLM have it, on a real socket, that replies as a test says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from kbtool.cli.listening import listen

Reply = Callable[[dict[str, Any]], str | int]
"""From what the user's message holds (a text that is no JSON: under `text`) to the model's words, or to the
status of a refusal.
"""


@dataclass
class Endpoint:
    """`asked` are the bodies that arrived, in order."""

    reply: Reply
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        content = body["messages"][1]["content"]
        said = self.reply(json.loads(content) if content.startswith("{") else {"text": content})
        if isinstance(said, int):
            return JSONResponse({"error": {"message": "no"}}, said)
        return JSONResponse({"choices": [{"message": {"role": "assistant", "content": said}}]})


def verdicts(*given: tuple[str, bool, str]) -> str:
    """A reply with these (criterion, holds, quote)."""
    return json.dumps(
        {"verdicts": [{"criterion": name, "quote": quote, "holds": holds} for name, holds, quote in given]}
    )


def fair(material: dict[str, Any]) -> str:
    """Says of every criterion that it holds, with a quotation that stands where it must."""
    places = {
        "answer": material["answer"],
        "expected": (material["expected"] or [""])[0],
        "sources": (material["sources"] or [""])[0],
    }
    return verdicts(
        *((one["criterion"], True, places[one["quote_from"]["if_holds"]]) for one in material["criteria"])
    )


@contextmanager
def beside(app: ASGIApp) -> Iterator[str]:
    """`app` on a socket, in a thread of its own: its address. For tests that block theirs."""
    listening = listen("127.0.0.1", 0, hint="")
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
