"""Multipart bodies. What is broken in one is left out: Dify's own reader is as forgiving."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form."""

    name: str
    content: bytes
    media_type: str = "application/octet-stream"

    @property
    def extension(self) -> str:
        return self.name.rpartition(".")[2].lower() if "." in self.name else ""


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body: its text fields and its files, by field name."""

    fields: Mapping[str, str]
    files: Mapping[str, Upload]


def parse_form(content_type: str, body: bytes) -> Form:
    """The form in a multipart/form-data body. A part that is multipart itself is a file like any other."""
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    for head, content in _parts(content_type, body):
        name = _text(head.get_param("name", "", header="content-disposition"))
        file_name = _text(head.get_param("filename", "", header="content-disposition"))
        if file_name:
            files[name] = Upload(file_name, content, _text(head["content-type"] or "") or "text/plain")
        else:
            fields[name] = content.decode(errors="replace")
    return Form(fields, files)


def _parts(content_type: str, body: bytes) -> Iterator[tuple[Message, bytes]]:
    """Head and content of each part (RFC 7578)."""
    about = Message()
    about["content-type"] = _one_line(content_type)
    boundary = _text(about.get_param("boundary", ""))
    if not boundary:
        return
    _, *sections = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    for section in sections:
        lines, blank, content = section.partition(b"\r\n\r\n")
        if section.startswith(b"--") or not blank:
            return  # the end, or a part that breaks off
        head = Message()
        for line in lines.decode(errors="replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon and name.isascii() and name.isprintable():
                head[name.strip()] = _one_line(value)
        yield head, content


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _text(value: object) -> str:
    """A parameter: plain, or a triple of charset, language and value (RFC 2231)."""
    return str(value[2] if isinstance(value, tuple) else value)
