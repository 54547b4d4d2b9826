"""What an engine is made of: its file, its keys, its models and apps, and the faults it shall show.

All values are frozen. An app or a model that real Dify keeps in its database is configuration here, because
the console that edits them is not part of this service.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kbtool.embedded.fault_kinds import Fault

Mode = Literal["chat", "advanced-chat", "agent-chat", "completion"]


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A model that a dataset can name. Without `endpoint` it is the built-in lexical one.

    `provider` is Dify's long form, `author/plugin/provider`. `dimensions` is what the server compares when a
    dataset's index was written by another model [recorded: 231]. `endpoint` is the base URL of an
    OpenAI-compatible API: `<endpoint>/embeddings` is posted to, with `key` as the bearer token.
    """

    provider: str = "kbtool/lexical/lexical"
    name: str = "words-and-bigrams"
    dimensions: int = 1024
    endpoint: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class InputField:
    """A variable of an app's input form. `max_length` 0 means no bound."""

    name: str
    required: bool = True
    max_length: int = 0


@dataclass(frozen=True, slots=True)
class AppSettings:
    """One app: its key, what it searches and how it answers.

    `datasets` are names or ids. `score_threshold` None means off, as in Dify: chunks with score 0 are then
    cited too [recorded: 279]. `file_types` are those of the files that a question may carry (image, document,
    audio, video); they are taken, and nothing here reads them. `refusals` maps "zh" and "en" to the sentence
    for a question without an answer.
    `max_active_requests` 0 means no limit.
    """

    key: str
    name: str
    mode: Mode = "chat"
    description: str = ""
    datasets: tuple[str, ...] = ()
    top_k: int = 4
    score_threshold: float | None = None
    citations: bool = True
    inputs: tuple[InputField, ...] = ()
    max_active_requests: int = 0
    api_enabled: bool = True
    opening_statement: str = ""
    suggested_questions: tuple[str, ...] = ()
    file_types: tuple[str, ...] = ()
    refusals: tuple[tuple[str, str], ...] = (
        ("en", "I could not find an answer to this in the help pages."),
        ("zh", "我在帮助文档中没有找到相关答案。"),
    )


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """A whole engine. `path` is one SQLite file, or ":memory:".

    `ping_seconds` is the pause between keep-alives of a stream, `hang_seconds` how long a chatflow in
    blocking mode stays silent before the connection closes [900: 301.9 s]: tests make both short.
    `max_body` is the most bytes of a request, as the proxy in Dify's own compose file has it.
    """

    path: Path | Literal[":memory:"] = ":memory:"
    dataset_key: str = "dataset-embedded"
    apps: tuple[AppSettings, ...] = ()
    models: tuple[EmbeddingModel, ...] = (EmbeddingModel(),)
    faults: tuple[Fault, ...] = ()
    ping_seconds: float = 10.0
    hang_seconds: float = 300.0
    max_body: int = 100 * 1024 * 1024
