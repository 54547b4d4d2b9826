"""`kbtool clean` and `kbtool chunk`: look at what the first half of the chain makes of an export."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config, Json

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.model import Document, Page, Section, Skipped

Sources = Annotated[list[Path] | None, typer.Argument(help="Zips, folders, files; else those of kb.toml.")]


def clean(
    sources: Sources = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the tidy Markdown tree.")] = Path(
        "clean"
    ),
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Write the cleaned pages as Markdown, and say what each rule removed."""
    from kbtool import corpus

    settings = _settings(sources, config)
    loaded = corpus.load(settings)
    for page, path in zip(loaded.pages, _paths(loaded.pages), strict=True):
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"# {page.title}\n\n{page.markdown.strip()}\n", encoding="utf-8")
    if as_json:
        report = {
            "pages": len(loaded.pages),
            "removed": dict(loaded.removed.most_common()),
            "skipped": [_skip(skip) for skip in loaded.skipped],
        }
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        typer.echo(f"{len(loaded.pages)} pages written to {out}")
        for rule, count in loaded.removed.most_common():
            typer.echo(f"  {count:>5}  {rule}")
    _report_skipped(loaded.skipped)


def chunk(
    sources: Sources = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show the chunks: one JSON object a line with --json, else a line per section."""
    from kbtool import corpus

    loaded = corpus.load(_settings(sources, config))
    for document in loaded.documents:
        if not as_json:
            typer.echo(f"\n{document.title}  ({document.slug})")
        for section in document.sections:
            if as_json:
                for line in _lines(document, section):
                    typer.echo(json.dumps(line, ensure_ascii=False))
            else:
                size = sum(len(child.text) for child in section.children)
                path = " › ".join(section.heading_path[1:]) or "(before the first heading)"
                typer.echo(f"  {size:>5}  {len(section.children):>2}  {path}")
    if not as_json:
        typer.echo(
            f"\n{len(loaded.documents)} documents, {loaded.sections} sections, {loaded.children} subsections;"
            " columns are characters and subsections"
        )
    _report_skipped(loaded.skipped)


def _paths(pages: Sequence[Page]) -> Iterator[str]:
    """A file for each page, no two alike, also where capitals do not count.

    File systems allow 255 bytes a name. The tag of its key tells a page apart whose name was cut, or that
    another one has taken.
    """
    from kbtool.sync.render import tag_of

    taken: set[str] = set()
    for page in pages:
        parts = [_cut(part) or "untitled" for part in page.slug.split("/")]
        path = "/".join(parts)
        if parts[-1] != (page.slug.split("/")[-1] or "untitled") or path.casefold() in taken:
            path = f"{path} {tag_of(page.key)}"
        taken.add(path.casefold())
        yield f"{path}.md"


def _cut(part: str) -> str:
    return part[:80].encode()[:200].decode("utf-8", "ignore")


def _settings(sources: list[Path] | None, config: Path) -> Settings:
    """Those of kb.toml, or defaults for sources named on the command line where there is none."""
    from kbtool.config import Corpus, Settings, load

    if not sources:
        return load(config)
    settings = load(config) if config.exists() else Settings()
    named = Corpus(sources=tuple(str(path.absolute()) for path in sources), exclude=settings.corpus.exclude)
    return settings.model_copy(update={"corpus": named})


def _lines(document: Document, section: Section) -> list[dict[str, object]]:
    from kbtool.chunk import section_text
    from kbtool.model import Chunk

    parent = Chunk(section.heading_path, section_text(section))
    return [
        {
            "document": document.slug,
            "title": document.title,
            "heading_path": list(chunk.heading_path),
            "level": level,
            "text": chunk.text,
            "source": document.source,
            "sha256": chunk.sha256,
        }
        for level, chunk in [("parent", parent), *[("child", child) for child in section.children]]
    ]


def _skip(skip: Skipped) -> dict[str, object]:
    return {"source": skip.source, "reason": skip.reason, "error": skip.is_error}


def _report_skipped(skipped: tuple[Skipped, ...]) -> None:
    """Errors one by one, the rest as a count; an unreadable page is exit code 1, after all others."""
    errors = [skip for skip in skipped if skip.is_error]
    if skipped:
        sys.stderr.write(f"{len(skipped)} files or pages skipped ({len(errors)} of them unreadable)\n")
    for skip in errors:
        sys.stderr.write(f"error: {skip.source}: {skip.reason}\n")
    if errors:
        raise typer.Exit(1)
