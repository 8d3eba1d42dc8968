"""Cells: what the notebook cells show that a report embeds.

In    `source.Embed`s: released notebooks, stripped, and labels of cells in them
Out   tables for pandoc to read; images as files beside the build, with their text

The one idea: a cell shows a table or an image or it is refused. A printed sentence is a finding,
and a finding comes by `var`, so text in a cell's output has no way into a report.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ctresearch.embedded.source import Embed, Project, note
from ctresearch.files import write_whole
from ctresearch.problems import Problems

Cell = dict[str, Any]  # of a notebook's JSON
LABEL = re.compile(r"#\|\s*label:\s*(\S+)")


@dataclass(frozen=True)
class Image:
    """A picture in the formats it was drawn in."""

    files: dict[str, Path]  # svg, png
    alt: str  # what it shows, in words; "" where the cell does not say


@dataclass
class Cells:
    """The embedded cells of a report."""

    project: Project
    problems: Problems
    shown: dict[Embed, list[Image | int]] = field(default_factory=dict)  # int: place in `tables`
    tables: list[str] = field(default_factory=list)  # html, for pandoc to read

    def __post_init__(self) -> None:
        for page in self.project.pages:
            for embed in page.embeds:
                if embed.notebook.is_file():
                    self.shown[embed] = list(self.read(embed))

    def read(self, embed: Embed) -> Iterator[Image | int]:
        """The outputs of a cell, in order."""
        cells = labelled(embed.notebook)
        if embed.label not in cells:
            self.refuse(embed, "cell", there=", ".join(cells) or "none")
            return
        outputs = [o for o in cells[embed.label]["outputs"] if o.get("name") != "stderr"]
        if not outputs:
            self.refuse(embed, "cell-empty")
        for number, output in enumerate(outputs, 1):
            data = output.get("data", {})
            page = "".join(data.get("text/html", ""))
            if output["output_type"] == "error":
                self.refuse(embed, "cell-failed")
            elif "<table" in page:
                self.tables.append(page)
                yield len(self.tables) - 1
            elif "data:image/svg+xml" in page or "image/png" in data:
                yield self.image(embed, number, page, "".join(data.get("image/png", "")))
            else:
                self.refuse(embed, "cell-text")

    def refuse(self, embed: Embed, reason: str, **said: object) -> None:
        notebook = self.project.study.shown(embed.notebook)
        note(self.problems, embed.where, reason, (), name=embed.label, file=notebook, **said)

    def image(self, embed: Embed, number: int, page: str, png: str) -> Image:
        """Keep the picture as files; an `img` of SVG data carries the words for it."""
        folder = self.project.study.build / "reports" / self.project.name / "media"
        name = f"{embed.place}-{embed.notebook.stem}-{embed.label}"
        name += f"-{number}" if number > 1 else ""
        svg = re.search(r"data:image/svg\+xml;base64,([^\"']+)", page)
        kinds = {"svg": svg[1] if svg else "", "png": png}
        alt = re.search(r"\balt=\"([^\"]*)\"", page)
        files = {
            kind: write_whole(folder / f"{name}.{kind}", base64.b64decode(data))
            for kind, data in kinds.items()
            if data
        }
        return Image(files, html.unescape(alt[1]) if alt else "")


def labelled(notebook: Path) -> dict[str, Cell]:
    """The cells of a notebook that begin with `#| label: …`, by label."""
    return _labelled(notebook, notebook.stat().st_mtime_ns)


@cache
def _labelled(notebook: Path, _changed: int) -> dict[str, Cell]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    found = [(LABEL.match("".join(cell["source"])), cell) for cell in cells]
    return {label[1]: cell for label, cell in found if label}
