"""The zip that a .docx or an .xlsx is, within limits: such a file is as easily a bomb as any other zip.

Its parts are unpacked once and counted as they come. The libraries that read them get a package made of
these parts alone: whatever names and sizes the file declares, they never meet more than was counted.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

from kbtool.errors import ExportError
from kbtool.exports import archive
from kbtool.exports.archive import File
from kbtool.exports.names import split_id
from kbtool.model import Skipped

PARTS = 10_000
XML_BYTES = 2**25  # of all parts together: 5,000 printed pages of text, or 100,000 rows of a wide sheet
_RIGHTS_MANAGED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # an OLE file: what Office makes of a password
_STEP = 2**16
_DOCTYPES = tuple("<!DOCTYPE".encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError,
    RuntimeError, NotImplementedError,
)  # fmt: skip
"""zipfile's words for damaged bytes, for a password and for a method of packing that it does not know."""


def attachment(file: File) -> Skipped | None:
    """Why a file that could be read is not: it lies in the folder of the Notion page it is attached to."""
    folders = PurePosixPath(file.path).parts[:-1]
    if any(split_id(folder)[1] for folder in folders):
        return Skipped(file.source, "attachment of a Notion page")
    return None


def xml_parts(file: File, data: bytes) -> Mapping[str, bytes]:
    """The XML parts of an Office file by name; pictures and the like are not unpacked.

    Raises ExportError for what is no such file, or is larger than any document, and for XML that declares
    entities: Office writes none, and they multiply.
    """
    if data.startswith(_RIGHTS_MANAGED):
        raise refused(file, "protected by a password, or in Office's old binary form")
    found: dict[str, bytes] = {}
    size = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            if len(package.infolist()) > PARTS:
                raise refused(file, f"more than {PARTS:,} parts")
            for info in package.infolist():
                if info.filename.lower().endswith((".xml", ".rels")):
                    found[info.filename] = _unpacked(file, package, info, XML_BYTES - size)
                    size += len(found[info.filename])
    except _DAMAGED as error:
        raise refused(file, f"not a complete Office file ({str(error)[:80]})") from error
    for name, part in found.items():
        if any(mark in part for mark in _DOCTYPES):
            raise refused(file, f"{name} declares a document type, which Office never does")
    return found


def package_of(parts: Mapping[str, bytes]) -> io.BytesIO:
    """The parts as an Office file again, without what was not counted."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as package:
        for name, part in parts.items():
            package.writestr(name, part)
    stream.seek(0)
    return stream


def parsed(file: File, parts: Mapping[str, bytes], name: str) -> ET.Element:
    """The root of the part called `name`; an empty element where there is none. Raises ExportError."""
    try:
        # No document type got past `xml_parts`, so there are no entities to multiply.
        return ET.fromstring(parts[name]) if name in parts else ET.Element("none")  # noqa: S314
    except (ET.ParseError, ValueError, LookupError) as error:  # LookupError: an encoding unheard of
        raise refused(file, f"{name} is not XML ({error})") from error


def _unpacked(file: File, package: zipfile.ZipFile, info: zipfile.ZipInfo, room: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    with package.open(info) as stream:
        while piece := stream.read(_STEP):
            pieces.append(piece)
            size += len(piece)
            if size > room:
                raise refused(file, f"larger than {XML_BYTES // 2**20} MB when unpacked")
            if size > archive.RATIO_FROM and size > archive.RATIO * max(info.compress_size, 1):
                raise refused(file, f"{info.filename} unpacks to more than {archive.RATIO} times its size")
    return b"".join(pieces)


def refused(file: File, reason: str) -> ExportError:
    """The error that says why this Office file is not read."""
    return ExportError(f"{file.source}: {reason}", hint="Open it in its application and export it again.")
