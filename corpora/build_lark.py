"""Build `corpora/lark/`, the Chinese half of the demo corpus, from `corpora/source/lark/*.md`.

The sources are tidy; what is built is as untidy as what leaves Feishu: docx blocks as JSON
(`GET /docx/v1/documents/:id/blocks`, one `<token>.json` each) and the official Markdown
(`GET /docs/v1/content?content_type=markdown`, one `<title>.md` each; the title is only in the name).
`corpora/source/lark/README.txt` lists the markers that a source may use.

    python corpora/build_lark.py            write the files and print their names
    python corpora/build_lark.py --check    write nothing; exit 1 if the committed files differ
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import string
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, takewhile
from pathlib import Path
from textwrap import indent
from typing import Any
from urllib.parse import quote

HERE = Path(__file__).resolve().parent
SOURCE, TARGET = HERE / "source" / "lark", HERE / "lark"

# Defects that a document has in either form: (kinds of block, pattern, replacement).
SOIL: dict[str, tuple[tuple[str, ...], str, str]] = {
    "bold-heading": (("heading1", "heading2"), r"^(.+)$", r"**\1**"),
    "bold-space": (("text", "bullet", "ordered"), r"\*\*(.+?)\*\*", r"**\1 **"),
    "nbsp": (("",), r"(?<=[\u4e00-\u9fff]) (?=[A-Za-z0-9])", "\u00a0"),
    "split-bold": (("",), r"\*\*(.{2,}?)：\*\*", r"**\1****：**"),
    "zero-width": (("bullet",), r"^", "\u200b"),
}
DEFECTS = {"setext", "single-newlines", *SOIL}

# Block types of docx v1; 999 is what Feishu returns for blocks that its API does not know (synced blocks).
BLOCK_TYPES = {
    "page": 1, "text": 2, "bullet": 12, "ordered": 13, "code": 14, "quote": 15, "todo": 17, "bitable": 18,
    "callout": 19, "divider": 22, "grid": 24, "grid_column": 25, "image": 27, "sheet": 30, "table": 31,
    "table_cell": 32, "quote_container": 34, "undefined": 999,
    **{f"heading{level}": level + 2 for level in range(1, 10)},
}  # fmt: skip
CODE_LANGUAGES = {"text": 1, "bash": 7, "json": 28}
COLOURS = {"red": 1, "orange": 2, "yellow": 3, "green": 4, "blue": 5, "purple": 6, "gray": 7}
CONTAINERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "callout": ("callout", ("emoji", "colour")), "grid": ("grid", ()), "column": ("grid_column", ("width",)),
    "quote": ("quote_container", ()), "synced": ("undefined", ()),
}  # fmt: skip
LAPSED = "https://internal-api-drive-stream.feishu.cn/space/api/box/stream/download/authcode/?code="

_HEADING = re.compile(r"(#{1,9}) (.+?)(?: \{(color=\w+|fold)\})?$")
_ITEM = re.compile(r"(- \[[ x]\]|-|1\.)(?: (.*))?$")
_PLACED = re.compile(r"\{(image|lapsed|sheet|bitable): (.+?)(?: \| (.+))?\}$")
_SPAN = re.compile(
    r"\*\*(?P<bold>.+?)\*\*|`(?P<inline_code>[^`]+)`|~~(?P<strikethrough>.+?)~~"
    r"|\[\[(?P<doc>[\w-]+)\]\]|\[(?P<label>[^\]]+)\]\((?P<link>[^)]+)\)|@\{(?P<user>[\w-]+)\}"
    r"|\$(?P<equation>[^$]+)\$|==(?P<colour>\w+):(?P<coloured>.+?)=="
)

Line = tuple[int, str]
Titles = Mapping[str, str]  # of every document, by slug: mentions show them


@dataclass(frozen=True, slots=True)
class Node:
    """A Lark block: `kind` is its name in the blocks API, `text` still holds inline markers."""

    kind: str
    text: str = ""
    attrs: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One document as its author keeps it; `form` is blocks or markdown, `defects` are DEFECTS."""

    slug: str
    title: str
    form: str
    defects: frozenset[str]
    body: tuple[Node, ...]


