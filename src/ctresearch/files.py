"""Files: read as text or refused with a cure, written whole or not at all.

In    paths
Out   text and bytes; a digest of a file's content

The one idea: a reader never sees half a file. A write goes to a temporary file in the same folder,
is synced to the disk and renamed into place; whoever pulls the plug finds the old file or the new.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import tomllib
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ctresearch.problems import refuse

BOM = "\ufeff"


def write_whole(path: Path, content: str | bytes, *, lasting: bool = True) -> Path:
    """Write `content` (text as UTF-8) so that `path` holds the old file or all of the new one.

    lasting   whether it must outlast a power cut; if not, whoever relies on it syncs it later
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if lasting:
                os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def read_text(path: Path, where: str | None = None) -> str:
    """The text of a file a person made: UTF-8, a byte order mark taken off, line ends as LF, NFC.

    where   how a problem names the file; its path if not given

    Raises ResearchError where the file is missing, a folder, empty of text or not UTF-8; the last
    names the line and the cure for a spreadsheet saved in an older encoding.
    """
    name = where or path.as_posix()
    return as_text(read_bytes(path, name), name)


def as_text(data: bytes, name: str) -> str:
    """The content of a file called `name` as text, on the terms of `read_text`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise refuse(
            f"{name}, line {line}",
            f"this is not UTF-8 text (byte {data[error.start]:#04x}); Latin-1 perhaps?",
            "Save it again as 'CSV UTF-8' (Excel: Save as, file type), or as UTF-8 text.",
        ) from None
    text = text.removeprefix(BOM).replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text)


def read_bytes(path: Path, where: str | None = None) -> bytes:
    """The bytes of a file that must be there."""
    name = where or path.as_posix()
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        cure = "Put the file there, or mend the name that led here."
        raise refuse(name, "there is no such file", cure) from None
    except IsADirectoryError:
        raise refuse(name, "this is a folder, not a file", "Name a file in it.") from None


def read_toml(path: Path, where: str | None = None) -> dict[str, Any]:
    """The content of a TOML file; a fault in its syntax is a Problem with its line."""
    name = where or path.as_posix()
    try:
        return tomllib.loads(read_text(path, name))
    except tomllib.TOMLDecodeError as error:
        cure = 'Mend the line; text stands in "quotes", a list in [brackets].'
        raise refuse(name, f"this is not TOML: {error}", cure) from None


@contextmanager
def alone(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock file `path` while the work lasts; it is let go even if the process dies.

    Raises ResearchError where another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        cure = "Wait until it has ended, then type the command again."
        raise refuse(doing, "another ctresearch is at this in the same study", cure) from None
    try:
        yield
    finally:
        os.close(handle)


def digest(data: bytes) -> str:
    """The content's name: SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
