"""The body of one generated page: what people write, and the dirt of exports as often as it was counted.

Rates are occurrences in 10,500 bytes of text, the size of a page here. Those marked "counted" are the counts
in 907 real Notion pages (277 of them with text, about 0.6 MB in all); the others are set so that every block
type occurs. Empty image sources, which people expect, were never seen in Notion and are not here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.ingest_blocks import (
    Block,
    Callout,
    Code,
    Contents,
    Divider,
    Equation,
    Heading,
    Image,
    Items,
    Level,
    Paragraph,
    SubPage,
    Table,
    Toggle,
)
from benchmarks.ingest_words import CODE, phrase, sentences

PAGE_BYTES = 10_500
RATES = {
    "sub-page line": 2.9,  # counted: 168
    "image": 1.5,  # counted: 86, 80 of them with a junk alternative text
    "empty bullet": 0.75,  # counted: 43
    "empty to-do": 0.65,  # counted: 37
    "fence": 3.4,  # counted: 194
    "divider": 2.6,  # counted in the one prose handbook: 56 in 228 kB
    "callout": 0.8,
    "toggle": 1.5,
    "table": 0.7,
    "to-do": 0.8,
    "equation": 0.1,
    "broken bold": 0.5,
    "contents": 0.03,  # counted: 3 in 114 HTML pages
}
JUNK_ALT = 80 / 86  # counted
OLD_DEFAULT = 159 / 194  # counted: fences that say jsx, whatever is in them
NO_BREAK_SPACE, LINE_SEPARATOR, ZERO_WIDTH = 1.7, 0.17, 0.035  # counted: 99, 10, 2
SECTIONS_AS_H1 = 24 / 44  # counted: long pages whose sections are written as a second and third H1
LONG_SECTION = 0.06
_PARAGRAPHS = 20  # in a page, about; the odd characters are dealt out over them


@dataclass(frozen=True, slots=True)
class Link:
    """A page that another one can point to: its title, and its address seen from there."""

    title: str
    target: str


def body(rng: random.Random, language: str, seed: int, links: Sequence[Link], size: int) -> tuple[Block, ...]:
    """Blocks of about `size` bytes. `links` are the pages that this one may point to."""
    return tuple(_Writer(rng, language, seed, links).write(size))


class _Writer:
    """One page in the making: the random source and what it draws from."""

    def __init__(self, rng: random.Random, language: str, seed: int, links: Sequence[Link]) -> None:
        self._rng = rng
        self._language = language
        self._pool = sentences(language, seed)
        self._links = links

    def write(self, size: int) -> list[Block]:
        top: Level = 1 if self._rng.random() < SECTIONS_AS_H1 else 2
        blocks: list[Block] = [self._paragraph()]
        rates = {name: rate for name, rate in RATES.items() if self._links or name != "sub-page line"}
        written, due = 0, dict.fromkeys(rates, 0.0)
        while written < size:
            section = self._section(top)
            length = sum(len(block.markdown().encode()) + 2 for block in section)
            written += length
            for name, rate in rates.items():
                due[name] += rate * length / PAGE_BYTES
                while self._rng.random() < due[name]:
                    due[name] -= 1
                    block = self._extra(name, blocks)
                    written += len(block.markdown().encode()) + 2
                    section.insert(self._rng.randint(1, len(section)), block)
            blocks += section
        return blocks

    def _section(self, top: Level) -> list[Block]:
        level: Level = top if self._rng.random() < 0.5 else 2 if top == 1 else 3
        many = self._rng.randint(14, 22) if self._rng.random() < LONG_SECTION else self._rng.randint(1, 3)
        blocks: list[Block] = [Heading(level, phrase(self._rng, self._language))]
        for _ in range(many):
            listed = self._rng.random() < 0.3
            blocks.append(self._list("bullet") if listed else self._paragraph())
        return blocks

    def _sentences(self, least: int, most: int) -> tuple[str, ...]:
        return tuple(self._rng.choices(self._pool, k=self._rng.randint(least, most)))

    def _paragraph(self) -> Paragraph:
        texts = self._sentences(2, 6)
        shown = [self._dirty(text) for text in texts]
        space = " " if self._language == "en" else ""
        chance = self._rng.random()
        if chance < 0.3:
            shown[0] = f"**{shown[0]}**"
        elif chance < 0.55 and self._links:
            link = self._rng.choice(self._links)
            shown.append(f"[{link.title}]({link.target})")
        return Paragraph(space.join(shown), texts)

    def _dirty(self, text: str) -> str:
        """Now and then a character that shows nothing, where a space or a stop is."""
        chance = self._rng.random() * _PARAGRAPHS * 4
        if chance < NO_BREAK_SPACE:
            return text.replace(" ", "\u00a0", 1)
        if chance < NO_BREAK_SPACE + LINE_SEPARATOR:
            return text + "\u2028"
        if chance < NO_BREAK_SPACE + LINE_SEPARATOR + ZERO_WIDTH:
            return text + "\u200b"
        return text

    def _list(self, kind: str) -> Items:
        texts = self._sentences(2, 5)
        if kind == "to-do":
            return Items("todo", texts)
        return Items("number" if self._rng.random() < 0.2 else "bullet", texts)

    def _extra(self, name: str, before: Sequence[Block]) -> Block:
        rng, some = self._rng, self._sentences
        headings = tuple(block.text for block in before if isinstance(block, Heading))
        makers: dict[str, Callable[[], Block]] = {
            "sub-page line": self._sub_page,
            "image": self._image,
            "empty bullet": lambda: Items("bullet", (*some(1, 2), "")),
            "empty to-do": lambda: Items("todo", (*some(1, 2), "")),
            "fence": self._fence,
            "divider": lambda: Divider(rng.choice(self._pool)),
            "callout": lambda: Callout("💡", some(1, 3)),
            "toggle": lambda: Toggle(rng.choice(self._pool), some(1, 3)),
            "table": self._table,
            "to-do": lambda: self._list("to-do"),
            "equation": lambda: Equation(r"c = \frac{m_{coffee}}{m_{water}} \cdot 100"),
            "broken bold": self._broken_bold,
            "contents": lambda: Contents(headings),
        }
        return makers[name]()

    def _sub_page(self) -> SubPage:
        link = self._rng.choice(self._links)
        return SubPage(link.title, link.target)

    def _image(self) -> Image:
        caption = "" if self._rng.random() < JUNK_ALT else phrase(self._rng, self._language, 5)
        return Image(f"Attachments/Untitled%20{self._rng.randint(1, 9)}.png", caption)

    def _fence(self) -> Code:
        lines = tuple(self._rng.choices(CODE, k=self._rng.randint(2, 8)))
        return Code("jsx" if self._rng.random() < OLD_DEFAULT else "bash", lines)

    def _broken_bold(self) -> Paragraph:
        texts = self._sentences(2, 2)
        return Paragraph(f"**{texts[0]} ****{texts[1]}", texts)

    def _table(self) -> Table:
        rng, language = self._rng, self._language
        width = rng.randint(2, 5)
        height = 60 if rng.random() < 0.05 else rng.randint(3, 10)
        return Table(tuple(tuple(phrase(rng, language, 3) for _ in range(width)) for _ in range(height)))
