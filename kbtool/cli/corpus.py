"""`kbtool clean` and `kbtool chunk`: look at what the first half of the chain makes of an export."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.kind import Kind

if TYPE_CHECKING:
    from kbtool.codec import Outline
    from kbtool.config import Settings
    from kbtool.corpus import Event, Prepared
    from kbtool.model import Note, Skipped
    from kbtool.prepare import Part
    from kbtool.tidy import TidyTree

Sources = Annotated[list[Path] | None, typer.Argument(help="Zips, folders, files; else those of kb.toml.")]
ForcedKind = Annotated[
    Kind | None, typer.Option("--kind", help="What the sources are, where that is not recognised right.")
]
_REASONS_SHOWN = 8

NoCache = Annotated[bool, typer.Option("--no-cache", help="Read every page anew.")]


def clean(
    sources: Sources = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the tidy Markdown tree.")] = Path(
        "clean"
    ),
    kind: ForcedKind = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
    no_cache: NoCache = False,
) -> None:
    """Write the cleaned pages as Markdown, and a report of what each rule removed."""
    from kbtool.exports.catalog import REPORT
    from kbtool.model import Note, Skipped
    from kbtool.prepare import Part
    from kbtool.tidy import TidyTree

    settings = _settings(sources, config, kind)
    parts = (Part.CLEANED, Part.SKETCH)
    with (
        _events(
            settings, parts, uses_cache=_uses_cache(config, no_cache=no_cache), is_quiet=as_json
        ) as events,
        TidyTree(out) as tree,
    ):
        for event in events:
            if isinstance(event, Skipped):
                tree.skipped.append(event)
            elif isinstance(event, Note):
                tree.notes.append(event)
            elif event.cleaned:
                tree.add(event.cleaned, event.edited, event.sketch)
    if as_json:
        with (out / REPORT).open(encoding="utf-8") as report:
            for line in report:
                sys.stdout.write(line)
    else:
        _say(tree)
    _report(tree.skipped, tree.notes)


def _say(tree: TidyTree) -> None:
    from kbtool.exports.catalog import REPORT

    typer.echo(f"{tree.written} pages written to {tree.root}, what was removed to {tree.root / REPORT}")
    for rule, count in tree.removed.most_common():
        typer.echo(f"  {count:>5}  {rule}")
    for pair in tree.duplicates:
        older = f"; {pair.older} is older" if pair.older else ""
        typer.echo(f"twice: {pair.name} is {pair.likeness:.0%} like {pair.like}{older}")


def chunk(
    sources: Sources = None,
    kind: ForcedKind = None,
    config: Config = DEFAULT_CONFIG,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page to look at: each source beside its chunks.")
    ] = None,
    as_json: Json = False,
    no_cache: NoCache = False,
) -> None:
    """Show the chunks: a line per section, with --json an object a line, with --html a page to look at."""
    from kbtool.prepare import Part

    if html and as_json:
        raise typer.BadParameter("not together with --json", param_hint="--html")
    settings = _settings(sources, config, kind)
    parts = (Part.DOCUMENT, Part.CLEANED, Part.TEXT) if html else (Part.LINES if as_json else Part.DOCUMENT,)
    seen = _Seen()
    with _events(
        settings, parts, uses_cache=_uses_cache(config, no_cache=no_cache), is_quiet=as_json
    ) as events:
        pages = seen.pages(events)
        if html:
            _write_preview(html, pages, seen.skipped, settings)
        else:
            for page in pages:
                if as_json:
                    sys.stdout.write(page.lines.decode())
                elif page.outline and page.outline.sections:
                    sys.stdout.write("".join(_lines(page.outline)))
    if not as_json:
        from kbtool.cli.show import number

        typer.echo(
            f"\n{number(seen.documents, 'document')}, {number(seen.sections, 'section')},"
            f" {number(seen.children, 'subsection')}"
            + (f": {html}" if html else "; columns are characters and subsections")
        )
    _report(seen.skipped, seen.notes)


def _write_preview(path: Path, pages: Iterator[Prepared], skipped: list[Skipped], settings: Settings) -> None:
    from kbtool import preview

    processed = (
        preview.Processed(page.text, page.cleaned.page, page.cleaned.removals, document)
        for page in pages
        if page.cleaned and (document := page.document)
    )
    text = preview.render(processed, skipped, settings.bounds)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


class _Seen:
    """What went by: counts of what was taken, and all that was not."""

    def __init__(self) -> None:
        self.skipped: list[Skipped] = []
        self.notes: list[Note] = []
        self.documents = self.sections = self.children = 0

    def pages(self, events: Iterator[Event]) -> Iterator[Prepared]:
        from kbtool.model import Note, Skipped

        for event in events:
            if isinstance(event, Skipped):
                self.skipped.append(event)
            elif isinstance(event, Note):
                self.notes.append(event)
            else:
                sections = event.outline.sections if event.outline else []
                self.documents += bool(sections)
                self.sections += len(sections)
                self.children += sum(section.children for section in sections)
                yield event


@contextmanager
def _events(
    settings: Settings, parts: Sequence[Part], *, uses_cache: bool, is_quiet: bool
) -> Iterator[Iterator[Event]]:
    """The pages of the sources, with progress shown; all processes have ended when the block has."""
    from kbtool import corpus
    from kbtool.cli import show

    with (
        show.progress(is_quiet=is_quiet and not sys.stderr.isatty()) as progress,
        closing(corpus.stream(settings, parts, uses_cache=uses_cache, progress=progress)) as events,
    ):
        yield events


def _uses_cache(config: Path, *, no_cache: bool) -> bool:
    """Beside kb.toml is a place for it; a folder without one is no project of ours to write to."""
    return config.exists() and not no_cache


def _settings(sources: list[Path] | None, config: Path, kind: Kind | None) -> Settings:
    """Those of kb.toml, or defaults for sources named on the command line where there is none."""
    from kbtool.config import Settings, load

    settings = load(config) if config.exists() or not sources else Settings()
    changed: dict[str, object] = {"kinds": {"*": kind}} if kind else {}
    if sources:
        changed["sources"] = tuple(str(path.absolute()) for path in sources)
    return settings.model_copy(update={"corpus": settings.corpus.model_copy(update=changed)})


def _lines(outline: Outline) -> Iterator[str]:
    """The document as a person reads it, a line a section."""
    yield f"\n{outline.title}  ({outline.slug})\n"
    for section in outline.sections:
        path = " › ".join(section.heading_path[1:]) or "(before the first heading)"
        yield f"  {section.length:>5}  {section.children:>2}  {path}\n"


def _report(skipped: Sequence[Skipped], notes: Sequence[Note]) -> None:
    """Errors one by one, the rest counted by reason; an unreadable page is exit code 1, after all others."""
    errors = [skip for skip in skipped if skip.is_error]
    if skipped:
        sys.stderr.write(f"{len(skipped)} files or pages skipped ({len(errors)} of them unreadable)\n")
    reasons = Counter(skip.reason for skip in skipped if not skip.is_error)
    for reason, count in reasons.most_common(_REASONS_SHOWN):
        sys.stderr.write(f"  {count:>5}  {reason}\n")
    if len(reasons) > _REASONS_SHOWN:
        sys.stderr.write(
            f"         and {len(reasons) - _REASONS_SHOWN} more reasons: see `kbtool chunk --html`\n"
        )
    for note in notes:
        sys.stderr.write(f"note: {note.source}: {note.text}\n")
    for skip in errors:
        sys.stderr.write(f"error: {skip.source}: {skip.reason}\n")
    if errors:
        raise typer.Exit(1)
