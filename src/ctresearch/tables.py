"""Tables: rows typed by people, checked against columns that carry their meaning and unit.

In    CSV (UTF-8; comma or semicolon) and XLSX files with the same headers
Out   frames of declared columns, or every fault of the file as a Problem with row and column

The one idea: a schema is the table's documentation. Each column says what it means and in what
unit, and the same words appear in the glossary, in a Problem and in the code that reads it.
The answer "None" is an answer: nothing but the empty cell is missing, and it stays "".
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.errors
import pandera.pandas as pa

from ctresearch.files import as_text, read_bytes, read_toml, write_whole
from ctresearch.problems import Problem, Problems, nearest, refuse, suggestion, worded

LONG = "Put a text that holds a comma, a semicolon or a line break between double quotes."
FIRST_ROW = 2  # the row number a spreadsheet shows for the first row under the header
DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
SAID = read_toml(Path(__file__).with_suffix(".toml"))  # what is said of a cell, by fault

Fits = dict[str, Callable[[str], bool]]  # by fault: whether a filled cell is free of it


@dataclass(frozen=True)
class Table:
    """A table people keep: its name, its columns and what one row of it is."""

    name: str  # interviews
    row: str  # what one row is: "one interview with a key informant"
    schema: pa.DataFrameSchema

    @property
    def columns(self) -> list[str]:
        return list(self.schema.columns)

    def meaning(self, column: str) -> str:
        return str(self.schema.columns[column].description)


def table(name: str, row: str, /, **columns: pa.Column) -> Table:
    """A table of these columns and no others, in this order."""
    schema = pa.DataFrameSchema(dict(columns), name=name, strict=False, coerce=False)
    return Table(name, row, schema)


def declared(path: Path) -> dict[str, Table]:
    """The tables a TOML file declares: `row`, and for each column `kind` and the kind's options.

    kind   text (if none is given), day, month, date_as_known or number: the functions below
    """
    kinds: dict[str, Callable[..., pa.Column]]
    kinds = {"text": text, "day": day, "month": month, "date_as_known": date_as_known}
    kinds["number"] = number

    def column(of: dict[str, Any]) -> pa.Column:
        return kinds[of.pop("kind", "text")](**of)

    return {
        name: table(name, of["row"], **{c: column(said) for c, said in of["columns"].items()})
        for name, of in read_toml(path).items()
    }


def text(
    meaning: str,
    *,
    required: bool = True,
    choices: Iterable[str] = (),
    pattern: str = "",
    like: str = "",
    unique: bool = False,
    optional: bool = False,
    many: bool = False,
    unit: str = "",
) -> pa.Column:
    """A column of text.

    required  an empty cell is refused            choices  the only values allowed (besides empty)
    pattern   a regular expression for the whole  like     how a right value looks, for the cure
    unique    no value twice                      optional the whole column may be absent
    many      several choices, with blanks between
    """
    allowed, whole = {*choices}, re.compile(pattern)
    fits: Fits = {}
    if allowed:
        fits["choice"] = lambda cell: allowed.issuperset(cell.split() if many else [cell])
    if pattern:
        fits["pattern"] = lambda cell: bool(whole.fullmatch(cell))
    known = {"unit": unit, "choices": sorted(allowed), "many": many, "like": like or pattern}
    return _column(meaning, fits, known, required=required, optional=optional, unique=unique)


def day(meaning: str, *, required: bool = True, optional: bool = False) -> pa.Column:
    """A date as text, YYYY-MM-DD."""
    return _dated(meaning, "2005-03-14", required=required, optional=optional)


def date_as_known(meaning: str, *, required: bool = True, optional: bool = False) -> pa.Column:
    """A date as far as the source tells it: YYYY, YYYY-MM or YYYY-MM-DD."""
    like = "2005, 2005-03 or 2005-03-14"
    return _dated(meaning, like, required=required, optional=optional)


def month(meaning: str, *, required: bool = True, optional: bool = False) -> pa.Column:
    """A month as text, YYYY-MM."""
    return _dated(meaning, "2005-03", required=required, optional=optional)


def number(
    meaning: str,
    unit: str,
    *,
    least: float | None = None,
    most: float | None = None,
    required: bool = True,
    whole: bool = False,
    optional: bool = False,
) -> pa.Column:
    """A number, read as written: a decimal point, no thousands separator, range inclusive.

    The column stays text as the person wrote it until `numbers` turns it into floats.
    """

    form = re.compile(r"-?\d+" if whole else r"-?\d+(\.\d+)?")
    lowest, highest = (-math.inf if least is None else least), (math.inf if most is None else most)

    def fits(cell: str) -> bool:
        return bool(form.fullmatch(cell)) and lowest <= float(cell) <= highest

    like = "a whole number" if whole else "a number with a decimal point"
    if least is not None:
        like += f", {least:g} or more" if most is None else f", {least:g} to {most:g}"
    known = {"unit": unit, "like": like}
    return _column(meaning, {"number": fits}, known, required=required, optional=optional)


def _dated(meaning: str, like: str, **given: bool) -> pa.Column:
    """A column of dates as long as an example in `like`, whose days exist in the calendar."""
    lengths = {len(example) for example in re.findall(r"[\d-]+", like)}

    def fits(cell: str) -> bool:
        full = cell + "-01" * (2 - cell.count("-"))
        there = DAY.fullmatch(full) and not pd.isna(pd.to_datetime(full, errors="coerce"))
        return bool(there) and len(cell) in lengths

    return _column(meaning, {"date": fits}, {"unit": "date", "like": like}, **given)


def _column(
    meaning: str,
    fits: Fits,
    known: dict[str, Any],
    *,
    required: bool,
    optional: bool,
    unique: bool = False,
) -> pa.Column:
    """A column of text whose filled cells pass what `fits` asks; equal ones are asked once."""

    def check(fault: str, right: Callable[[str], bool]) -> pa.Check:
        def passes(cells: pd.Series[str]) -> pd.Series[bool]:
            return cells.isin([cell for cell in cells.unique() if cell == "" or right(cell)])

        return pa.Check(passes, name=fault, error=fault)

    checks = [check(fault, right) for fault, right in fits.items()]
    if required:
        checks.insert(0, pa.Check(lambda s: s != "", name="filled", error="filled"))
    return pa.Column(
        str, checks, description=meaning, metadata=known, required=not optional, unique=unique
    )


def read_table(
    path: Path, of: Table, where: str | None = None, content: bytes | None = None
) -> pd.DataFrame:
    """Read a CSV or XLSX file as the table `of`.

    content  its bytes, where they are at hand and not to be read from the disk

    returns  a frame of text columns in the table's order, index `row` = the row number a
             spreadsheet shows; optional columns that are absent come as ""

    Raises ResearchError with every fault of the file at once.
    """
    name = where or path.as_posix()
    return check_rows(read_rows(path, name, content), of, name)


def check_rows(frame: pd.DataFrame, of: Table, name: str) -> pd.DataFrame:
    """The cells of `read_rows` as the table `of`, as `read_table` gives them; the same refusals."""
    faults = _header_faults(frame, of, name)
    known = [column for column in of.columns if column in frame.columns]
    faults += _cell_faults(frame[known], of, name)
    Problems(faults).raise_any()
    return frame.reindex(columns=of.columns, fill_value="")


def numbers(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The frame with these checked number columns as floats; an empty cell becomes missing."""
    return frame.assign(**{c: pd.to_numeric(frame[c].replace("", None)) for c in columns})


