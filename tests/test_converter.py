"""Converter: drawings by a process of their own, the same as in this one, and kept by content."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from ctresearch import converter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it speaks through a unix socket")
SQUARE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<rect width="9" height="9"/></svg>'
)
BARS = {"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a"}}}


@pytest.fixture
def served(tmp_path, monkeypatch):
    started = converter.Converter(tmp_path / "kept")
    monkeypatch.setenv(converter.SOCKET, started.path)
    yield started
    started.close()


@pytest.mark.usefixtures("served")
def test_a_converter_draws_what_this_process_would_draw(monkeypatch):
    theirs = converter.svg(BARS, {"background": "white"}), converter.png(SQUARE, 144)
    monkeypatch.delenv(converter.SOCKET)

    assert theirs == (converter.svg(BARS, {"background": "white"}), converter.png(SQUARE, 144))


@pytest.mark.usefixtures("served")
def test_a_drawing_that_is_kept_is_not_drawn_again(tmp_path):
    converter.png(SQUARE, 144)
    (kept,) = (tmp_path / "kept").glob("*.png")
    kept.write_bytes(b"kept")

    assert (converter.png(SQUARE, 144), converter.png(SQUARE, 72) == b"kept") == (b"kept", False)


@pytest.mark.usefixtures("served")
def test_what_cannot_be_drawn_is_refused_and_the_next_is_drawn():
    with pytest.raises(ValueError, match="unknown token"):
        converter.png("no drawing", 144)

    assert converter.png(SQUARE, 144).startswith(b"\x89PNG")


def test_nobody_else_on_the_machine_can_ask_a_converter(served):
    folder, path = Path(served.path).parent.stat(), Path(served.path).stat()
    modes = stat.S_IMODE(folder.st_mode), stat.S_IMODE(path.st_mode)

    assert (modes, folder.st_uid) == ((0o700, 0o600), os.getuid())


def test_a_converter_that_was_ended_is_told_and_not_waited_for(served):
    served.close()

    with pytest.raises(OSError, match="No such file"):
        converter.png(SQUARE, 144)
