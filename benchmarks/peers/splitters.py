"""What each peer makes of a page: run inside the peer's own environment, which has nothing of kbtool.

    python splitters.py NAME check < pages.json    a JSON list of pages → a list of lists of [path, text]
    python splitters.py NAME time EXPORT.zip       splits every page of an export; prints what it took

Timing favours the peer: pages are unpacked and decoded before its clock starts, its import and set-up are
not counted, and its chunks are counted and thrown away.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

Chunk = tuple[list[str], str]
Split = Callable[[str], list[Chunk]]
SIZE = 1500  # characters, for the splitters that go by size


def langchain() -> Split:
    """LangChain's splitter by headings: what most tutorials use."""
    library = import_module("langchain_text_splitters")

    levels = [("#" * level, f"h{level}") for level in range(1, 7)]
    splitter = library.MarkdownHeaderTextSplitter(levels, strip_headers=False)
    return lambda text: [
        ([part.metadata[key] for key in sorted(part.metadata)], part.page_content)
        for part in splitter.split_text(text)
    ]


def langchain_experimental() -> Split:
    library = import_module("langchain_text_splitters")

    levels = [("#" * level, f"h{level}") for level in range(1, 7)]

    def split(text: str) -> list[Chunk]:
        # It keeps the chunks of earlier pages, hence a new one for each.
        parts = library.ExperimentalMarkdownSyntaxTextSplitter(levels, strip_headers=False).split_text(text)
        return [
            ([part.metadata[key] for key in sorted(part.metadata) if key != "Code"], part.page_content)
            for part in parts
        ]

    return split


def langchain_recursive() -> Split:
    library = import_module("langchain_text_splitters")

    splitter = library.MarkdownTextSplitter(chunk_size=SIZE, chunk_overlap=0)
    return lambda text: [([], part) for part in splitter.split_text(text)]


def llama_index() -> Split:
    parsers, schema = import_module("llama_index.core.node_parser"), import_module("llama_index.core.schema")

    parser = parsers.MarkdownNodeParser()

    def split(text: str) -> list[Chunk]:
        chunks: list[Chunk] = []
        for node in parser.get_nodes_from_documents([schema.Document(text=text)]):
            body = node.get_content()
            path = [name for name in node.metadata.get("header_path", "").split("/") if name]
            first = body.split("\n", 1)[0]
            own = [first.lstrip("#").strip()] if first.startswith("#") else []
            chunks.append((path + own, body))
        return chunks

    return split


def semantic() -> Split:
    library = import_module("semantic_text_splitter")

    splitter = library.MarkdownSplitter(SIZE)
    return lambda text: [([], part) for part in splitter.chunks(text)]


def chonkie() -> Split:
    """Its rules by hand: the ready-made ones for Markdown are fetched from a hub."""
    library, types = import_module("chonkie"), import_module("chonkie.types")

    marks = ["\n# ", "\n## ", "\n### ", "\n#### "]
    rules = types.RecursiveRules(
        levels=[
            types.RecursiveLevel(delimiters=marks, include_delim="next"),
            types.RecursiveLevel(delimiters=["\n\n"], include_delim="prev"),
            types.RecursiveLevel(delimiters=["\n"], include_delim="prev"),
            types.RecursiveLevel(whitespace=True),
            types.RecursiveLevel(),
        ]
    )
    chunker = library.RecursiveChunker(
        tokenizer="character", chunk_size=SIZE, rules=rules, min_characters_per_chunk=1
    )
    return lambda text: [([], part.text) for part in chunker.chunk(text)]


def mdsplit() -> Split:
    library = import_module("mdsplit")

    def split(text: str) -> list[Chunk]:
        lines = io.StringIO(text)
        return [
            (
                [*chapter.parent_headings, *([chapter.heading.heading_title] if chapter.heading else [])],
                "".join(chapter.text),
            )
            for chapter in library.split_by_heading(lines, 6)
        ]

    return split


SPLITTERS: dict[str, Callable[[], Split]] = {
    "langchain": langchain,
    "langchain-experimental": langchain_experimental,
    "langchain-recursive": langchain_recursive,
    "llama-index": llama_index,
    "semantic-text-splitter": semantic,
    "chonkie": chonkie,
    "mdsplit": mdsplit,
}


def pages(export: str) -> Iterator[str]:
    """The Markdown pages of a zip that holds zips, one at a time."""
    with zipfile.ZipFile(export) as outer:
        for part in outer.namelist():
            with outer.open(part) as stream, zipfile.ZipFile(stream) as inner:  # read where it lies
                for name in inner.namelist():
                    if name.endswith(".md"):
                        yield inner.read(name).decode()


def timed(split: Split, export: str, limit: float) -> dict[str, float]:
    """Seconds inside the splitter alone, for all pages or for those done within `limit` of them."""
    seconds, cpu, done, size, chunks = 0.0, 0.0, 0, 0, 0
    for text in pages(export):
        started, busy = time.perf_counter(), time.process_time()
        parts = split(text)
        seconds, cpu = seconds + time.perf_counter() - started, cpu + time.process_time() - busy
        done, size, chunks = done + 1, size + len(text.encode()), chunks + len(parts)
        if seconds > limit:
            break
    return {"seconds": seconds, "cpu": cpu, "pages": done, "bytes": size, "chunks": chunks}


def main() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    name, task, *rest = sys.argv[1:]
    split = SPLITTERS[name]()
    if task == "check":
        asked: list[str] = json.load(sys.stdin)
        answer: Any = [split(text) for text in asked]
    else:
        answer = timed(split, rest[0], float(rest[1]) if rest[1:] else float("inf"))
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
