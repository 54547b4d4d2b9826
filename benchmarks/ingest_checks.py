"""Thirty-one small documents that splitters get wrong, and a judge of each for any splitter's chunks.

A chunk is a path of headings and a text. In most documents AAA stands before the doubtful place and ZZZ
behind it: where the place is no heading both must be in one chunk, where it is one they must not. Splitters
that go by size pass the former, because the documents are small, and fail the latter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Chunk = tuple[Sequence[str], str]
Judge = Callable[[Sequence[Chunk]], bool]
LONGEST = 4000
"""Characters that a chunk of the endless section may have: more than any default among the peers."""

_ROWS = "\n".join(f"| r{row} | {'v' * 60} |" for row in range(60))
_JOINED = "\U0001f469\u200d\U0001f4bb"


@dataclass(frozen=True, slots=True)
class Check:
    """A document and what its chunks must be like."""

    name: str
    page: str
    is_right: Judge


def together(*no_headings: str) -> Judge:
    """AAA and ZZZ in one chunk, and none of the names taken for a heading."""
    return lambda chunks: (
        any("AAA" in text and "ZZZ" in text for _, text in chunks)
        and not _headings(chunks) & set(no_headings)
    )


def apart(*headings: str, before: str = "AAA", after: str = "ZZZ") -> Judge:
    """Both texts are there, never in one chunk, and the headings are in a path."""
    return lambda chunks: (
        any(before in text for _, text in chunks)
        and any(after in text for _, text in chunks)
        and not any(before in text and after in text for _, text in chunks)
        and set(headings) <= _headings(chunks)
    )


def _headings(chunks: Sequence[Chunk]) -> set[str]:
    return {name for path, _ in chunks for name in path}


def _everything(chunks: Sequence[Chunk]) -> str:
    return "\n".join([*_headings(chunks), *(text for _, text in chunks)])


def _says(*words: str) -> Judge:
    return lambda chunks: all(word in _everything(chunks) for word in words)


def _sharp(chunks: Sequence[Chunk]) -> bool:
    names = _headings(chunks)
    return "C# and F#" in (names or _everything(chunks))


def _rows_have_their_header(chunks: Sequence[Chunk]) -> bool:
    rows = [text for _, text in chunks if re.search(r"\| r\d+ \|", text)]
    return bool(rows) and all("KK" in text for text in rows)


def _path(words: str, *, ends: Sequence[str], lacks: Sequence[str] = ()) -> Judge:
    def judge(chunks: Sequence[Chunk]) -> bool:
        paths = [list(path) for path, text in chunks if words in text]
        return bool(paths) and all(
            path[-len(ends) :] == list(ends) and not set(lacks) & set(path) for path in paths
        )

    return judge


def _front_matter(chunks: Sequence[Chunk]) -> bool:
    names = " ".join(_headings(chunks))
    return "title:" not in names and "tags:" not in names and any("AAA" in text for _, text in chunks)


def _emoji(chunks: Sequence[Chunk]) -> bool:
    return apart()(chunks) and "\U0001f469\U0001f4bb" not in _everything(chunks)


def _bounded(chunks: Sequence[Chunk]) -> bool:
    return len(chunks) > 1 and all(len(text) <= LONGEST for _, text in chunks)


def _crlf(chunks: Sequence[Chunk]) -> bool:
    return apart("B", "C")(chunks) and not any("\r" in name for name in _headings(chunks))


def _verbatim(chunks: Sequence[Chunk]) -> bool:
    found = re.search(r"^([ \t]*)if x:\n([ \t]*)y\(\)", _everything(chunks), re.MULTILINE)
    return found is not None and len(found[2]) - len(found[1]) == 4


def _open_fence(chunks: Sequence[Chunk]) -> bool:
    inside = any("AAA" in text and "nothead" in text for _, text in chunks)
    return inside and "nothead" not in _headings(chunks)


CHECKS: tuple[Check, ...] = (
    Check(
        "``` fence",
        "# A\n\n## B\n\nAAA\n\n```bash\n# nothead\n## nope2\necho\n```\n\nZZZ\n\n## C\n\nx\n",
        together("nothead", "nope2"),
    ),
    Check("~~~ fence", "# A\n\n## B\n\nAAA\n\n~~~\n# nothead\n~~~\n\nZZZ\n", together("nothead")),
    Check(
        "```` fence that holds ```",
        "## B\n\nAAA\n\n````md\n```\n# nothead\n```\n# nothead2\n````\n\nZZZ\n",
        together("nothead", "nothead2"),
    ),
    Check(
        "fence in a list",
        "## B\n\n- AAA\n    \n    ```python\n    # nothead\n    x=1\n    ```\n    \n- ZZZ\n\n## C\n\ny\n",
        together("nothead"),
    ),
    Check("indented code", "## B\n\nAAA\n\n    # nothead\n\nZZZ\n", together("nothead")),
    Check("setext headings", "Title\n=====\n\nAAA\n\nSub\n---\n\nZZZ\n", apart("Sub")),
    Check("closing hashes", "## Foo ##\n\nAAA\n\n## Bar ##\n\nZZZ\n", apart("Foo", "Bar")),
    Check("C# in a heading", "## C# and F#\n\nAAA\n\n## Bar\n\nZZZ\n", _sharp),
    Check("hashtag", "## B\n\nAAA\n\n#hashtag\n\nZZZ\n", together("hashtag")),
    Check("indented heading", "## B\n\nAAA\n\n  ## Ind\n\nZZZ\n", apart("Ind")),
    Check("escaped hash", "## B\n\nAAA\n\n\\# nothead\n\nZZZ\n", together("nothead")),
    Check(
        "# in a comment or <pre>",
        "## B\n\nAAA\n\n<!--\n# nothead\n-->\n\n<pre>\n## nothead\n</pre>\n\nZZZ\n",
        together("nothead"),
    ),
    Check(
        "generics in code",
        "## B\n\n```ts\nlet a: Array<String> = f<T>(x)\n```\n\nuse `Map<K,V>`\n",
        _says("Array<String>", "Map<K,V>"),
    ),
    Check("60 table rows", f"## B\n\n| KK | VV |\n| --- | --- |\n{_ROWS}\n", _rows_have_their_header),
    Check("front matter", "---\ntitle: Xyz\ntags: [a]\n---\n\n# H\n\nAAA\n", _front_matter),
    Check("text before headings", "PRE text\n\n## B\n\nAAA\n", apart(before="PRE text", after="AAA")),
    Check(
        "a level left out",
        "# A\n\n## B\n\naa\n\n#### D\n\nAAA\n\n## E\n\nZZZ\n",
        _path("ZZZ", ends=["E"], lacks=["B", "D"]),
    ),
    Check("ancestors", "# A\n\n## B\n\n### C\n\nAAA\n", _path("AAA", ends=["A", "B", "C"])),
    Check("headings that are equal", "# P\n\n## FAQ\n\nAAA\n\n# Q\n\n## FAQ\n\nZZZ\n", apart("FAQ")),
    Check("CJK headings", "# 概述\n\n## 安装步骤\n\nAAA\n\n## 設定\n\nZZZ\n", apart("安装步骤", "設定")),
    Check("emoji in headings", f"## \U0001f680 Go\n\nAAA\n\n## {_JOINED} Dev\n\nZZZ\n", _emoji),
    Check("a section of 50,000", "## B\n\n" + "word " * 10_000 + "\n", _bounded),
    Check("heading without text", "## Lonely\n\n## B\n\nAAA\n", _says("Lonely")),
    Check("CRLF", "# A\r\n\r\n## B\r\n\r\nAAA\r\n\r\n## C\r\n\r\nZZZ\r\n", _crlf),
    Check("byte-order mark", "\ufeff# Alpha\n\nAAA\n\n## B\n\nZZZ\n", apart("Alpha", "B")),
    Check("no-break space after ##", "## B\n\nAAA\n\n##\u00a0Foo\n\nZZZ\n", apart("Foo")),
    Check("zero-width before ##", "## B\n\nAAA\n\n\u200b## Foo\n\nZZZ\n", apart("Foo")),
    Check(
        "heading in quote or list", "## B\n\nAAA\n\n> ## Q\n> q\n\n- # item\n\nZZZ\n", together("Q", "item")
    ),
    Check("seven hashes", "## B\n\nAAA\n\n####### seven\n\nZZZ\n", together("seven")),
    Check(
        "code in a nested list",
        "## B\n\n1. one\n    - two\n\n        ```py\n        if x:\n            y()\n        ```\n",
        _verbatim,
    ),
    Check("open fence", "## B\n\nAAA\n\n```\n# nothead\n", _open_fence),
)


def passed(chunks: Sequence[Sequence[Chunk]]) -> list[str]:
    """Names of the checks that a splitter passes; `chunks` are its answers in the order of `CHECKS`."""
    return [check.name for check, answer in zip(CHECKS, chunks, strict=True) if check.is_right(answer)]
