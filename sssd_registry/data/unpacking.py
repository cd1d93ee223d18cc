"""The bytes in a file, unpacked where it is compressed, and never more of them than a machine can hold."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

from pandas.io.common import get_handle  # type: ignore[import-not-found]  # pandas-stubs leaves it out

from sssd_registry.errors import SSSDError

# What is read from a packed file, at most, in bytes; and of the machine's memory, as reading it takes several times
# its size. A kilobyte may unpack to a gigabyte, so that the size on disk says nothing.
MOST = 2 * 2**30
_SHARE = 1 / 8
_AT_ONCE = 2**20
# From a zip that is not deflated, Python unpacks at once whatever it reads, at least 4 KB: that is 100 MB at worst.
_AT_ONCE_OF_ZIP = 4096

_PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip", ".tar": "tar"}


def unpacked(path: Path) -> bytes:
    """The bytes of the file at ``path``, or of the one file in it: .gz, .bz2, .xz, .zst, .zip, .tar, .tar.gz and so on.

    Raises:
        SSSDError: there are more of them than :func:`most_bytes`, which is found out without unpacking the rest.
        OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError: it is damaged,
            or has no file in it, or several.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = _PACKED.get(suffixes[-1]) if suffixes else None
    if packed is None:
        return path.read_bytes()
    if packed == "zip":
        _check_sizes(path)
    # A tar is unpacked first, and then searched: going through a packed one unpacks all of it.
    data = _read(path, packed if packed != "tar" else None, path)
    return _read(io.BytesIO(data), "tar", path) if packed == "tar" or suffixes[-2:-1] == [".tar"] else data


def most_bytes() -> int:
    """What a packed file may unpack to, in bytes."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on this system
        return MOST
    return min(MOST, int(memory * _SHARE))


def _read(packed: Path | io.BytesIO, compression: str | None, path: Path) -> bytes:
    most, data = most_bytes(), bytearray()
    at_once = _AT_ONCE_OF_ZIP if compression == "zip" else _AT_ONCE
    try:
        with get_handle(packed, "rb", compression=compression, is_text=False) as handle:
            stream: Any = handle.handle
            while part := stream.read(at_once):
                data += part
                if len(data) > most:
                    raise _too_large(path, most)
    except ImportError:
        raise SSSDError(
            f"{path}: {path.suffix} needs a package to be unpacked: pip install zstandard, or unpack it"
        ) from None
    return bytes(data)


def _check_sizes(path: Path) -> None:
    """What a zip itself says of its sizes; it may lie, and is then read no farther than any other."""
    with zipfile.ZipFile(path) as file:
        if sum(one.file_size for one in file.infolist()) > most_bytes():
            raise _too_large(path, most_bytes())


def _too_large(path: Path, most: int) -> SSSDError:
    return SSSDError(
        f"{path}: {path.stat().st_size:,} bytes on disk unpack to more than {most:,}, which is all that is read of a"
        " packed file on this machine: if it is no mistake, unpack it and give the file that is in it"
    )
