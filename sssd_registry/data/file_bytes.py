"""The bytes of a text file: unpacked, in UTF-8, lines ended by a line feed."""

from __future__ import annotations

import codecs
from pathlib import Path

from sssd_registry.data.unpacking import unpacked
from sssd_registry.errors import SSSDError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_KINDS = {
    b"PK\x03\x04": "a spreadsheet or another zip archive; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of old; save the sheet as CSV",
    b"PAR1": "Parquet; give it a name that ends in .parquet",
    b"ARROW1": "Arrow; give it a name that ends in .arrow",
    b"%PDF": "a PDF; get the table as CSV",
}


def file_bytes(path: Path) -> tuple[bytes, str]:
    """UTF-8 bytes of a file, also of a compressed one, and a note where they are in another encoding.

    Raises:
        SSSDError: it unpacks to more than a machine can hold, is no text, or holds a NUL byte, with its line.
    """
    data = unpacked(path)
    for start, what in _KINDS.items():
        if data.startswith(start):
            raise SSSDError(f"{path} is not readable as CSV: it is {what}")
    data, note = _to_utf8(data, path)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    at = data.find(b"\0")
    if at >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise SSSDError(f"{path}: line {line} holds a NUL byte: the file is damaged there; correct or drop the line")
    return data, note


def _to_utf8(data: bytes, path: Path) -> tuple[bytes, str]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            data, note = data[len(mark) :], encoding.removesuffix("-le").removesuffix("-be").upper()
            break
    else:
        note, encoding = "", _guess(data)
    if encoding == "utf-8":
        try:
            data.decode("utf-8")
            return data, ""
        except UnicodeDecodeError:
            encoding, note = "cp1252", ""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        encoding = "latin-1"
    if not _is_text(text):
        raise SSSDError(f"{path} is not readable as CSV: it is no text")
    return text.encode(), note or f"encoding {encoding}"


def _guess(data: bytes) -> str:
    """UTF-16 without a mark has a zero in every other byte."""
    head = data[:1000]
    zeros = [head[start::2].count(0) / max(1, len(head) // 2) for start in (0, 1)]
    if max(zeros) > 0.8 and min(zeros) < 0.2:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return "utf-8"


def _is_text(text: str) -> bool:
    """Tell whether it looks like a table: mostly plain characters, and few that control something."""
    head = text[:4000]
    controls = sum(ord(c) < 32 and c not in "\t\n\r" for c in head)
    return sum(c.isascii() for c in head) > 0.5 * len(head) and controls < 0.02 * len(head) + 1
