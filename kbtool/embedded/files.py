"""Documents by file: the form they come in, what is refused, and how Markdown is read [107-114, 381, 382].

Text and Markdown only; a real server reads PDF, Office and web formats as well. Markdown is not kept as it
is: it is cut at every heading and loses its markup, so our own chunks always go by text.
"""

from __future__ import annotations

import json
import re
from typing import Any

from kbtool.embedded import answers, documents
from kbtool.embedded.answers import Answer
from kbtool.embedded.call import Call
from kbtool.embedded.forms import Form, Upload

MARKDOWN = frozenset({"md", "markdown", "mdx"})
MAX_BYTES = 15 * 1024 * 1024
_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
_HEADING = re.compile(r"#+\s")
_TAG = re.compile(r"<.*?>")


def create(call: Call) -> Answer:
    """create-by-file. Here the technique may be left out, and "duplicate" may be false [109]."""
    dataset = call.dataset()
    upload = _upload(call.body)
    body = {"indexing_technique": dataset["indexing_technique"]} | _data(call.body)
    config = documents.read_config(body, dataset)
    return documents.store(call, dataset, _source(upload), config, overwrites=config.duplicate)


def update(call: Call) -> Answer:
    """update-by-file: the document takes the name of the file [114]."""
    dataset = call.dataset()
    upload = _upload(call.body)
    body = {"indexing_technique": "high_quality"} | _data(call.body)
    return documents.replace(call, dataset, _source(upload), documents.read_config(body, dataset))


def pages(text: str, extension: str) -> list[str]:
    """What is split on its own: a text whole, Markdown heading by heading, without tags and blank lines."""
    if extension not in MARKDOWN:
        return [text]
    found: list[tuple[str, str]] = []
    heading, lines, is_code = "", "", False
    for line in text.split("\n"):
        is_code ^= line.startswith("```")
        if _HEADING.match(line) and not is_code:
            found.append((heading, lines))
            heading, lines = line.replace("#", "").strip(), ""
        elif line.strip() or is_code:
            lines += f"{line}\n"
    found.append((heading, lines))
    return [f"\n\n{heading}\n{_without_tags(lines)}" for heading, lines in found if heading or lines]


def _without_tags(text: str) -> str:
    """Behind the last `>` no tag can end: looking there for one would take a time that grows as a square."""
    tagged, end, rest = text.rpartition(">")
    return _TAG.sub("", tagged + end) + rest


def _form(body: object) -> Form:
    return body if isinstance(body, Form) else Form({}, {})


def _data(body: object) -> dict[str, Any]:
    """The JSON object in the form's field `data`."""
    try:
        data = json.loads(_form(body).fields.get("data", "{}"))
    except (ValueError, RecursionError) as error:
        raise answers.invalid(str(error)) from error
    if not isinstance(data, dict):
        raise answers.invalid("data must be an object")
    return data


def _upload(body: object) -> Upload:
    """The form's file; what is wrong with it is a 400, mostly without a message [110-113]."""
    upload = _form(body).files.get("file")
    if upload is None:
        raise answers.Refused(400, "no_file_uploaded", "Please upload your file.")
    if _FORBIDDEN.search(upload.name):
        raise answers.invalid("Filename contains invalid characters")
    if upload.extension not in MARKDOWN | {"txt"} or len(upload.content) > MAX_BYTES:
        raise answers.invalid("")
    return upload


def _source(upload: Upload) -> documents.Source:
    mime_type = "text/markdown" if upload.extension in MARKDOWN else "text/plain"
    text = upload.content.decode(errors="replace")
    return documents.Source(upload.name, text, len(upload.content), upload.extension, mime_type)
