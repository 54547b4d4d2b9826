"""HTML pages through one peer's converter: run inside the peer's own environment, as splitters.py is.

python converters.py NAME FOLDER OUT     converts FOLDER/*.html into OUT/*.md; prints seconds and bytes
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

Convert = Callable[[str], str]


def markdownify() -> Convert:
    convert = import_module("markdownify").markdownify

    return lambda page: str(convert(page, heading_style="ATX"))


def html2text() -> Convert:
    library = import_module("html2text")

    def convert(page: str) -> str:
        writer = library.HTML2Text(bodywidth=0)
        return str(writer.handle(page))

    return convert


def html_to_markdown() -> Convert:
    convert = import_module("html_to_markdown").convert

    return lambda page: str(convert(page).content)


CONVERTERS: dict[str, Callable[[], Convert]] = {
    "markdownify": markdownify,
    "html2text": html2text,
    "html-to-markdown": html_to_markdown,
}


def main() -> None:
    name, source, out = sys.argv[1:]
    convert = CONVERTERS[name]()
    seconds, size = 0.0, 0
    for path in sorted(Path(source).glob("*.html")):
        page = path.read_text(encoding="utf-8")
        started = time.perf_counter()
        text = convert(page)
        seconds += time.perf_counter() - started
        size += len(page.encode())
        (Path(out) / f"{path.stem}.md").write_text(text, encoding="utf-8")
    json.dump({"seconds": seconds, "bytes": size}, sys.stdout)


if __name__ == "__main__":
    main()
