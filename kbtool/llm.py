"""A language model behind an OpenAI-compatible endpoint, for what is optional: paraphrases, a judge.

`POST {base_url}/chat/completions`, as OpenAI, Ollama, vLLM, SiliconFlow and Dify's own proxies take it.
Nothing that decides a verdict depends on it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx

from kbtool.errors import ConfigError, ContractBroken, Rejected, Unavailable

_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Model:
    """An endpoint and one of its models. Times in seconds; `key` is never shown."""

    base_url: str
    name: str
    key: str
    patience: float = 120.0
    attempts: int = 4

    def __repr__(self) -> str:
        return f"Model({self.name!r})"


async def complete(
    model: Model,
    messages: Sequence[tuple[str, str]],
    http: httpx.AsyncClient,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str:
    """The model's answer, at temperature 0, to (role, text) messages.

    Raises Unavailable, Rejected, ContractBroken, and ConfigError for a refused key.
    """
    if not model.base_url or not model.name:
        raise ConfigError("No language model is configured", hint="Set [llm] base_url and model in kb.toml.")
    body = {
        "model": model.name,
        "temperature": 0,
        "messages": [{"role": role, "content": text} for role, text in messages],
    }
    headers = {"authorization": f"Bearer {model.key}"} if model.key else {}
    url = f"{model.base_url.rstrip('/')}/chat/completions"
    why = ""
    for attempt in range(model.attempts):
        try:
            async with asyncio.timeout(model.patience):
                answer = await http.post(url, json=body, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            why = f"could not be reached ({type(error).__name__})"
        else:
            if answer.is_success:
                return _content(answer, model)
            if answer.status_code in {401, 403}:
                raise ConfigError(f"The endpoint of {model.name} refused the key", hint="Set LLM_KEY.")
            if answer.status_code not in _AGAIN:
                raise Rejected(f"The endpoint of {model.name} answered {answer.status_code}")
            why = f"answered {answer.status_code}"
        if attempt < model.attempts - 1:
            await sleep(min(_LONGEST_PAUSE, 2.0**attempt) * random.uniform(0.5, 1.0))  # noqa: S311 jitter
    raise Unavailable(f"The endpoint of {model.name} {why}, {model.attempts} times", hint="Try it later.")


def _content(answer: httpx.Response, model: Model) -> str:
    try:
        return str(answer.json()["choices"][0]["message"]["content"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ContractBroken(
            f"The endpoint of {model.name} answered without `choices[0].message.content`"
        ) from error
