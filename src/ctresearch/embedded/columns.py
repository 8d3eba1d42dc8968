"""Columns: how much of a table's width each of its columns takes on paper.

In    a table as pandoc has it, upright or on its side
Out   the same with a width for each column

The one idea: no column is narrower than its longest word, nor the first than a short head of a row;
what room is left goes where the texts ask for it. An author's own widths, where they differ from
each other, come before the texts' wish.
"""

from __future__ import annotations

from typing import Any

from ctresearch.embedded import nodes

LINE = {False: 100, True: 155}  # characters of a table in a line, upright and on its side
HEAD = 22  # characters up to which what heads a row stays in one line
MOST = 240  # characters beyond which a column gains nothing


def fitted(content: list[Any], *, wide: bool) -> list[Any]:
    """The content of a Table node with the share of the width that each column takes.

    wide   whether the table stands on a page on its side
    """
    attributes, caption, columns, *parts = content
    shares = _shares(parts, [width.get("c") for _, width in columns], LINE[wide])
    fit = [
        [side, {"t": "ColWidth", "c": share}]
        for (side, _), share in zip(columns, shares, strict=True)
    ]
    return [attributes, caption, fit, *parts]


def _shares(parts: list[Any], given: list[float | None], line: int) -> list[float]:
    """How much of the width each column takes: its longest word, then room as its texts ask."""
    words, texts = [0] * len(given), [0.0] * len(given)
    (_, head), bodies, (_, foot) = parts
    rows = [*head, *(row for body in bodies for part in body[2:] for row in part), *foot]
    for _, cells in rows:
        for at, cell in enumerate(cells[: len(given)]):
            said = nodes.text_of(cell[4])
            whole = at == 0 and len(said) <= HEAD
            pieces = [said, "-----"] if whole else f"{said} -----".split()
            words[at] = max(words[at], *(len(piece) + 2 for piece in pieces))
            texts[at] += min(len(said), MOST) / len(rows)
    asked = [(share or 0) * line for share in given] if len(set(given)) > 1 else texts
    wanted = [max(ask - word, 1) for ask, word in zip(asked, words, strict=True)]
    room = max(line - sum(words), 0) / sum(wanted)
    widths = [word + want * room for word, want in zip(words, wanted, strict=True)]
    return [width / sum(widths) for width in widths]
