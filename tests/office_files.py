"""Word and Excel files for tests, written with the standard library: no binary file in git."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
STYLES = {"Heading1": "heading 1", "Heading2": "heading 2", "Title": "Title", "TOC1": "toc 1"}


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in parts.items():
            package.writestr(name, text)
    return stream.getvalue()


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def paragraph(*runs: str, style: str = "", properties: str = "") -> str:
    """A paragraph; what is no XML among `runs` is a run of plain text."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    inner = "".join(part if part.startswith("<") else run(part) for part in runs)
    return f"<w:p><w:pPr>{named}{properties}</w:pPr>{inner}</w:p>"


def numbered(level: int, number: int) -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'


def table(*rows: Sequence[str]) -> str:
    """A table; a cell is its paragraphs, with a `w:tcPr` before them where it has one."""
    cells = ("".join(f"<w:tc>{cell}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"


def docx(*body: str, title: str = "", links: Mapping[str, str] | None = None, **parts: str) -> bytes:
    """A Word file. `parts` are further parts under `word/`, by name without suffix."""
    targets = "".join(
        f'<Relationship Id="{name}" Type="{OFFICE}/hyperlink" Target={quoteattr(target)} '
        'TargetMode="External"/>'
        for name, target in (links or {}).items()
    )
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{shown}"/></w:style>'
        for name, shown in STYLES.items()
    )
    formats = "".join(
        f'<w:abstractNum w:abstractNumId="{number}">'
        + "".join(f'<w:lvl w:ilvl="{n}"><w:numFmt w:val="{form}"/></w:lvl>' for n in range(9))
        + "</w:abstractNum>"
        for number, form in ((1, "bullet"), (2, "decimal"))
    )
    uses = "".join(f'<w:num w:numId="{n}"><w:abstractNumId w:val="{n}"/></w:num>' for n in (1, 2))
    return zipped(
        {
            "[Content_Types].xml": TYPES,
            "_rels/.rels": f'<Relationships {RELATIONS}><Relationship Id="r" Type="{OFFICE}/officeDocument" '
            'Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": f"<Relationships {RELATIONS}>{targets}</Relationships>",
            "word/document.xml": f"<w:document {W} {R} {M}><w:body>{''.join(body)}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {W}>{styles}</w:styles>",
            "word/numbering.xml": f"<w:numbering {W}>{formats}{uses}</w:numbering>",
            "docProps/core.xml": '<c:p xmlns:c="urn:core" xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<dc:title>{escape(title)}</dc:title></c:p>",
            **{f"word/{name}.xml": part for name, part in parts.items()},
        }
    )


def xlsx(
    sheets: Mapping[str, Sequence[Sequence[object]]],
    *,
    hidden: Sequence[str] = (),
    merged: Mapping[str, Sequence[str]] | None = None,
    formats: Mapping[str, str] | None = None,
) -> bytes:
    """An Excel file. A value that begins with "=" is a formula and its value behind a second "=".

    `formats` gives a number format to cells by "Sheet!A1"; dates are numbers with one.
    """
    codes = sorted(set((formats or {}).values()))
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}"{_state(name, hidden)}/>'
        for n, name in enumerate(sheets, 1)
    )
    related = "".join(
        f'<Relationship Id="r{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    styled = "".join(f'<numFmt numFmtId="{200 + n}" formatCode={quoteattr(c)}/>' for n, c in enumerate(codes))
    used = "".join(f'<xf numFmtId="{200 + n}" applyNumberFormat="1"/>' for n in range(len(codes)))
    formatted = f'<numFmts>{styled}</numFmts><cellXfs><xf numFmtId="0"/>{used}</cellXfs>'
    parts = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": f'<Relationships {RELATIONS}><Relationship Id="r" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f"<workbook {SHEET} {R}><sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships {RELATIONS}>{related}"
        f'<Relationship Id="s" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f"<styleSheet {SHEET}>{formatted}</styleSheet>",
    }
    for number, (name, rows) in enumerate(sheets.items(), 1):
        style = {
            place.partition("!")[2]: codes.index(code) + 1
            for place, code in (formats or {}).items()
            if place.startswith(f"{name}!")
        }
        parts[f"xl/worksheets/sheet{number}.xml"] = _sheet(rows, (merged or {}).get(name, ()), style)
    return zipped(parts)


def _state(name: str, hidden: Sequence[str]) -> str:
    return ' state="hidden"' if name in hidden else ""


def _sheet(rows: Sequence[Sequence[object]], merged: Sequence[str], styles: Mapping[str, int]) -> str:
    lines = (
        f'<row r="{n}">'
        + "".join(_cell(f"{_letters(column)}{n}", value, styles) for column, value in enumerate(row))
        + "</row>"
        for n, row in enumerate(rows, 1)
    )
    spans = "".join(f'<mergeCell ref="{area}"/>' for area in merged)
    over = f"<mergeCells>{spans}</mergeCells>" if spans else ""
    return f"<worksheet {SHEET}><sheetData>{''.join(lines)}</sheetData>{over}</worksheet>"


def _letters(column: int) -> str:
    return (chr(64 + column // 26) if column >= 26 else "") + chr(65 + column % 26)


def _cell(place: str, value: object, styles: Mapping[str, int]) -> str:
    style = f' s="{styles[place]}"' if place in styles else ""
    if value is None:
        return ""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"{style}><v>{value}</v></c>'
    text = str(value)
    if text.startswith("="):
        formula, _, result = text[1:].rpartition("=")
        return f'<c r="{place}"{style}><f>{escape(formula)}</f><v>{escape(result)}</v></c>'
    return f'<c r="{place}" t="inlineStr"{style}><is><t xml:space="preserve">{escape(text)}</t></is></c>'