def digest(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest(), "big")


def token(*parts: str) -> str:
    """27 characters that depend on `parts` only; Lark's tokens and block ids look like this."""
    letters, number = string.ascii_letters + string.digits, digest(*parts)
    return "".join(letters[number // len(letters) ** place % len(letters)] for place in range(27))


def read(path: Path) -> Source:
    """Parse one source file; a mistake in it ends the program with `file:line: why`."""
    lines = list(enumerate(path.read_text(encoding="utf-8").splitlines(), start=1))
    front = list(takewhile(lambda line: line[1] != "---", lines[1:]))
    meta = dict(text.partition(": ")[::2] for _, text in front)
    defects = frozenset(filter(None, meta.get("defects", "").split(", ")))
    if meta.get("form") not in ("blocks", "markdown") or not meta.get("title") or not defects <= DEFECTS:
        sys.exit(f"{path}:1: front matter needs a title, form blocks or markdown, defects of {DEFECTS}")
    body = fold(parse(lines[len(front) + 2 :], str(path)))
    return Source(path.stem, meta["title"], meta["form"], defects, tuple(soil(n, defects) for n in body))


def parse(lines: Sequence[Line], path: str) -> Iterator[Node]:
    at = 0
    while at < len(lines):
        number, text = lines[at]
        end = at + 1
        if text.startswith(("```", ":::")):
            end = closing(lines, at, path)
            yield fenced(text, lines[at + 1 : end - 1], f"{path}:{number}", path)
        elif text.startswith("|"):
            rows = [line for _, line in takewhile(lambda line: line[1].startswith("|"), lines[at:])]
            end = at + len(rows)
            yield table(rows, f"{path}:{number}")
        elif match := _ITEM.match(text):
            nested = list(takewhile(lambda line: line[1].startswith("  "), lines[end:]))
            end += len(nested)
            attrs = {"done": str("x" in match[1])} if "[" in match[1] else {}
            kind = {"-": "bullet", "1.": "ordered"}.get(match[1], "todo")
            children = tuple(parse([(n, line[2:]) for n, line in nested], path))
            yield Node(kind, match[2] or "", attrs, children)
        elif text:
            while lines[end - 1][1].endswith("\\"):
                end += 1
            yield single("\n".join(line.removesuffix("\\") for _, line in lines[at:end]))
        at = end


def closing(lines: Sequence[Line], start: int, path: str) -> int:
    """Index after the line that closes the fence or container opened at `start`."""
    mark, depth = lines[start][1][:3], 1
    for index, (_, text) in enumerate(lines[start + 1 :], start=start + 1):
        depth += -1 if text == mark else text.startswith(mark)
        if depth == 0:
            return index + 1
    sys.exit(f"{path}:{lines[start][0]}: {mark} is never closed")


def fenced(opening: str, inner: Sequence[Line], where: str, path: str) -> Node:
    if opening.startswith("```"):
        return Node("code", "\n".join(text for _, text in inner), {"language": opening[3:]})
    name, *args = opening[3:].split()
    kind, attrs = CONTAINERS.get(name, ("", ()))
    if not kind or len(args) != len(attrs):
        sys.exit(f"{where}: a container is one of {CONTAINERS}, not {opening}")
    return Node(kind, "", dict(zip(attrs, args, strict=True)), tuple(parse(inner, path)))


def single(text: str) -> Node:
    if match := _HEADING.match(text):
        return Node(f"heading{len(match[1])}", match[2], {"mark": match[3] or ""})
    if match := _PLACED.match(text):
        return Node(match[1], match[2], {"caption": match[3]} if match[3] else {})
    for mark, kind in (("> ", "quote"), ("$$ ", "equation"), ("---", "divider")):
        if text.startswith(mark):
            return Node(kind, text.removeprefix(mark))
    return Node("text", text)


def table(lines: Sequence[str], where: str) -> Node:
    """A pipe table; a cell `^^` is merged with the one above, `<<` with the one to its left."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]
    if len({len(row) for row in rows}) != 1:
        sys.exit(f"{where}: not every row of this table has {len(rows[0])} cells")
    cells = []
    for y, row in enumerate(rows):
        for x, text in enumerate(row):
            if text in ("^^", "<<"):
                cells.append(Node("table_cell", "", {"row_span": "1", "col_span": "1", "covered": "yes"}))
                continue
            down = sum(1 for _ in takewhile("^^".__eq__, (below[x] for below in rows[y + 1 :])))
            right = sum(1 for _ in takewhile("<<".__eq__, row[x + 1 :]))
            spans = {"row_span": str(down + 1), "col_span": str(right + 1)}
            cells.append(Node("table_cell", "", spans, tuple(Node("text", p) for p in text.split("<br>"))))
    return Node("table", "", {"rows": str(len(rows)), "columns": str(len(rows[0]))}, tuple(cells))


def fold(nodes: Iterator[Node]) -> tuple[Node, ...]:
    """A heading marked {fold} owns what follows, up to the next heading of its level or a higher one."""
    out: list[Node] = []
    for node in nodes:
        top = out[-1] if out else Node("text")
        if top.attrs.get("mark") == "fold" and not "heading" <= node.kind <= top.kind:
            out[-1] = replace(top, children=(*top.children, node))
        else:
            out.append(node)
    return tuple(out)


def soil(node: Node, defects: frozenset[str]) -> Node:
    """Give a block the dirt that real documents carry in every form of export."""
    if node.kind == "code":
        return node
    text = node.text
    for name in sorted(defects & SOIL.keys()):
        kinds, pattern, dirty = SOIL[name]
        text = re.sub(pattern, dirty, text) if node.kind.startswith(kinds) else text
    return replace(node, text=text, children=tuple(soil(child, defects) for child in node.children))


def split(text: str, titles: Titles) -> Iterator[tuple[str, str, str]]:
    """(kind, text, target) of each run of inline text; plain text has the kind ""."""
    at = 0
    for match in _SPAN.finditer(text):
        if match.start() > at:
            yield "", text[at : match.start()], ""
        kind, own, target = str(match.lastgroup), match[match.lastgroup or 0], match["colour"] or ""
        if kind == "doc":
            own, target = titles.get(own) or sys.exit(f"{SOURCE}: {match[0]} names no document"), token(own)
        elif kind == "link":
            own, target = match["label"], quote(own, safe="")
        elif kind == "user":
            own = f"ou_{digest(own) % 16**32:032x}"
        yield kind, own, target
        at = match.end()
    if at < len(text):
        yield "", text[at:], ""


def element(kind: str, text: str, target: str) -> dict[str, Any]:
    """A run as the blocks API writes it; urls are percent-encoded there."""
    if kind == "doc":
        url = quote(f"https://fennbrook.feishu.example/docx/{target}", safe="")
        return {"mention_doc": {"obj_type": 22, "title": text, "token": target, "url": url}}
    if kind == "user":
        return {"mention_user": {"text_element_style": {}, "user_id": text}}
    if kind == "equation":
        return {"equation": {"content": text + "\n", "text_element_style": {}}}
    names = ("bold", "inline_code", "italic", "strikethrough", "underline")
    style: dict[str, Any] = {name: name == kind for name in names}
    style |= {"link": {"url": target}} if kind == "link" else {}
    style |= {"text_color": COLOURS[target]} if kind == "coloured" else {}
    return {"text_run": {"content": text, "text_element_style": style}}


def tag(kind: str, text: str, target: str) -> str:
    """A run as the official Markdown writes it; links stay percent-encoded there too."""
    return {
        "": text, "bold": f"**{text}**", "inline_code": f"`{text}`", "strikethrough": f"~~{text}~~",
        "equation": f"<equation>{text}</equation>", "user": f'<mention-user id="{text}"/>',
        "link": f"[{text}]({target})", "coloured": f'<text color="{target}">{text}</text>',
        "doc": f'<mention-doc token="{target}" type="docx">{text}</mention-doc>',
    }[kind]  # fmt: skip


def blocks(source: Source, titles: Titles) -> str:
    """The document as blocks JSON: a flat list in reading order, tied together by children and parent_id."""
    out: list[dict[str, Any]] = []
    seen: Counter[tuple[str, str]] = Counter()

    def add(node: Node, parent: str, own: str = "") -> str:
        seen[node.kind, node.text] += 1
        own = own or token(source.slug, node.kind, node.text, str(seen[node.kind, node.text]))
        name = "text" if node.kind == "equation" else node.kind
        block: dict[str, Any] = {"block_id": own, "block_type": BLOCK_TYPES[name]}
        out.append(block)
        children = [add(child, own) for child in node.children]
        block |= {"children": children} if children else {}
        block |= {"parent_id": parent, name: content(node, children, titles)}
        return own

    own = token(source.slug)
    # Feishu keeps an empty paragraph at the end of nearly every document.
    add(Node("page", source.title, {}, (*source.body, Node("text"))), "", own)
    document = {"document_id": own, "revision_id": 1 + digest(source.slug) % 400, "title": source.title}
    return json.dumps({"document": document, "blocks": out}, ensure_ascii=False, indent=1)


def content(node: Node, children: Sequence[str], titles: Titles) -> dict[str, Any]:
    """The part of a block that is named after its type."""
    own, attrs = token("media", node.text), node.attrs
    caption = {"caption": {"content": attrs["caption"]}} if "caption" in attrs else {}
    colour = COLOURS[attrs.get("colour", "gray")]
    columns = int(attrs.get("columns", "1"))
    fixed: dict[str, dict[str, Any]] = {
        "divider": {}, "quote_container": {}, "undefined": {}, "table_cell": {},
        "callout": {"background_color": colour, "border_color": colour, "emoji_id": attrs.get("emoji")},
        "grid": {"column_size": len(children)},
        "grid_column": {"width_ratio": int(attrs.get("width", "50"))},
        "image": {"align": 2, "height": 720, "token": own, "width": 1280, **caption},
        "sheet": {"token": f"{own}_{own[:6]}"},
        "bitable": {"token": f"{own}_tbl{own[:14]}"},
        "table": {"cells": list(children), "property": {
            "column_size": columns, "column_width": [730 // columns] * columns, "header_row": True,
            "merge_info": [{k: int(c.attrs[k]) for k in ("row_span", "col_span") if k in c.attrs}
                           for c in node.children],
            "row_size": len(children) // columns}},
    }  # fmt: skip
    if node.kind in fixed:
        return fixed[node.kind]
    style: dict[str, Any] = {"align": 1, "folded": attrs.get("mark") == "fold"}
    style |= {"done": attrs["done"] == "True"} if "done" in attrs else {}
    style |= {"language": CODE_LANGUAGES[attrs["language"]]} if node.kind == "code" else {}
    whole = {"code": "", "equation": "equation"}.get(node.kind)
    runs = list(split(node.text, titles)) if whole is None else [(whole, node.text, "")]
    return {"elements": [element(*run) for run in runs or [("", "", "")]], "style": style}


def joined(nodes: Sequence[Node], titles: Titles, defects: frozenset[str]) -> str:
    """Blocks one below the other; the defects decide where the blank line between them is lost."""
    close = {(kind, kind) for kind in ("bullet", "ordered", "todo", "quote")}
    close |= {("text", "divider")} if "setext" in defects else set()
    close |= {("text", "text")} if "single-newlines" in defects else set()
    out = [written(node, titles, defects) for node in nodes[:1]]
    for before, node in pairwise(nodes):
        out += ["\n" if (before.kind, node.kind) in close else "\n\n", written(node, titles, defects)]
    return "".join(out)


def written(node: Node, titles: Titles, defects: frozenset[str]) -> str:
    if node.kind == "table":
        return lark_table(node, titles, defects)
    raw, attrs, own = node.text, node.attrs, token("media", node.text)
    text = "".join(tag(*run) for run in split(raw, titles))
    inner = joined(node.children, titles, defects)
    if node.kind.startswith("heading"):
        level, colour = int(node.kind[-1]), re.sub(r"color=(\w+)|fold", r'{color="\1"}', attrs["mark"])
        heading = f"<h{level}>{text}</h{level}>" if level > 6 else f"{'#' * level} {text} {colour}".rstrip()
        return f"{heading}\n\n{inner}".rstrip()
    if node.kind in ("bullet", "ordered", "todo"):
        box = {"True": "- [x]", "False": "- [ ]"}.get(attrs.get("done", ""), "")
        mark = {"bullet": "-", "ordered": "1."}.get(node.kind, box)
        return f"{mark} {text}" + ("\n" + indent(inner, "\t") if inner else "")
    caption = f' caption="{attrs["caption"]}"' if "caption" in attrs else ""
    colour = "light-" + attrs.get("colour", "")
    return {
        "text": text, "quote": f"> {text}", "divider": "---", "equation": f"$$\n{raw}\n$$",
        "code": f"```{attrs.get('language')}\n{raw}\n```",
        "callout": f'<callout emoji="{attrs.get("emoji")}" background-color="{colour}" '
                   f'border-color="{colour}">\n\n{inner}\n</callout>',
        "grid": f'<grid cols="{len(node.children)}">\n\n{inner}\n\n</grid>',
        "grid_column": f'  <column width="{attrs.get("width")}">\n{indent(inner, "    ")}\n\n  </column>',
        "quote_container": f"<quote-container>\n\n{inner}\n</quote-container>",
        "image": f'<image token="{own}" width="1280" height="720" align="center"{caption}/>',
        "lapsed": f"![]({LAPSED}{digest(raw):064x})",
        "sheet": f'<sheet token="{own}"/>', "bitable": f'<bitable token="{own}"/>',
    }[node.kind]  # fmt: skip


def lark_table(node: Node, titles: Titles, defects: frozenset[str]) -> str:
    columns = int(node.attrs["columns"])
    widths = ",".join([str(730 // columns)] * columns)
    size = f'rows="{node.attrs["rows"]}" cols="{columns}" header-row="true"'
    out = [f'<lark-table {size} column-widths="{widths}">\n']
    for start in range(0, len(node.children), columns):
        out.append("  <lark-tr>")
        for cell in (c for c in node.children[start : start + columns] if "covered" not in c.attrs):
            wide = [f' {k.replace("_", "")}="{n}"' for k, n in cell.attrs.items() if n != "1"]
            inner = indent(joined(cell.children, titles, defects | {"single-newlines"}), " " * 6)
            out += [f"    <lark-td{''.join(wide)}>", *filter(None, [inner]), "    </lark-td>"]
        out.append("  </lark-tr>")
    return "\n".join([*out, "</lark-table>"])


def build(folder: Path = SOURCE) -> dict[str, bytes]:
    """File name -> bytes of the whole export; depends on the sources only."""
    sources = [read(path) for path in sorted(folder.glob("*.md"))]
    titles = {source.slug: source.title for source in sources}
    out = {}
    for source in sources:
        try:
            if source.form == "blocks":
                out[f"{token(source.slug)}.json"] = f"{blocks(source, titles)}\n".encode()
            else:
                out[f"{source.title}.md"] = f"{joined(source.body, titles, source.defects)}\n".encode()
        except KeyError as unknown:
            sys.exit(f"{folder / source.slug}.md: a document of form {source.form} cannot hold {unknown}")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build corpora/lark from corpora/source/lark.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the files differ")
    check, wanted = parser.parse_args(argv).check, build()
    present = {path.name: path.read_bytes() for path in TARGET.glob("*")}
    changed = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    if check:
        print("\n".join(f"differs: corpora/lark/{n}" for n in changed) or "corpora/lark is up to date")
        return 1 if changed else 0
    TARGET.mkdir(exist_ok=True)
    for name in present.keys() - wanted.keys():
        (TARGET / name).unlink()
    for name, data in wanted.items():
        (TARGET / name).write_bytes(data)
        print(f"wrote corpora/lark/{name} ({len(data):,} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
