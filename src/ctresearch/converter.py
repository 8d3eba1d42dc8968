"""Converter: Vega-Lite to SVG, SVG to PNG; by a warm process where there is one, else in this one.

In    a chart's specification with its look; a drawing
Out   the drawing as SVG; its pixels as PNG, the same bytes every time

The one idea: the library that draws takes a second to start, and a process that has started it
cannot be forked. So a run of many notebooks keeps a converter of its own, which every notebook
reaches through a socket named in its environment. It keeps what it drew, by the content it was
drawn from; that folder may be deleted at any time.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import zlib
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ctresearch.files import digest, write_whole

SOCKET = "CTRESEARCH_CONVERTER"  # names the socket of the converter of this run
FONTS = Path(str(resources.files("ctresearch"))) / "fonts"
SERVE = "import sys; from ctresearch.converter import serve; serve(*sys.argv[1:])"
VEGA_LITE = "6.4"


def svg(spec: dict[str, Any], config: dict[str, Any]) -> str:
    """The drawing of a Vega-Lite specification in the look of `config`."""
    return _asked("svg", json.dumps([spec, config])).decode()


def png(drawing: str, ppi: int) -> bytes:
    """The pixels of an SVG drawing at `ppi` pixels to the inch, packed well."""
    return _asked("png", json.dumps([drawing, ppi]))


def _asked(kind: str, content: str) -> bytes:
    """What the converter of this run answers, or this process where there is none."""
    named = os.environ.get(SOCKET)
    if not named:
        return _convert(kind, content)
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(named)
        asked.sendall(json.dumps([kind, content]).encode())
        asked.shutdown(socket.SHUT_WR)
        answer = asked.makefile("rb").read()
    if answer[:1] != b"+":
        raise ValueError(answer[1:].decode() or "the converter of this run has ended")
    return answer[1:]


def _convert(kind: str, content: str) -> bytes:
    library, parts = _library(), json.loads(content)
    if kind == "svg":
        drawn = library.vegalite_to_svg(parts[0], vl_version=VEGA_LITE, config=parts[1])
        return str(drawn).encode()
    return _packed(library.svg_to_png(parts[0], scale=1, ppi=parts[1]))


@cache
def _library() -> Any:
    """The library that draws, told of the fonts that ship with the package."""
    import vl_convert

    vl_convert.register_font_directory(str(FONTS))
    return vl_convert


def _packed(png: bytes) -> bytes:
    """The same picture, its pixels compressed a second time and well: a quarter of the size."""
    start, end = png.index(b"IDAT") - 4, png.rindex(b"IEND") - 4
    pixels, at = b"", start
    while at < end:
        after = at + 8 + int.from_bytes(png[at : at + 4])
        pixels, at = pixels + png[at + 8 : after], after + 4
    data = b"IDAT" + zlib.compress(zlib.decompress(pixels), 9)
    size, check = (len(data) - 4).to_bytes(4), zlib.crc32(data).to_bytes(4)
    return png[:start] + size + data + check + png[end:]


class Converter:
    """A warm converter, until it is closed or this process ends."""

    def __init__(self, kept: Path) -> None:
        """Start it: one process for every three notebooks drawn side by side.

        kept   the folder of what has been drawn
        """
        self.folder = tempfile.TemporaryDirectory(prefix="ctresearch-")  # this user's alone
        self.path = str(Path(self.folder.name) / "converter")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.path)
            Path(self.path).chmod(0o600)
            listening.listen(64)
            asked = [sys.executable, "-P", "-c", SERVE, str(listening.fileno()), str(kept)]
            self.processes = [
                subprocess.Popen(
                    asked,
                    pass_fds=[listening.fileno()],
                    stdin=subprocess.PIPE,
                    start_new_session=True,
                )
                for _ in range(1 + (os.cpu_count() or 1) // 4)
            ]

    def close(self) -> None:
        for process in self.processes:
            process.communicate()  # the end of its standard input ends it
        self.folder.cleanup()


def serve(descriptor: str, kept: str) -> None:
    """Answer what is asked, one after the other, until the standard input ends."""
    listening = socket.socket(fileno=int(descriptor))
    listening.setblocking(False)  # another converter may have taken the call
    while True:
        ready, _, _ = select.select([listening.fileno(), 0], [], [])
        if 0 in ready:
            return
        try:
            asking, _ = listening.accept()
        except BlockingIOError:
            continue
        with asking:
            _answer(asking, Path(kept))


def _answer(asking: socket.socket, kept: Path) -> None:
    asking.settimeout(10)
    kind, content = json.loads(asking.makefile("rb").read())
    path = kept / f"{digest(f'{_made_by()}{content}'.encode())}.{kind}"
    try:
        answer = path.read_bytes() if path.is_file() else _convert(kind, content)
        if not path.is_file():
            write_whole(path, answer)
        asking.sendall(b"+" + answer)
    except Exception as error:
        asking.sendall(b"-" + str(error).split("\n")[0].encode())


@cache
def _made_by() -> str:
    """What a drawing rests on besides its specification: the library, and the fonts."""
    fonts = "".join(digest(path.read_bytes()) for path in sorted(FONTS.glob("*.ttf")))
    own = digest(Path(__file__).read_bytes())
    return " ".join([version("vl-convert-python"), VEGA_LITE, own, fonts])
