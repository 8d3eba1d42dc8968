"""Charts: figures drawn from safe tables, the same bytes every time, with their words.

In    safe tables: cells are values of `values`, or text   (disclosure.Safe.table)
Out   `Figure`: SVG for a page, PNG for Word and print, and a description for who cannot see it

The one idea: a picture shows what its table may show, no more. The converter receives the figures
of the shapes it draws and never a row of evidence; a band is drawn as a band, not as a number
inside it; colour is never the only sign; a picture of invented evidence says so within itself.
"""

from __future__ import annotations

import base64
import re
import textwrap
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd

from ctresearch import converter
from ctresearch.values import Share, Value, percent, say

PACKAGE = resources.files("ctresearch")
THEME = tomllib.loads((PACKAGE / "charts.toml").read_text(encoding="utf-8"))
THEME["legend"]["title"] = None  # which TOML cannot say
WIDTH = 600  # px; the type area of an A4 page takes 620
MARK = "Invented evidence"
INK, QUIET, FAINT, RUST = "#1a1a1a", "#555555", "#dddddd", "#8a3c00"
# Okabe and Ito's colours, which people with any kind of colour vision can tell apart.
BLUE, SKY, ORANGE, VERMILION, GREY = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#CCCCCC"
SCALES = {2: (VERMILION, BLUE), 3: (VERMILION, GREY, BLUE)}  # from no to yes
SCALES[5] = (VERMILION, ORANGE, GREY, SKY, BLUE)
DEPTHS = ("#FFFFFF", "#E9F2F8", "#B8D9EC", SKY, BLUE, "#00456C")  # from nothing known to much


@dataclass(frozen=True)
class Figure:
    """A drawn chart; a notebook shows it, a report embeds it."""

    svg: str
    png: bytes  # twice as many pixels, and told to be 144 to the inch
    alt: str  # what kind of picture, of what, and its foremost values in words

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        drawn = base64.b64encode(self.svg.encode()).decode()
        return {
            "text/html": f'<img alt="{escape(self.alt)}" src="data:image/svg+xml;base64,{drawn}">',
            "image/png": base64.b64encode(self.png).decode(),
            "text/plain": self.alt,
        }


@dataclass(frozen=True)
class Words:
    """What is written on and about a figure."""

    title: str  # the finding, in one line
    axis: str = ""  # what the axis measures, with its unit
    source: str = ""
    invented: bool = False  # whether it rests on invented evidence


def bands(
    table: pd.DataFrame, label: str, value: str, words: Words, steps: Sequence[int] = (1, 5, 10, 20)
) -> Figure:
    """Horizontal bars that reach to the band of each row, on an axis whose places are bands.

    label, value  columns of text and of Band cells
    steps         the lower ends of the bands, as in study.toml
    """
    drawn = _rows(table, label, value)
    drawn["reach"] = [sum(low <= size for low in steps) for size in drawn["size"]]
    ends = [f"'{low}–{after - 1}'" for low, after in pairwise(steps)]
    names = ", ".join([*ends, f"'{steps[-1]}+'"])
    axis = alt.Axis(labelExpr=f"[{names}][floor(datum.value)]", grid=False, ticks=False)
    axis.values = [place + 0.5 for place in range(len(steps))]
    reach = alt.X("reach:Q").title(words.axis).axis(axis).scale(domain=[0, len(steps)])
    edges = alt.Chart(pd.DataFrame({"edge": range(1, len(steps) + 1)})).encode(x="edge:Q")
    base = alt.Chart(drawn).encode(y=_down(drawn), x=reach)
    chart = edges.mark_rule(color=FAINT, strokeWidth=1) + base.mark_bar() + _numbers(base)
    return _figure(chart, _height(drawn), "Bar chart in bands", drawn, words)


def bars(table: pd.DataFrame, label: str, value: str, words: Words) -> Figure:
    """Horizontal bars of counts with their numbers; a count withheld is a word, not a bar."""
    drawn = _rows(table, label, value)
    size = alt.X("end:Q").title(words.axis).axis(tickMinStep=1)
    base = alt.Chart(drawn).encode(y=_down(drawn), x=size)
    return _figure(base.mark_bar() + _numbers(base), _height(drawn), "Bar chart", drawn, words)


