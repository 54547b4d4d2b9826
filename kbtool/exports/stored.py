"""Where the bytes of an exported file lie, small enough to be handed to another process, and reading them.

An entry of a zip is read by its place in the file, not through `zipfile`: every process would have to read
the zip's whole directory first, which for 10,000 pages is more work than the pages.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

STORED, DEFLATED = 0, 8
_HEADER = struct.Struct("<4s22xHH")  # signature, …, length of the name, length of the extra field
_SIGNATURE = b"PK\x03\x04"
_AGAIN = "download the export again"


class Unreadable(Exception):
    """The bytes cannot be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One file: all of `container`, or the entry of a zip whose local header is at `offset`.

    `size` is what it unpacks to as its zip says; reading refuses one byte more, so that a limit on the
    declared size is one on what is really unpacked. `packed`, `crc` and `method` are those of the entry.
    """

    container: str
    size: int
    offset: int | None = None
    packed: int = 0
    crc: int = 0
    method: int = STORED

    @property
    def mark(self) -> bytes:
        """What changes with the content of a zip's entry, known without reading it; empty for other files.

        That is its checksum with its sizes. An edit that leaves all of them as they were is one in four
        billion; whoever makes one on purpose may write what he likes into the export anyway.
        """
        return b"" if self.offset is None else b"%d %d %d" % (self.crc, self.size, self.packed)

    def read(self) -> bytes:
        """The file's bytes. Raises Unreadable."""
        try:
            if self.offset is None:
                return self._whole()
            return self._unpacked(self._entry(self.offset))
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror or error}") from error

    def _whole(self) -> bytes:
        with Path(self.container).open("rb", buffering=0) as stream:
            data = stream.read(self.size + 1) or b""
        if len(data) > self.size:
            raise Unreadable("has grown while it was read: run it again")
        return data

    def _entry(self, offset: int) -> bytes:
        with Path(self.container).open("rb", buffering=0) as stream:
            stream.seek(offset)
            header = stream.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise Unreadable(f"damaged (no header): {_AGAIN}")
            signature, name, extra = _HEADER.unpack(header)
            if signature != _SIGNATURE:
                raise Unreadable(f"damaged (no header): {_AGAIN}")
            stream.seek(name + extra, 1)
            packed = stream.read(self.packed)
        if len(packed) < self.packed:
            raise Unreadable(f"damaged (cut off): {_AGAIN}")
        return packed

    def _unpacked(self, packed: bytes) -> bytes:
        data = packed
        if self.method == DEFLATED:
            stream = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                data = stream.decompress(packed, self.size + 1)
            except zlib.error as error:
                raise Unreadable(f"damaged ({error}): {_AGAIN}") from error
        if len(data) != self.size:
            raise Unreadable(f"damaged (not of the size that the zip declares): {_AGAIN}")
        if zlib.crc32(data) != self.crc:
            raise Unreadable(f"damaged (wrong checksum): {_AGAIN}")
        return data
