"""Word files, spreadsheets and CSVs: what they say is in the page, what is not for customers on record."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbtool.exports import Export, docx_mammoth, number_format, office, read, workbook
from kbtool.model import Kind, Page
from tests.office_files import W, docx, numbered, paragraph, run, table, xlsx, zipped

FOOTNOTES = f'<w:footnotes {W}><w:footnote w:id="2">{paragraph("Only in the EU.")}</w:footnote></w:footnotes>'
COMMENTS = f'<w:comments {W}><w:comment w:id="1">{paragraph("Ask legal first")}</w:comment></w:comments>'
DELETED = "<w:del><w:r><w:delText>Old words.</w:delText></w:r></w:del>"
WHOLE = {"a.docx": docx(paragraph("text")), "a.xlsx": xlsx({"S": [["a", 1], ["b", "c"]]})}
TYPEWRITER = '<w:rFonts w:ascii="Consolas"/>'
ENTITIES = '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


def export_of(tmp_path: Path, name: str, data: bytes) -> Export:
    path = tmp_path / name
    path.write_bytes(data)
    return read([path])


def page_of(tmp_path: Path, name: str, data: bytes) -> Page:
    (page,) = export_of(tmp_path, name, data).pages
    return page


def words_of(tmp_path: Path, *body: str, **parts: Any) -> str:
    return page_of(tmp_path, "Guide.docx", docx(*body, title="Guide", **parts)).markdown


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return {name: package.read(name) for name in package.namelist()}


def large(text: str, size: int) -> str:
    return paragraph(run(text, f'<w:b/><w:sz w:val="{size}"/>'))


def test_headings_lists_and_emphasis_of_a_word_file_are_markdown(tmp_path):
    body = (
        paragraph("Returns", style="Heading1"),
        paragraph("You have ", run("14 ", "<w:b/>"), run("days", "<w:b/>"), "."),
        paragraph("First", properties=numbered(0, 2)),
        paragraph("Inside", properties=numbered(1, 1)),
        paragraph("Second", properties=numbered(0, 2)),
        paragraph("Costs", style="Heading2"),
        paragraph("# of parcels"),
    )
    expected = (
        "# Returns\n\nYou have **14 days**.\n\n1. First\n    - Inside\n2. Second\n\n"
        "## Costs\n\n\\# of parcels"
    )
    assert words_of(tmp_path, *body) == expected


def test_a_typed_bullet_is_an_item_at_the_depth_of_its_indent(tmp_path):
    body = (
        paragraph("• One"),
        paragraph("●", "<w:r><w:tab/></w:r>", "Below", properties='<w:ind w:left="720"/>'),
        paragraph("Price · weight"),
    )
    assert words_of(tmp_path, *body) == "- One\n    - Below\n\nPrice · weight"


def test_large_bold_lines_are_headings_where_no_style_is(tmp_path):
    text = paragraph(run("Words of ordinary size, more of them than of any other.", '<w:sz w:val="22"/>'))
    body = (large("Returns", 36), text, large("Costs", 30), text, large("A large sentence that ends.", 30))
    markdown = page_of(tmp_path, "Guide.docx", docx(*body, title="Guide")).markdown
    found = [line for line in markdown.split("\n") if line.startswith("#")]
    assert found == ["# **Returns**", "## **Costs**"]


def test_size_decides_nothing_where_a_style_names_the_headings(tmp_path):
    body = (paragraph("Returns", style="Heading1"), large("Only large", 36), paragraph("Text"))
    assert words_of(tmp_path, *body) == "# Returns\n\n**Only large**\n\nText"


def test_a_style_with_an_outline_level_is_a_heading_by_any_name(tmp_path):
    level = '<w:pPr><w:outlineLvl w:val="1"/></w:pPr>'
    styles = (
        f'<w:styles {W}><w:style w:type="paragraph" w:styleId="a1"><w:name w:val="章节"/>{level}</w:style>'
        '<w:style w:type="paragraph" w:styleId="a2"><w:name w:val="It\'s"/><w:basedOn w:val="a1"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="a3"><w:name w:val="x"/><w:basedOn w:val="a3"/></w:style>'
        "</w:styles>"
    )
    body = (paragraph("退货", style="a1"), paragraph("Also", style="a2"), paragraph("Text", style="a3"))
    assert words_of(tmp_path, *body, styles=styles) == "## 退货\n\n## Also\n\nText"


def test_lines_in_a_typewriters_font_are_one_block_of_code(tmp_path):
    body = (
        paragraph(run("fb status", TYPEWRITER)),
        paragraph(run("  exit 0", TYPEWRITER)),
        paragraph("Then"),
    )
    assert words_of(tmp_path, *body) == "```\nfb status\n  exit 0\n```\n\nThen"


def test_merged_cells_of_a_word_table_are_repeated(tmp_path):
    down, still = '<w:tcPr><w:vMerge w:val="restart"/></w:tcPr>', "<w:tcPr><w:vMerge/></w:tcPr>"
    across = '<w:tcPr><w:gridSpan w:val="2"/></w:tcPr>'
    rows = (
        [paragraph("Model"), paragraph("Price")],
        [down + paragraph("One"), paragraph("€1")],
        [still + paragraph(), paragraph("€2") + paragraph("• with case")],
        [across + paragraph("both | cells")],
    )
    assert words_of(tmp_path, table(*rows)).split("\n")[2:] == [
        "| One | €1 |",
        "| One | €2 with case |",
        "| both \\| cells | both \\| cells |",
    ]


def test_a_table_of_one_cell_is_a_box_around_text_or_code(tmp_path):
    boxes = (
        table([paragraph("Mind the steam.") + paragraph("Always.")]),
        table([paragraph(run("a = 1", TYPEWRITER))]),
    )
    assert words_of(tmp_path, *boxes) == "> Mind the steam.\n>\n> Always.\n\n```\na = 1\n```"


def test_a_table_inside_a_cell_is_its_rows_in_a_line(tmp_path):
    inner = table([paragraph("S"), paragraph("1 cup")], [paragraph("L"), paragraph("4 cups")])
    markdown = words_of(tmp_path, table([paragraph("Size"), inner + paragraph("As sold")]))
    assert markdown.split("\n")[0] == "| Size | S, 1 cup; L, 4 cups; As sold |"


def test_links_stay_and_jumps_inside_the_document_are_their_text(tmp_path):
    body = paragraph(
        '<w:hyperlink r:id="l"><w:r><w:t>our site</w:t></w:r></w:hyperlink>',
        '<w:hyperlink w:anchor="x"><w:r><w:t>, below</w:t></w:r></w:hyperlink>',
        '<w:hyperlink r:id="f"><w:r><w:t>, a file</w:t></w:r></w:hyperlink>',
    )
    links = {"l": "https://a.example/x", "f": "file:///C:/secret.txt"}
    page = page_of(tmp_path, "Guide.docx", docx(body, links=links))
    assert page.markdown == "[our site](https://a.example/x), below, a file"


def test_a_footnote_stands_below_the_paragraph_that_refers_to_it(tmp_path):
    reference = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    markdown = words_of(tmp_path, paragraph("Free.", reference), paragraph("Next."), footnotes=FOOTNOTES)
    assert markdown == "Free.[1]\n\n[1] Only in the EU.\n\nNext."


def test_what_is_not_for_customers_is_on_record_and_not_in_the_page(tmp_path):
    row = "<w:tbl><w:tr><w:trPr><w:del/></w:trPr><w:tc>" + paragraph("Old row") + "</w:tc></w:tr></w:tbl>"
    data = docx(
        paragraph("Returns", style="Heading1"),
        paragraph("Contents 3", style="TOC1"),
        paragraph("<w:ins><w:r><w:t>New words.</w:t></w:r></w:ins>", DELETED),
        paragraph("<w:moveFrom><w:r><w:t>Moved.</w:t></w:r></w:moveFrom>"),
        paragraph('<w:r><w:commentReference w:id="1"/></w:r>', "Text."),
        paragraph("<m:oMath><m:r><m:t>a+b</m:t></m:r></m:oMath>"),
        row,
        comments=COMMENTS,
        header1=f"<w:hdr {W}>{paragraph('Confidential')}</w:hdr>",
        title="Guide",
    )
    export = export_of(tmp_path, "Guide.docx", data)
    (page,) = export.pages
    assert page.markdown == "# Returns\n\nNew words.\n\nText."
    assert {(removal.rule, removal.text) for removal in page.removals} == {
        ("drop_contents", "Contents 3"),
        ("drop_deleted_text", "Old words."),
        ("drop_moved_text", "Moved."),
        ("drop_comments", "Ask legal first"),
        ("drop_word_equations", "a+b"),
        ("drop_deleted_text", "Old row"),
        ("drop_margins", "Confidential"),
    }
    assert [note.text for note in export.notes] == ["page taken without its equations: 1"]


@pytest.mark.parametrize(
    ("title", "first", "expected", "body"),
    [
        ("Returns", "Returns", "Returns", "Text"),
        ("Returns", "How long", "Returns", "# How long\n\nText"),
        ("Document1", "How long", "How long", "Text"),
        ("guide.docx", "How long", "How long", "Text"),
        ("", "", "Guide", "Text"),
    ],
)
def test_the_title_is_the_files_property_else_the_first_heading_else_the_name(
    tmp_path, title, first, expected, body
):
    heading = [paragraph(first, style="Heading1")] if first else []
    page = page_of(tmp_path, "Guide.docx", docx(*heading, paragraph("Text"), title=title))
    assert (page.title, page.markdown) == (expected, body)


def test_of_several_first_headings_none_is_the_title(tmp_path):
    body = [part for name in "ab" for part in (paragraph(name, style="Heading1"), paragraph("Text"))]
    page = page_of(tmp_path, "Guide.docx", docx(*body))
    assert (page.title, page.markdown) == ("Guide", "# a\n\nText\n\n# b\n\nText")


def test_a_paragraph_in_the_style_title_is_the_title(tmp_path):
    page = page_of(tmp_path, "Guide.docx", docx(paragraph("Returns", style="Title"), paragraph("Text")))
    assert (page.title, page.markdown, page.kind) == ("Returns", "Text", Kind.DOCX)


def test_each_sheet_is_a_section_with_its_table(tmp_path):
    data = xlsx(
        {
            "Prices": [
                ["Price list 2026"],
                [],
                ["Model", None, "Price", "Since"],
                ["One", None, 12.5, 46000],
                ["Two", None, "=C4*2=25", 46000.5],
                [None, None, True, "two\nlines"],
            ],
            "Empty": [],
            "Internal": [["margin", 0.4]],
            "Zones": [["Zone", "Country"], ["EU", "DE"], [None, "FR"]],
        },
        hidden=["Internal"],
        merged={"Prices": ["A1:D1"], "Zones": ["A2:A3"]},
        formats={"Prices!D4": "yyyy-mm-dd", "Prices!D5": "yyyy-mm-dd hh:mm"},
    )
    export = export_of(tmp_path, "Prices 2026.xlsx", data)
    (page,) = export.pages
    assert (page.title, page.kind) == ("Prices 2026", Kind.SPREADSHEET)
    assert page.markdown.split("\n") == [
        "## Prices", "",
        "Price list 2026", "",
        "| Model | Price | Since |",
        "| --- | --- | --- |",
        "| One | 12.5 | 2025-12-09 |",
        "| Two | 25 | 2025-12-09 12:00 |",
        "|  | TRUE | two lines |", "",
        "## Zones", "",
        "| Zone | Country |",
        "| --- | --- |",
        "| EU | DE |",
        "| EU | FR |",
    ]  # fmt: skip
    assert [(removal.rule, removal.text) for removal in page.removals] == [
        ("drop_hidden_sheets", "Internal\nmargin 0.4")
    ]
    assert [note.text for note in export.notes] == ["page taken without hidden sheets: Internal"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1 + 0.2, "0.3"), (3.0, "3"), (1e21, "1e+21"), (True, "TRUE"), (7, "7"),
        (dt.date(2026, 3, 1), "2026-03-01"), (dt.time(9, 30), "09:30"), (dt.time(9, 30, 5), "09:30:05"),
        (dt.timedelta(hours=30), "1 day, 6:00:00"), ("a", "a"),
    ],
)  # fmt: skip
def test_values_are_written_as_a_person_reads_them(value, expected):
    assert workbook.shown(value) == expected


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (0.15, "0%", "15%"), (0.155, "0.0%", "15.5%"), (12.5, '"€"0.00', "€12.50"), (3, "0\\ \\€", "3 €"),
        (1234.5, "#,##0.00", "1,234.50"), (3, "[$¥-804]#,##0.00", "¥3.00"), (5, '#,##0"元"', "5元"),
        (-5, "0.00;[Red](0.00)", "(5.00)"), (-5, "0.00", "-5.00"), (5, '0;"a;b"0', "5"),
        (-5, '0;"a;b"0', "a;b5"),
        (1.5, "0.##", "1.5"), (1, "0.##", "1"), (7, "000", "007"), (2.675, "0.00", "2.68"), (0, "#", "0"),
        (5, "_-* #,##0.00\\ _€_-", "5.00"), (45, "yyyy-mm-dd", None), (3, "General", None), (5, "@", None),
        (5, "# ?/?", None), (5, "0.00E+00", None), (1e300, "0.00", None), (5, "", None), (5, '"x"', None),
    ],
)  # fmt: skip
def test_a_number_is_written_as_its_format_shows_it(value, code, expected):
    assert number_format.shown(float(value), code) == expected


@settings(max_examples=150, deadline=None)
@given(st.floats(allow_nan=True), st.text(alphabet='0#,.%;"\\_*[]$-¥ aEd?/@()', max_size=14))
def test_any_format_of_any_number_is_shown_or_left_to_the_value(value, code):
    assert number_format.shown(value, code) != ""


def test_prices_and_shares_of_a_sheet_keep_their_formats(tmp_path):
    data = xlsx(
        {"S": [["Price", "Share", "Plain", "Text"], [12.5, 0.15, 0.5, "a"], [None, "=A2*0=0.2", True, 3]]},
        formats={"S!A2": '"€"0.00', "S!B2": "0%", "S!B3": "0%", "S!D2": "0%", "S!D3": "0.0"},
    )
    markdown = page_of(tmp_path, "a.xlsx", data).markdown
    assert markdown.split("\n")[2:] == ["| €12.50 | 15% | 0.5 | a |", "|  | 20% | TRUE | 3.0 |"]


def test_every_row_of_a_long_sheet_is_there(tmp_path):
    rows: list[list[object]] = [["Part", "Price"], *([f"P{n}", n] for n in range(5_000))]
    markdown = page_of(tmp_path, "parts.xlsx", xlsx({"Parts": rows})).markdown
    assert markdown.count("\n") == 5_001
    assert markdown.endswith("| P4999 | 4999 |")


@pytest.mark.parametrize(
    ("encoding", "sign"), [("utf-8-sig", ","), ("gb18030", ";"), ("utf-16", "\t"), ("utf-8", "|")]
)
def test_a_csv_is_a_table_whatever_its_delimiter_and_encoding(tmp_path, encoding, sign):
    lines = [sign.join(['"型号, 名"', "价格"]), sign.join(["One", '"1\n2"']), "", sign.join(["Two", ""])]
    page = page_of(tmp_path, "parts.csv", "\r\n".join(lines).encode(encoding))
    assert page.markdown == "| 型号, 名 | 价格 |\n| --- | --- |\n| One | 1 2 |\n| Two |  |"


def test_a_csv_of_one_column_is_not_cut_at_a_comma_in_some_row(tmp_path):
    page = page_of(tmp_path, "notes.csv", b"Note\nFirst, then second\nThird\nFourth\n")
    assert page.markdown == "| Note |\n| --- |\n| First, then second |\n| Third |\n| Fourth |"


@pytest.mark.parametrize(("name", "data"), [*WHOLE.items(), ("a.csv", b"a,b\n1,2")])
def test_what_is_attached_to_a_notion_page_is_an_attachment(tmp_path, name, data):
    folder = tmp_path / "export" / "Setup 4f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(data)
    export = read([tmp_path / "export"])
    assert export.pages == ()
    assert [skip.reason for skip in export.skipped] == ["attachment of a Notion page"]


def bomb(name: str, *, letters: int) -> bytes:
    return zipped({name: b" " * letters})


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.docx", b"", "empty file"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "protected by a password"),
        ("a.docx", zipped({"x.xml": "<x/>"}), "not a Word document"),
        ("a.docx", zipped({"word/document.xml": "<x/>"}), "not a Word document"),
        ("a.docx", zipped({"word/document.xml": "<x"}), "not a Word document"),
        ("a.docx", docx(ENTITIES), "declares a document type"),
        ("a.docx", docx(paragraph("x"), styles=ENTITIES + f"<w:styles {W}/>"), "declares a document type"),
        ("a.docx", docx("<w:p>" * 3000 + "</w:p>" * 3000), "nested deeper"),
        ("a.docx", docx(table([f'<w:tcPr><w:gridSpan w:val="x"/></w:tcPr>{paragraph()}'])), "not a Word"),
        ("a.docx", bomb("word/document.xml", letters=2**24), "200 times its size"),
        ("a.docx", docx(paragraph("text"))[:-30], "not a complete Office file"),
        ("a.xlsx", zipped({"x.xml": "<x/>"}), "not a spreadsheet"),
        ("a.xlsx", zipped({"xl/workbook.xml": "<x/>"}), "not a spreadsheet"),
        ("a.xlsx", bomb("xl/sharedStrings.xml", letters=2**24), "200 times its size"),
        ("a.xlsx", docx(paragraph("text")), "not a spreadsheet"),
    ],
)
def test_what_is_no_office_file_is_left_out_with_a_reason(tmp_path, name, data, reason):
    export = export_of(tmp_path, name, data)
    assert export.pages == ()
    assert reason in export.skipped[0].reason


def test_a_sheet_of_two_far_corners_is_refused_before_it_is_spread_out(tmp_path):
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    data = xlsx({"S": [["a"]]})
    parts = parts_of(data)
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"</sheetData>", far + b"</sheetData>")
    export = export_of(tmp_path, "a.xlsx", zipped(parts))
    assert "a sheet of 1,048,576 rows and 16,384 columns" in export.skipped[0].reason


def test_a_text_that_many_cells_share_is_counted_as_often_as_it_is_used(tmp_path, monkeypatch):
    data = xlsx({"S": [[f"{n}" for n in range(20)]] * 20})
    parts = parts_of(data)
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 200))
    sheet = f'<worksheet xmlns="x"><sheetData>{cells}</sheetData></worksheet>'
    shared = f"<sst><si><t>{'a' * 1000}</t></si></sst>"
    parts |= {"xl/worksheets/sheet1.xml": sheet.encode(), "xl/sharedStrings.xml": shared.encode()}
    monkeypatch.setattr(workbook, "MOST_TEXT", 100_000)
    export = export_of(tmp_path, "a.xlsx", zipped(parts))
    assert "of text in a sheet" in export.skipped[0].reason


def test_a_file_with_too_much_xml_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(office, "XML_BYTES", 1000)
    export = export_of(tmp_path, "a.docx", docx(*[paragraph("text")] * 100))
    assert "larger than" in export.skipped[0].reason


def test_a_word_file_with_too_many_tags_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(docx_mammoth, "MOST_TAGS", 100)
    export = export_of(tmp_path, "a.docx", docx(*["<w:p/>"] * 100))
    assert "more than 100 tags" in export.skipped[0].reason


def test_a_long_cell_over_many_columns_is_not_repeated(tmp_path):
    page = page_of(tmp_path, "a.xlsx", xlsx({"S": [["x" * 30_000] + ["y"] * 40]}, merged={"S": ["A1:AN1"]}))
    assert page.markdown.count("x") == 30_000


WORDS = st.lists(st.sampled_from(["refund", "退款", "E07", "can't", "naïve", "2024"]), min_size=1, max_size=4)
TEXT = WORDS.map(" ".join)
BLOCKS = st.one_of(
    TEXT.map(paragraph),
    TEXT.map(lambda text: paragraph(text, style="Heading1")),
    TEXT.map(lambda text: paragraph(text, style="TOC1")),
    TEXT.map(lambda text: paragraph(text, style="Title")),
    TEXT.map(lambda text: paragraph(run(text, TYPEWRITER))),
    TEXT.map(lambda text: paragraph("• ", text)),
    TEXT.map(lambda text: paragraph(run(text, "<w:b/>"), " ", text)),
    TEXT.map(lambda text: paragraph(f"<w:moveFrom>{run(text)}</w:moveFrom>", text)),
    TEXT.map(lambda text: table([paragraph(text), table([paragraph(text)])], [paragraph(text)])),
    TEXT.map(lambda text: table([paragraph(text) + paragraph(run(text, TYPEWRITER))])),
    st.builds(lambda text, level: paragraph(text, properties=numbered(level, 1)), TEXT, st.integers(0, 8)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=8))
def test_every_word_of_a_word_file_is_in_the_page_or_on_record(tmp_path_factory, body):
    export = export_of(tmp_path_factory.mktemp("words"), "Guide.docx", docx(*body))
    raw = Counter(re.findall(r"\w+", "\n".join(re.findall(r"<w:t [^>]*>([^<]*)", "".join(body)))))
    for page in export.pages:
        record = (removal.text for removal in page.removals)
        assert not raw - Counter(re.findall(r"\w+", "\n".join([page.title, page.markdown, *record])))


PIECES = st.sampled_from(
    [
        *("<w:p>", "</w:p>", "<w:r>", "</w:r>", "<w:t>x</w:t>", "<w:tbl>", "</w:tbl>", "<w:tr>", "</w:tr>"),
        *("<w:tc>", "</w:tc>", "<w:pPr>", "</w:pPr>", "<w:del>", "</w:del>", "<w:tab/>", "<w:br/>"),
        *('<w:footnoteReference w:id="9"/>', "<w:footnoteReference/>", '<w:commentReference w:id="9"/>'),
        *('<w:hyperlink r:id="none">', "</w:hyperlink>", '<w:fldChar w:fldCharType="end"/>', "<w:drawing/>"),
        *('<w:sym w:font="x" w:char="zz"/>', "<w:sym/>", '<w:numPr><w:numId w:val="9"/></w:numPr>'),
        *('<w:pStyle w:val="Heading1"/>', "<w:sdt><w:sdtContent/></w:sdt>", "<m:oMath/>", "&amp;", "&", "x"),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_any_tags_of_word_are_read_or_left_out_and_never_raise(tmp_path_factory, body):
    export = export_of(tmp_path_factory.mktemp("word"), "a.docx", docx(body, paragraph("words")))
    assert len(export.pages) + len(export.skipped) >= 1


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["a.docx", "a.xlsx", "a.csv", "a.md", "a.json"]),
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda start, cut, noise: start[: cut % len(start)] + noise,
            st.sampled_from(sorted(WHOLE.values())),
            st.integers(0, 10**6),
            st.binary(max_size=20),
        ),
    ),
)
def test_any_bytes_by_any_name_are_read_or_left_out_and_never_raise(tmp_path_factory, name, data):
    export = export_of(tmp_path_factory.mktemp("any"), name, data)
    assert len(export.pages) + len(export.skipped) >= 1
    assert all(skip.reason for skip in export.skipped)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_a_part_with_any_damage_is_read_or_left_out_and_never_raises(tmp_path_factory, whole, draw):
    """The zip is whole and one of its parts is not: what bytes at random would never reach."""
    parts = parts_of(WHOLE[whole])
    name = draw.draw(st.sampled_from(sorted(parts)))
    start = draw.draw(st.integers(0, len(parts[name])))
    stop = draw.draw(st.integers(start, len(parts[name])))
    parts[name] = parts[name][:start] + draw.draw(st.binary(max_size=8)) + parts[name][stop:]
    export = export_of(tmp_path_factory.mktemp("part"), whole, zipped(parts))
    assert len(export.pages) + len(export.skipped) >= 1