def months(table: pd.DataFrame, series: Sequence[str], words: Words) -> Figure:
    """Columns a month, a second series stacked apart on the first (copies on stories).

    table   index: month, YYYY-MM; each of the one or two `series` a column of Count cells
    """
    flat = table.reset_index(names="month")
    names = list(series)
    parts = [_rows(flat, "month", one).assign(series=one, order=at) for at, one in enumerate(names)]
    drawn = pd.concat(parts)
    every = list(flat["month"])
    axis = alt.Axis(values=every[:: -(-len(every) // 12)], labelAngle=-40)
    axis.labelExpr = "utcFormat(toDate(datum.value + '-01'), '%b %Y')"
    fill = alt.Color("series:N").scale(domain=names, range=[BLUE, "white"][: len(names)])
    whole = alt.datum.series == names[0]
    dash = alt.condition(whole, alt.value([1, 0]), alt.value([3, 2]))
    month = alt.X("label:O").title(None).axis(axis).scale(domain=every)
    articles = alt.Y("size:Q").title(words.axis).axis(tickMinStep=1)
    base = alt.Chart(drawn[drawn["size"] > 0]).mark_bar(stroke=BLUE)
    chart = base.encode(x=month, y=articles, color=fill, strokeDash=dash, order="order:Q")
    told = drawn.groupby("label", sort=False)["size"].sum().rename("size").reset_index()
    return _figure(chart, 230, "Column chart by month", _counted(told), words)


def likert(table: pd.DataFrame, item: str, scale: Sequence[str], words: Words) -> Figure:
    """Diverging stacked bars: answers on a scale, the middle one split at zero.

    item    column of the sentences judged
    scale   columns of Estimate cells from the lowest answer to the highest: 2, 3 or 5 of them
    """
    drawn = pd.concat(_spans(table, item, scale), ignore_index=True)
    fill = alt.Color("answer:N").scale(domain=list(scale), range=SCALES[len(scale)])
    axis = alt.Axis(labelExpr="format(abs(datum.value), '.0%')", tickCount=9)
    across = alt.X("low:Q").title(words.axis).axis(axis)
    base: Any = alt.Chart(drawn).encode(y=_down(drawn, above=True))
    spans = base.mark_bar(stroke="white", height=22).encode(x=across, x2="high:Q")
    dark = drawn["answer"] == scale[-1]
    chart = spans.encode(color=fill.sort(list(scale)))
    chart += _inked(base.encode(x="middle:Q"), dark, {"says": {}})
    highest = drawn[drawn["answer"] == scale[-1]]
    told = highest.assign(says=[f"{scale[-1]} {percent(size, 'en')}" for size in highest["size"]])
    return _figure(chart, len(told) * 43, "Diverging bar chart", told, words)


def estimates(table: pd.DataFrame, label: str, value: str, words: Words) -> Figure:
    """Points with their intervals, one row an estimate, from 0 to 100%; withheld ones are words."""
    drawn = _rows(table, label, value)
    drawn["low"] = [getattr(cell, "low", None) for cell in table[value]]
    share = alt.Axis(format=".0%", tickCount=6)
    low = alt.X("low:Q").title(words.axis).axis(share).scale(domain=[0, 1])
    base = alt.Chart(drawn).encode(y=_down(drawn, above=True))
    chart = base.mark_rule().encode(x=low, x2="end:Q") + base.mark_point().encode(x="size:Q")
    chart += _numbers(base.encode(x="end:Q"))
    return _figure(chart, len(drawn) * 36, "Estimates with intervals", drawn, words)


def tiles(table: pd.DataFrame, kind: str, signs: Mapping[str, str], words: Words) -> Figure:
    """A map of squares, one a country, in the place its country.toml gives.

    table   columns `column`, `row` (of the grid, from the north-west), `code`, `name`, and
    kind    a column whose values are keys of `signs`, from the least to the most: two to six;
            each is a colour and, in the square, a sign
    """
    drawn = table.assign(sign=table[kind].map(signs))
    base = alt.Chart(drawn).encode(alt.X("column:O").axis(None), alt.Y("row:O").axis(None))
    looks = {"code": {"dy": -8, "fontWeight": 600, "fontSize": 14}, "sign": {"dy": 11}}
    chart = _field(base, kind, list(signs), looks)
    names = {value: ", ".join(drawn.loc[drawn[kind] == value, "name"]) for value in signs}
    told = pd.DataFrame({"label": names.keys(), "says": names.values(), "size": range(len(names))})
    rows = int(drawn["row"].max()) + 1
    return _figure(chart, rows * 58, "Map of squares", told[told["says"] != ""], words)


def matrix(table: pd.DataFrame, forms: Mapping[str, str], words: Words) -> Figure:
    """A field of cells, each with its text and a colour for what kind of text it is.

    table   index: rows; columns as printed; cells of text
    forms   a regular expression for each kind, by its name, from the least to the most: two to
            six; a cell is of the first kind whose expression is found in it
    """
    rows = table.rename_axis("label").reset_index()
    drawn = rows.melt("label", var_name="fact", value_name="says")
    drawn["kind"] = [_kind(said, forms) for said in drawn["says"]]
    across = alt.X("fact:N").title(None).sort(None).axis(orient="top", labelAngle=0, ticks=False)
    base = alt.Chart(drawn).encode(across, _down(drawn))
    chart = _field(base, "kind", list(forms), {"says": {"fontSize": 11}})
    told = drawn.groupby("kind").size().rename("size").rename_axis("label").reset_index()
    return _figure(chart, len(table) * 23, "Table in colours", _counted(told), words)


def steps(table: pd.DataFrame, words: Words) -> Figure:
    """Counters over time: each observation a point with what its source said, joined by steps.

    table   `date` (as known), `persons` (Count), `says` (as printed at the point: "more than 600")
            and `planned` (bool: announced, not yet done; drawn hollow and not joined)
    """
    drawn = _rows(table, "date", "persons").assign(says=list(table["says"]))
    drawn["kind"] = ["planned" if planned else "reported" for planned in table["planned"]]
    drawn["date"] = [date + "-01" * (2 - date.count("-")) for date in table["date"]]
    date = alt.X("date:T").title(None).scale(type="utc", padding=70)
    persons = alt.Y("size:Q").title(words.axis)
    date = date.axis(format="%Y", tickCount="year")
    line = alt.Chart(drawn[drawn["kind"] == "reported"]).mark_line(interpolate="step-after")
    points = alt.Chart(drawn).encode(date, persons)
    fill = alt.Color("kind:N").scale(domain=["reported", "planned"], range=[BLUE, "white"])
    chart = line.encode(date, persons) + points.mark_point(stroke=BLUE).encode(color=fill)
    chart += points.mark_text(align="right", dx=-8, dy=-9).encode(text="says:N")
    return _figure(chart, 260, "Step chart", drawn, words)


def _rows(table: pd.DataFrame, label: str, value: str) -> pd.DataFrame:
    """What is drawn of a table: the label, the size of the cell and its words, nothing else."""
    cells: list[Value] = list(table[value])
    rows = {
        "label": list(table[label].astype(str)),
        "size": [_size(cell) for cell in cells],
        "end": [getattr(cell, "high", None) or _size(cell) or 0 for cell in cells],
        "says": [say(cell, "en") for cell in cells],
    }
    return pd.DataFrame(rows)


def _size(cell: Value) -> Any:
    """What a cell measures: its estimate, count or band's lower end; None where withheld."""
    fields = vars(cell)
    if isinstance(cell, Share):
        return cell.part / cell.whole
    return next((fields[name] for name in ("value", "n", "low") if name in fields), None)


def _spans(table: pd.DataFrame, item: str, scale: Sequence[str]) -> Iterable[pd.DataFrame]:
    """The answers to each item as spans from left to right, the middle of the scale at zero."""
    parts = [_rows(table, item, answer).assign(answer=answer) for answer in scale]
    sizes = pd.concat([part["size"].fillna(0) for part in parts], axis=1)
    half = len(scale) // 2
    left = -sizes.iloc[:, :half].sum(axis=1)
    left -= sizes.iloc[:, half] / 2 if len(scale) % 2 else 0
    for at, part in enumerate(parts):
        size = sizes.iloc[:, at]
        low = left + sizes.iloc[:, :at].sum(axis=1)
        says = [percent(one, "en") if one >= 0.06 else "" for one in size]
        yield part.assign(low=low, high=low + size, middle=low + size / 2, says=says)


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(says=rows["size"].map("{:.0f}".format))


def _lines(label: str) -> str:
    """A label in lines of a width that leaves room for the bars."""
    return "\n".join(textwrap.wrap(label, 36))


def _height(drawn: pd.DataFrame) -> int:
    return len(drawn) * (12 + 14 * max(_lines(label).count("\n") + 1 for label in drawn["label"]))


def _down(drawn: pd.DataFrame, *, above: bool = False) -> Any:
    """Rows from the top in the order given; labels beside the bars in lines, or above them."""
    order = list(dict.fromkeys(drawn["label"]))
    lines = {label: _lines(label).split("\n") for label in order}
    axis = alt.Axis(ticks=False, domain=False, labelExpr=f"({lines})[datum.label]")
    if above:
        axis = alt.Axis(ticks=False, domain=False, labelAlign="left", labelOffset=-18)
        axis.labelPadding = -2
    return alt.Y("label:N").title(None).sort(order).axis(axis)


def _numbers(base: Any) -> Any:
    return base.mark_text(align="left", dx=7).encode(text="says:N")


def _kind(said: str, forms: Mapping[str, str]) -> str:
    return next(kind for kind, form in forms.items() if re.search(form, said))


def _field(base: Any, kind: str, kinds: list[str], looks: Mapping[str, Any]) -> Any:
    """Squares filled by kind with text in them, and a key to the colours."""
    first = max(1, len(DEPTHS) - len(kinds))
    depths = [DEPTHS[0], *DEPTHS[first : first + len(kinds) - 1]]
    fill = alt.Color(f"{kind}:N").scale(domain=kinds, range=depths).sort(kinds)
    dark = base.data[kind].map(dict(zip(kinds, depths, strict=True))).isin(DEPTHS[4:])
    return base.mark_rect(stroke=FAINT).encode(color=fill) + _inked(base, dark, looks)


def _inked(base: Any, dark: Any, looks: Mapping[str, Any]) -> Any:
    """Columns of text, white on rows with a dark fill and black on others."""
    layers = [
        base.mark_text(color=ink, **look).encode(text=f"{text}:N").properties(data=base.data[rows])
        for ink, rows in (("white", dark), (INK, ~dark))
        for text, look in looks.items()
    ]
    return alt.layer(*layers)


def _figure(chart: Any, height: int, kind: str, told: pd.DataFrame, words: Words) -> Figure:
    """The chart under its title, over its source and mark, as one picture."""
    look = {"width": WIDTH, "height": height, "title": textwrap.wrap(words.title, 78)}
    fit = {"type": "fit-x", "contains": "padding"}
    spec = chart.properties(**look, autosize=fit).to_dict()
    svg = _signed(converter.svg(spec, THEME), words)
    png = pixels(svg)
    return Figure(svg, png, _described(kind, told, words))


def pixels(svg: str) -> bytes:
    """A drawing as PNG, for programs that show no drawings."""
    return converter.png(svg, ppi=144)


def _signed(svg: str, words: Words) -> str:
    """The picture with its source and its mark below, and ids that depend on nothing else."""
    for number, name in enumerate(dict.fromkeys(re.findall(r' id="([^"]+)"', svg))):
        svg = re.sub(rf'(id="|#){re.escape(name)}(?=["\')])', rf"\g<1>ct{number}", svg)
    foot = [(line, QUIET, 400) for line in textwrap.wrap(words.source, 96)]
    foot += [(MARK, RUST, 600)] if words.invented else []
    width, height = map(float, re.findall(r' (?:width|height)="([\d.]+)"', svg)[:2])
    left, font = THEME["padding"]["left"], THEME["font"]
    texts = [
        f'<text x="{left}" y="{height + 15 * at + 3:g}" font-family="{font}" font-size="11"'
        f' font-weight="{weight}" fill="{colour}">{escape(line)}</text>'
        for at, (line, colour, weight) in enumerate(foot)
    ]
    old, new = f"{height:g}", f"{height + 15 * len(foot) + 3:g}"
    whole = svg.replace(f'height="{old}"', f'height="{new}"')
    whole = whole.replace(f"0 0 {width:g} {old}", f"0 0 {width:g} {new}", 1)
    return whole.replace("</svg>", f"{''.join(texts)}</svg>")


def _described(kind: str, told: pd.DataFrame, words: Words) -> str:
    """Kind, what, the three foremost values in words, and the mark."""
    first = told.dropna(subset="size").sort_values("size", ascending=False, kind="stable").head(3)
    pairs = zip(first["label"], first["says"], strict=True)
    values = "; ".join(f"{label.rstrip('.')}: {says}" for label, says in pairs)
    parts = [kind, words.title, values, MARK if words.invented else ""]
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)