def read_rows(path: Path, where: str | None = None, content: bytes | None = None) -> pd.DataFrame:
    """The cells of a CSV or XLSX file as text, unchecked; index `row`; headers as written.

    content  its bytes, where they are at hand; `path` then tells the format alone

    Raises ResearchError for an empty file, a doubled or missing header, a row of the wrong length.
    """
    name = where or path.as_posix()
    data = read_bytes(path, name) if content is None else content
    is_book = path.suffix.lower() == ".xlsx"
    rows = _workbook_rows(data, name) if is_book else _csv_rows(as_text(data, name), name)
    if not rows:
        raise refuse(name, "the file is empty", "Its first row must be the header.")
    header, *body = _without_empty_columns([[cell.strip() for cell in row] for row in rows])
    faults = Problems()
    for doubled in sorted({cell for cell in header if cell and header.count(cell) > 1}):
        faults.add(f"{name}, row 1", f"column {doubled!r} stands twice", "Take one of them out.")
    if "" in header:
        faults.add(f"{name}, row 1", "a column has no heading", "Head it, or clear its cells.")
    for at, row in enumerate(body, start=FIRST_ROW):
        if any(row) and len(row) != len(header):
            what = f"the row has {len(row)} cells, the header {len(header)}"
            faults.add(f"{name}, row {at}", what, LONG)
    faults.raise_any()
    index = pd.RangeIndex(FIRST_ROW, FIRST_ROW + len(body), name="row")
    cells = [row if any(row) else [""] * len(header) for row in body]
    frame = pd.DataFrame(cells, columns=header, index=index, dtype=str)
    return frame[(frame != "").any(axis="columns")]


