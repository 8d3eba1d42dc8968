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
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.errors
import pandera.pandas as pa

from ctresearch.files import as_text, read_bytes, write_whole
from ctresearch.problems import Problem, Problems, ResearchError, nearest, refuse, suggestion

FIRST_ROW = 2  # the row number a spreadsheet shows for the first row under the header
DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
MONTH_OR_LESS = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")


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

    def unit(self, column: str) -> str:
        return str((self.schema.columns[column].metadata or {}).get("unit", ""))


def table(name: str, row: str, /, **columns: pa.Column) -> Table:
    """A table of these columns and no others, in this order."""
    schema = pa.DataFrameSchema(dict(columns), name=name, strict=False, coerce=False)
    return Table(name, row, schema)


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
    checks = []
    if required:
        checks.append(pa.Check(lambda s: s != "", name="filled", error="filled"))
    if choices:
        allowed = {*choices, ""}

        def chosen(cells: pd.Series[str]) -> pd.Series[bool]:
            one_by_one = cells.map(lambda cell: allowed.issuperset(cell.split()))
            return one_by_one if many else cells.isin(allowed)

        checks.append(pa.Check(chosen, name="choice", error="choice"))
    if pattern:
        whole = re.compile(pattern)
        checks.append(
            pa.Check(
                lambda s: s.map(lambda v: v == "" or bool(whole.fullmatch(v))),
                name="pattern",
                error="pattern",
            )
        )
    known = {"unit": unit, "choices": sorted(choices), "many": many, "like": like or pattern}
    return pa.Column(
        str, checks, description=meaning, metadata=known, required=not optional, unique=unique
    )


def day(meaning: str, *, required: bool = True, optional: bool = False) -> pa.Column:
    """A date as text, YYYY-MM-DD."""
    return _dated(meaning, DAY, "2005-03-14", required, optional)


def date_as_known(meaning: str, *, required: bool = True, optional: bool = False) -> pa.Column:
    """A date as far as the source tells it: YYYY, YYYY-MM or YYYY-MM-DD."""
    return _dated(meaning, MONTH_OR_LESS, "2005, 2005-03 or 2005-03-14", required, optional)


def month(meaning: str, *, required: bool = True, optional: bool = False) -> pa.Column:
    """A month as text, YYYY-MM."""
    return _dated(meaning, re.compile(r"\d{4}-(0[1-9]|1[0-2])"), "2005-03", required, optional)


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

    def fits(value: str) -> bool:
        if value == "":
            return True
        if not re.fullmatch(r"-?\d+" if whole else r"-?\d+(\.\d+)?", value):
            return False
        return (least is None or float(value) >= least) and (most is None or float(value) <= most)

    checks = [pa.Check(lambda s: s.map(fits), name="number", error="number")]
    if required:
        checks.insert(0, pa.Check(lambda s: s != "", name="filled", error="filled"))
    like = "a whole number" if whole else "a number with a decimal point"
    if least is not None:
        like += f", {least:g} or more" if most is None else f", {least:g} to {most:g}"
    known = {"unit": unit, "choices": [], "like": like, "number": True}
    return pa.Column(str, checks, description=meaning, metadata=known, required=not optional)


def _dated(
    meaning: str, form: re.Pattern[str], like: str, required: bool, optional: bool
) -> pa.Column:
    """A date column whose days exist in the calendar."""

    def fits(value: str) -> bool:
        if value == "":
            return True
        full = value + "-01" * (2 - value.count("-"))
        return bool(form.fullmatch(value)) and not pd.isna(pd.to_datetime(full, errors="coerce"))

    checks = [pa.Check(lambda s: s.map(fits), name="date", error="date")]
    if required:
        checks.insert(0, pa.Check(lambda s: s != "", name="filled", error="filled"))
    known = {"unit": "date", "choices": [], "like": like}
    return pa.Column(str, checks, description=meaning, metadata=known, required=not optional)


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
    if faults:
        raise ResearchError(faults)
    for column in of.columns:
        if column not in frame.columns:
            frame[column] = ""
    return frame[of.columns]


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
    if path.suffix.lower() == ".xlsx":
        rows = _workbook_rows(data, name)
    else:
        rows = _csv_rows(as_text(data, name), name)
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
            faults.add(
                f"{name}, row {at}",
                f"the row has {len(row)} cells, the header {len(header)}",
                "Put a text that holds a comma, a semicolon or a line break between double quotes.",
            )
    faults.raise_any()
    index = pd.RangeIndex(FIRST_ROW, FIRST_ROW + len(body), name="row")
    cells = [row if any(row) else [""] * len(header) for row in body]
    frame = pd.DataFrame(cells, columns=header, index=index, dtype=str)
    return frame[(frame != "").any(axis="columns")]


def write_table(frame: pd.DataFrame, path: Path, *, columns: Sequence[str] | None = None) -> Path:
    """Write a frame as CSV (UTF-8, comma, LF), whole or not at all; the index is left out."""
    kept = frame if columns is None else frame[list(columns)]
    return write_whole(path, kept.to_csv(index=False, lineterminator="\n"))


def _csv_rows(content: str, name: str) -> list[list[str]]:
    if not content.strip():
        return []
    first = content.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(content), delimiter=separator, strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        cure = "Close the double quotes; write a quote inside a text twice."
        raise refuse(f"{name}, line {reader.line_num}", f"this is not CSV: {error}", cure) from None


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
    faults = []
    unknown = [column for column in frame.columns if column not in of.columns]
    missing = [
        column
        for column, schema in of.schema.columns.items()
        if schema.required and column not in frame.columns
    ]
    for column in unknown:
        faults.append(
            Problem(
                f"{name}, row 1, column {column!r}",
                f"{column!r} is not a column of {of.name}",
                suggestion(column, missing or of.columns),
            )
        )
    guessed = {nearest(column, missing) for column in unknown}
    for column in missing:
        if column not in guessed:
            cure = f"Add it: {of.meaning(column)}"
            faults.append(Problem(f"{name}, row 1", f"the column {column!r} is missing", cure))
    return faults


def _cell_faults(frame: pd.DataFrame, of: Table, name: str) -> list[Problem]:
    schema = pa.DataFrameSchema({column: of.schema.columns[column] for column in frame.columns})
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return []
    found = [
        _cell_fault(of, name, str(case.column), str(case.check), str(case.failure_case), case.index)
        for case in cases.itertuples()
    ]
    return sorted(set(found), key=lambda problem: _row_of(problem.where))


def _row_of(where: str) -> tuple[int, str]:
    found = re.search(r", row (\d+)", where)
    return (int(found[1]) if found else 0, where)


def _cell_fault(of: Table, name: str, column: str, check: str, value: str, row: Any) -> Problem:
    known = of.schema.columns[column].metadata or {}
    where = f"{name}, row {row}, column {column!r}"
    if check == "filled":
        return Problem(where, "the cell is empty", f"Fill it in: {of.meaning(column)}")
    if check == "choice":
        words = value.split() if known["many"] else [value]
        wrong = next(word for word in words if word not in known["choices"])
        cure = suggestion(wrong, known["choices"])
        return Problem(where, f"{wrong!r} is not one of the values here", cure)
    if check == "date":
        cure = f"Write it like {known['like']} (in a spreadsheet, as a cell of text)."
        return Problem(where, f"{value!r} is not a date", cure)
    if check == "number":
        return Problem(where, f"{value!r} does not fit here", f"Write {known['like']}.")
    if check == "field_uniqueness":
        return Problem(where, f"{value!r} stands in more than one row", "Give each row its own.")
    return Problem(where, f"{value!r} has not the right form", f"Write it like {known['like']}.")