def write_table(frame: pd.DataFrame, path: Path) -> Path:
    """Write a frame as CSV (UTF-8, comma, LF), whole or not at all; the index is left out."""
    return write_whole(path, frame.to_csv(index=False, lineterminator="\n"))


def _csv_rows(content: str, name: str) -> list[list[str]]:
    if not content.strip():
        return []
    first = content.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(content), delimiter=separator, strict=True):
            rows.append(row)
    except (
        csv.Error
    ) as error:  # in the row that was begun: where the quote opened, not where it ran to
        cure = "Close the double quotes; write a quote inside a text twice."
        where = f"{name}, row {len(rows) + 1}"
        raise refuse(where, f"this is not CSV: {error}", cure) from None
    return rows


def _without_empty_columns(rows: list[list[str]]) -> list[list[str]]:
    """The rows without the columns at their end in which nothing is written, header included."""
    width = max((n for row in rows for n, cell in enumerate(row, start=1) if cell), default=0)
    return [row[:width] for row in rows]


def _workbook_rows(data: bytes, name: str) -> list[list[str]]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises whatever its zip and XML readers raise
        cure = "Open it in a spreadsheet program and save it as .xlsx, or as 'CSV UTF-8'."
        raise refuse(name, f"this is not an XLSX workbook ({error})", cure) from None
    try:
        sheet = book.worksheets[0]
        rows = [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    finally:
        book.close()
    while rows and not any(rows[-1]):
        rows.pop()
    return rows


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).removesuffix("T00:00:00")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _header_faults(frame: pd.DataFrame, of: Table, name: str) -> list[Problem]:
    where, declared = f"{name}, row 1", of.schema.columns
    unknown = [column for column in frame.columns if column not in declared]
    missing = [c for c in declared if declared[c].required and c not in frame.columns]
    faults = Problems()
    for column in unknown:
        what, cure = (
            f"{column!r} is not a column of {of.name}",
            suggestion(column, missing or declared),
        )
        faults.add(f"{where}, column {column!r}", what, cure)
    guessed = {nearest(column, missing) for column in unknown}
    for column in (column for column in missing if column not in guessed):
        what, cure = f"the column {column!r} is missing", f"Add it: {of.meaning(column)}"
        faults.add(where, what, cure)
    return faults.found


def _cell_faults(frame: pd.DataFrame, of: Table, name: str) -> list[Problem]:
    schema = pa.DataFrameSchema({column: of.schema.columns[column] for column in frame.columns})
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return []
    found = {_cell_fault(of, name, case) for case in cases.itertuples()}
    return sorted(found, key=lambda problem: _row_of(problem.where))


def _row_of(where: str) -> tuple[int, str]:
    found = re.search(r", row (\d+)", where)
    return (int(found[1]) if found else 0, where)


def _cell_fault(of: Table, name: str, case: Any) -> Problem:
    """What pandera says of a cell (column, check, failure_case, index), in our own words."""
    known, value = of.schema.columns[case.column].metadata or {}, str(case.failure_case)
    if case.check == "choice" and known["many"]:
        value = next(word for word in value.split() if word not in known["choices"])
    said = {"meaning": of.meaning(case.column), "like": known.get("like"), "name": value}
    where = f"{name}, row {case.index}, column {case.column!r}"
    return worded(where, SAID[case.check], known.get("choices", ()), **said)
