"""REFI-QDA 1.5: codebooks (.qdc) and projects (.qdpx) of other coding programs, out and in.

In    a country: its codebook, transcripts, coding logs and interviews.csv; or a file of others
Out   bytes, the same for the same study; or a `Project` read, and what it brings into a country

The one idea: a GUID says whose a thing is. Codes, sources, cases, variables and coders carry GUIDs
made from their names (uuid5), a coding carries its own id (a ULID is 128 bits, as a GUID is): a
file that comes back is recognised, part by part, and what was taken back here stays so. Texts of
others are never changed to make offsets fit: each way of counting is tried, and the one is used in
which the words stand where the file says.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from pathlib import Path
from xml.sax.saxutils import quoteattr
from zipfile import ZipFile, ZipInfo

import numpy as np
import pandas as pd
from lxml import etree
from numpy.typing import NDArray

from ctresearch import coding, evidence
from ctresearch.coding import CROCKFORD, Line, Words
from ctresearch.files import BOM
from ctresearch.instruments import STAMP, Codebook
from ctresearch.problems import Problems, refuse
from ctresearch.study import Country, Study
from ctresearch.transcripts import cleaned, decoded, member, parsed, unzipped

OURS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:ctresearch")
PROJECT, CODEBOOK = "urn:QDA-XML:project:1.0", "urn:QDA-XML:codebook:1.0"
READ = re.compile(r"urn:QDA-XML:(project|codebook):[\d:.]+")  # ATLAS.ti and NVivo count otherwise
ULID = re.compile(f"[0-7][{CROCKFORD}]{{25}}")
TO_BASE32 = str.maketrans(CROCKFORD, "0123456789abcdefghijklmnopqrstuv")  # as `int` reads it
PAIRS = [one + two for one, two in product(CROCKFORD, repeat=2)]
GUID = re.compile("-".join(f"[0-9a-f]{{{n}}}" for n in (8, 4, 4, 4, 12)))
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
NAMED = 100  # characters of a quote that name its selection
MOST_PROJECT = 300_000_000  # bytes of XML
TRIED = 200  # selections of a source by which its way of counting is told
# Ways of counting: CRLF as one, a byte order mark as one, a character beyond U+FFFF as two.
Way = tuple[bool, bool, bool]
WAYS: list[Way] = [(a, b, c) for a, b, c in product((False, True), repeat=3)]
INVENTED = "Invented evidence: to practise with, never to be published."
PAST = "its positions are not in the text"
COUNTED = ("CRLF as one character", "the byte order mark", "UTF-16 units")

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class ForeignCode:
    """A code of a file."""

    guid: str
    path: tuple[str, ...]  # names from the head of the tree
    description: str


@dataclass(frozen=True)
class ForeignCoding:
    """A passage of a source under a code, offsets in the code points of the source's text."""

    guid: str
    code: str  # GUID of the code
    coder: str  # name of the coder
    at: datetime | None
    start: int
    end: int
    memo: str


@dataclass(frozen=True)
class Source:
    """A text of a file."""

    guid: str
    name: str
    text: str  # LF, NFC
    codings: tuple[ForeignCoding, ...]
    cells: dict[str, str]  # its values by variable


@dataclass
class Project:
    """A file as read: what it holds, what is wrong in it, and what is read otherwise or not."""

    where: str
    codes: dict[str, ForeignCode] = field(default_factory=dict)
    coders: dict[str, str] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    faults: Problems = field(default_factory=Problems)
    said: list[str] = field(default_factory=list)


@lru_cache(maxsize=10_000)
def guid(kind: str, name: str) -> str:
    """The GUID of a thing of ours: a 'code', 'source', 'case', 'variable', 'coder' or 'memo'.

    It is `uuid.uuid5(OURS, "kind:name")` (RFC 9562, 5.5), five times as fast.
    """
    made = hashlib.sha1(OURS.bytes + f"{kind}:{name}".encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(made[16], 16) & 3]
    return f"{made[:8]}-{made[8:12]}-5{made[13:16]}-{variant}{made[17:20]}-{made[20:32]}"


def coding_guid(line: str) -> str:
    """The GUID of a coding: its ULID in other digits."""
    if not ULID.fullmatch(line):
        return guid("coding", line)
    digits = f"{int(line.translate(TO_BASE32), 32):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def coding_id(given: str) -> str:
    """The id of a coding with this GUID; undoes `coding_guid`."""
    number = int(given.replace("-", ""), 16)
    return "".join(PAIRS[number >> shift & 1023] for shift in range(120, -1, -10))


# Out


def codebook_file(study: Study, codebook: Codebook) -> bytes:
    """The codebook as a .qdc."""
    root = etree.Element("CodeBook", origin="ctresearch", xmlns=CODEBOOK)
    _codes_out(root, codebook, study.file.languages[0])
    return _as_bytes(root)


@coding.at_one_go()
def project_file(country: Country, codebook: Codebook) -> tuple[bytes, list[str]]:
    """A country as a .qdpx, and what is not in it: interviews without consent, stale codings.

    Raises ResearchError with everything wrong in its interviews, transcripts and logs.
    """
    coding.segments(country, evidence.turns(country), codebook)
    rows = evidence.interviews(country)
    said = [f"{one}: no consent to analysis; left out" for one in rows["id"][~rows["usable"]]]
    rows = rows[rows["usable"]]
    texts = {one: coding.transcript(country, one) for one in rows["id"]}
    live = {one: _live(country, one, text, codebook, said) for one, text in texts.items()}
    root = _root(country, [line for of_it in live.values() for line in of_it])
    _codes_out(etree.SubElement(root, "CodeBook"), codebook, country.study.file.languages[0])
    _cases_out(root, rows)
    sources, notes = etree.Element("Sources"), etree.Element("Notes")
    for interview, of_it in live.items():
        _source_out(sources, notes, interview, texts[interview], of_it)
    root.extend(part for part in (sources, notes) if len(part))
    if country.invented("interview"):
        etree.SubElement(root, "Description").text = INVENTED
    inside = {f"sources/{guid('source', one)}.txt": text.encode() for one, text in texts.items()}
    return _zipped({"project.qde": _as_bytes(root), **inside}), said


def _live(
    country: Country, interview: str, text: str, codebook: Codebook, said: list[str]
) -> list[Line]:
    """The live codings of an interview, in the order of its text; stale ones are said."""
    kept, now = list[Line](), coding.version(text)
    for log in sorted((country.folder / "codings").glob(f"{interview}.*.jsonl")):
        every = coding.replay(lines_of(log))
        kept += [_in_use(line, codebook) for line in every if line.v == now]
        if stale := sum(line.v != now for line in every):
            said.append(f"{log.name}: {stale} codings of another version of the text; left out")
    return sorted(kept, key=lambda line: (line.start, line.end, line.id))


def _in_use(line: Line, codebook: Codebook) -> Line:
    """The line under the code that its code was merged into."""
    code = line.code
    while into := codebook.by_id[code].merged_into:
        code = into
    return line if code == line.code else line.model_copy(update={"code": code})


def lines_of(log: Path) -> list[Line]:
    """The whole lines of a log that was checked."""
    every = log.read_bytes().split(b"\n")
    return [Line.model_validate_json(raw) for raw in every if raw.endswith(b"}")]


def _root(country: Country, lines: list[Line]) -> etree._Element:
    """The project's element with its coders, dated by the codings."""
    times, dated = {line.at for line in lines}, {}
    if times:
        dated = {"creationDateTime": _utc(min(times)), "modifiedDateTime": _utc(max(times))}
    name = f"{country.name} {country.study.file.edition}"
    about = {"xmlns": PROJECT, "name": name, "origin": "ctresearch"}
    root = etree.Element("Project", about | dated)
    coders = etree.Element("Users")
    for coder in sorted({line.by for line in lines}):
        etree.SubElement(coders, "User", guid=guid("coder", coder), name=coder, id=coder)
    root.extend([coders] if times else [])
    return root


def _codes_out(book: etree._Element, codebook: Codebook, language: str) -> None:
    """The codes as a tree, each under its nearest ancestor; merged ones take no codings."""
    head = etree.SubElement(book, "Codes")
    placed: dict[str, etree._Element] = {}
    for code in sorted(codebook.codes, key=lambda code: len(code.ancestors)):
        above = next((placed[one] for one in reversed(code.ancestors) if one in placed), head)
        in_use = "false" if code.merged_into else "true"
        name = xml_text(codebook.label(code.id, language))
        attributes = {"guid": guid("code", code.id), "name": name, "isCodable": in_use}
        placed[code.id] = etree.SubElement(above, "Code", attributes)
        rules = {"Include": code.include, "Exclude": code.exclude, "Example": code.example}
        told = [code.definition.get(language, ""), *(f"{k}: {v}" for k, v in rules.items() if v)]
        described = etree.SubElement(placed[code.id], "Description")
        described.text = xml_text("\n".join(filter(None, told)))


def _cases_out(root: etree._Element, rows: pd.DataFrame) -> None:
    """Interviews as cases, their cells as values of variables; an empty cell has no value."""
    columns = [column for column in evidence.INTERVIEWS.columns if column != "id"]
    variables, cases = etree.SubElement(root, "Variables"), etree.Element("Cases")
    for column in columns:
        attributes = {"guid": guid("variable", column), "name": column, "typeOfVariable": "Text"}
        variable = etree.SubElement(variables, "Variable", attributes)
        etree.SubElement(variable, "Description").text = evidence.INTERVIEWS.meaning(column)
    for row in rows.to_dict("records"):
        case = etree.SubElement(cases, "Case", guid=guid("case", row["id"]), name=row["id"])
        for column in filter(row.get, columns):
            value = etree.SubElement(case, "VariableValue")
            etree.SubElement(value, "VariableRef", targetGUID=guid("variable", column))
            etree.SubElement(value, "TextValue").text = xml_text(row[column])
        etree.SubElement(case, "SourceRef", targetGUID=guid("source", row["id"]))
    root.extend([cases] if len(cases) else [])


def _source_out(
    sources: etree._Element, notes: etree._Element, name: str, text: str, lines: Iterable[Line]
) -> None:
    """A transcript with a selection for each coding, a memo as a note of the coding."""
    own = guid("source", name)
    attributes = {"guid": own, "name": name, "plainTextPath": f"internal://{own}.txt"}
    source, marked = etree.SubElement(sources, "TextSource", attributes), list[str]()
    for line in lines:
        by = {"creatingUser": guid("coder", line.by), "creationDateTime": _utc(line.at)}
        made = " ".join(f'{key}="{value}"' for key, value in by.items())
        words, noted = quoteattr(xml_text(text[line.start : line.end][:NAMED])), ""
        if memo := Words.model_validate(coding.opened(line).words).memo:
            told = {"guid": guid("memo", line.id), "name": f"{name} {line.start}"}
            noted = f'<NoteRef targetGUID="{told["guid"]}"/>'
            note = etree.SubElement(notes, "Note", told | by)
            etree.SubElement(note, "PlainTextContent").text = xml_text(memo)
        marked.append(
            f'<PlainTextSelection guid="{guid("selection", line.id)}" name={words}'
            f' startPosition="{line.start}" endPosition="{line.end}" {made}>'
            f'<Coding guid="{coding_guid(line.id)}" {made}>'
            f'<CodeRef targetGUID="{guid("code", line.code)}"/>{noted}</Coding>'
            "</PlainTextSelection>"
        )
    source.extend(etree.XML(f"<s>{''.join(marked)}</s>"))  # half the time of one by one


def xml_text(text: str) -> str:
    """The text with a mark for each character XML cannot hold."""
    return NOT_XML.sub("\ufffd", text)


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _as_bytes(root: etree._Element) -> bytes:
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True))


def _zipped(members: dict[str, bytes]) -> bytes:
    """A zip with the same bytes for the same members, at any time and on any system."""
    out = io.BytesIO()
    with ZipFile(out, "w") as target:
        for name, content in members.items():
            told = ZipInfo(name, STAMP)
            told.create_system = 0
            target.writestr(told, content)
    return out.getvalue()


# In


@coding.at_one_go()
def read(data: bytes, where: str) -> Project:
    """A .qdpx or .qdc; what is wrong in it, missing texts above all, stands in `faults`.

    Raises ResearchError where it is neither, torn, too large, or unsafe to open.
    """
    project = Project(where)
    if not data.startswith(b"PK"):
        _codes_in(_rooted(data, where, "CodeBook"), project)
        return project
    zipped = unzipped(data, where)
    inner = [name for name in zipped.namelist() if re.fullmatch(r"[^/]+\.qde", name, re.IGNORECASE)]
    if len(inner) != 1:
        what = f"a project has one file .qde at its top, this has {len(inner)}"
        raise refuse(where, what, "Export it again from the program it was made with.")
    place = f"{where}, {inner[0]}"
    root = _rooted(member(zipped, inner[0], where, MOST_PROJECT), place, "Project")
    _codes_in(root, project)
    project.coders = _names(root, "{*}Users/{*}User")
    _Texts(zipped, where, place, project).sources(root)
    return project


def _rooted(data: bytes, where: str, kind: str) -> etree._Element:
    """The root of a project or codebook, of whatever version of the schema."""
    root = parsed(data, where)
    name = etree.QName(root)
    if name.localname != kind or not READ.fullmatch(name.namespace or ""):
        what = f"this begins with {root.tag!r}, not with a REFI-QDA {kind}"
        raise refuse(where, what, "Export it again as REFI-QDA (.qdpx or .qdc).")
    return root


def _codes_in(root: etree._Element, project: Project) -> None:
    for node in root.iter("{*}Code"):
        above = [str(one.get("name")) for one in node.iterancestors("{*}Code")]
        path = (*reversed(above), str(node.get("name")))
        described = node.findtext("{*}Description") or ""
        project.codes[_id(node.get("guid"))] = ForeignCode(_id(node.get("guid")), path, described)


def _id(given: str | None) -> str:
    """A GUID as it is compared: some write it in braces, some in capitals."""
    return (given or "").strip("{} ").lower()


class _Texts:
    """The sources of a project, read beside the texts in its zip."""

    def __init__(self, zipped: ZipFile, where: str, place: str, project: Project) -> None:
        self.zipped, self.where, self.place, self.project = zipped, where, place, project
        self.add = project.faults.add
        # By name alone, in small letters: the folder is sources/, Sources/ or something else.
        self.inside = {
            name.rpartition("/")[2].casefold(): name
            for name in zipped.namelist()
            if "/" in name and not name.endswith(("/", ".root"))
        }

    def sources(self, root: etree._Element) -> None:
        """Read every source into the project; what is no text is said."""
        self.cases = {_id(node.get("guid")) for node in root.iterfind("{*}Cases/{*}Case")}
        notes = root.iterfind("{*}Notes/{*}Note")
        self.notes = {_id(node.get("guid")): self.text(node) or "" for node in notes}
        self.dated = root.get("modifiedDateTime") or root.get("creationDateTime")
        known = _names(root, "{*}Variables/{*}Variable")
        cells = _cells(root, known)
        for node in root.iterfind("{*}Sources/*"):
            if etree.QName(node).localname == "TextSource":
                self.source(node, {**cells.get(_id(node.get("guid")), {}), **_values(node, known)})
            else:
                self.say(node, "is not a text; left out")
                for part in (one for one in node.iter() if one.get("plainTextPath")):
                    self.text(part)

    def source(self, node: etree._Element, cells: dict[str, str]) -> None:
        """Read one text into the project."""
        raw = self.text(node)
        if raw is not None:
            own, name = _id(node.get("guid")), node.get("name") or ""
            codings = tuple(self.codings(node, raw))
            self.project.sources.append(Source(own, name, cleaned(raw), codings, cells))

    def named(self, node: etree._Element) -> str:
        """The place of an element: file, line, its kind and its name or GUID."""
        called = node.get("name") or node.get("guid") or ""
        return f"{self.place}, line {node.sourceline}, {etree.QName(node).localname} {called:.60}"

    def say(self, node: etree._Element, what: str) -> None:
        self.project.said.append(f"{self.named(node)}: {what}")

    def text(self, node: etree._Element) -> str | None:
        """The plain text of a source or note as the file has it; None, and a fault, without one."""
        inline, path = node.findtext("{*}PlainTextContent"), node.get("plainTextPath") or ""
        if inline is not None or not path:
            if inline is None:
                kind = "only a formatted text" if node.get("richTextPath") else "no text"
                self.add(self.named(node), f"there is {kind}", "Export it with its plain text.")
            return inline
        scheme, _, name = path.rpartition("://")
        inner = self.inside.get(re.split(r"[/\\]", name)[-1].casefold())
        if scheme not in ("", "internal") or inner is None:
            cure = "Export the project again with its sources, or ask its sender for them."
            self.add(self.named(node), f"its text, {path}, is not in the file", cure)
            return None
        with self.project.faults.gather():
            place = f"{self.where}, {inner}"
            text, encoding = decoded(member(self.zipped, inner, self.where), place)
            if encoding:
                self.project.said.append(f"{place}: not UTF-8; read as {encoding}")
            return text.removeprefix(BOM)
        return None

    def codings(self, source: etree._Element, raw: str) -> Iterator[ForeignCoding]:
        """The codings of a source, placed in its cleaned text."""
        nodes = [*source.iterfind("{*}PlainTextSelection"), source]
        spans = np.array([self.span(node, len(raw)) for node in nodes[:-1]] + [(0, 0)])
        names = [node.get("name") or "" for node in nodes[:-1]]
        at, way = _counted(raw, spans, names)
        for node, past in zip(nodes, (spans > _units(raw, way)[-1]).any(axis=1), strict=True):
            if past:
                self.add(self.named(node), PAST, "Export it again; else take the element out.")
        at[-1] = (0, len(raw))
        if any(way):
            told = " and ".join(name for name, used in zip(COUNTED, way, strict=True) if used)
            self.say(source, f"its positions count {told}")
        for node, (start, end) in zip(nodes, _cleaned_at(raw, at).tolist(), strict=True):
            coded = [child for child in node if child.tag.endswith("}Coding")]
            if start < end:
                noted = self.memo(node) if node is not source and coded else ""
                made = (self.coding(one, node, start, end, noted) for one in coded)
                yield from filter(None, made)
            elif coded:
                self.say(node, "marks no character; left out")

    def span(self, node: etree._Element, length: int) -> tuple[int, int]:
        """The positions of a selection as the file counts."""
        try:
            start, end = int(node.get("startPosition", "")), int(node.get("endPosition", ""))
        except ValueError:
            start, end = -1, -1
        if not 0 <= start <= end <= 2 * length + 1:
            self.add(self.named(node), PAST, "Export it again; else take the element out.")
            return 0, 0
        return start, end

    def coding(
        self, node: etree._Element, within: etree._Element, start: int, end: int, memo: str
    ) -> ForeignCoding | None:
        """One coding; None, and a word on it, where it is a case's passage or names no code."""
        refs = [_id(ref.get("targetGUID")) for ref in node if ref.tag.endswith("}CodeRef")]
        code, own = "".join(refs[:1]), _id(node.get("guid"))
        if code in self.cases:
            self.say(within, "belongs to a case, is not coded; left out")
        elif code not in self.project.codes or not GUID.fullmatch(own):
            what = f"the coding {own or 'without a GUID'} names no code of the file"
            self.add(self.named(within), what, "Export it again; else take the element out.")
        else:
            user = node.get("creatingUser") or within.get("creatingUser")
            coder = self.project.coders.get(_id(user), "")
            memo = "\n".join(filter(None, (memo, self.memo(node))))
            return ForeignCoding(own, code, coder, self.time(node, within), start, end, memo)
        return None

    def memo(self, node: etree._Element) -> str:
        """What was noted on a selection or coding."""
        found = []
        for child in node:
            if child.tag.endswith("}Description"):
                found.append(child.text)
            elif child.tag.endswith("}NoteRef"):
                found.append(self.notes.get(_id(child.get("targetGUID"))))
        return "\n".join(filter(None, found))

    def time(self, node: etree._Element, within: etree._Element) -> datetime | None:
        """When a coding was made: its own time, its selection's, else the project's."""
        told = node.get("creationDateTime") or within.get("creationDateTime") or self.dated
        try:
            at = datetime.fromisoformat(told) if told else None
        except ValueError:
            self.add(self.named(within), f"{told!r} is not a time", "Mend it: 2005-02-01T15:00:58Z")
            return None
        return at.replace(tzinfo=at.tzinfo or UTC) if at else None


def _cells(root: etree._Element, known: dict[str, str]) -> dict[str, dict[str, str]]:
    """Values of the cases by the GUID of their source."""
    return {
        _id(ref.get("targetGUID")): _values(case, known)
        for case in root.iterfind("{*}Cases/{*}Case")
        for ref in case.iterfind("{*}SourceRef")
    }


def _names(root: etree._Element, path: str) -> dict[str, str]:
    """Names of the elements at `path` by GUID."""
    found = root.iterfind(path)
    return {_id(node.get("guid")): node.get("name") or node.get("id") or "" for node in found}


def _values(node: etree._Element, variables: dict[str, str]) -> dict[str, str]:
    """Values of a case or source by the name of the variable."""
    told = {}
    for value in node.iterfind("{*}VariableValue"):
        ref, *said = value
        told[variables.get(_id(ref.get("targetGUID")), "")] = (said[0].text or "") if said else ""
    return told


def _units(raw: str, way: Way) -> Positions:
    """Where each character of `raw` begins, and its end, as one way of counting has it."""
    crlf, mark, utf16 = way
    signs = np.frombuffer(raw.encode("utf-32-le"), "<u4")
    width = np.ones(len(signs), int) + (utf16 & (signs > 0xFFFF))
    width[:-1] -= crlf & (signs[:-1] == 13) & (signs[1:] == 10)
    return np.concatenate([[0], np.cumsum(width)]) + mark


def _counted(raw: str, spans: Positions, names: Sequence[str]) -> tuple[Positions, Way]:
    """The spans as code points of `raw`, and the way of counting in which most names fit."""
    best, found, chosen = -1, spans, WAYS[0]
    for way in WAYS:
        units = _units(raw, way)
        at = np.searchsorted(units, spans)
        told = zip(at[:TRIED].tolist(), names, strict=False)
        hits = sum(_same(raw[start:end], name) for (start, end), name in told)
        hits = hits if spans.max() <= units[-1] else hits // 2
        if hits > best:
            best, found, chosen = hits, at, way
        if best >= min(len(names), TRIED):
            break
    return np.minimum(found, len(raw)), chosen


def _same(words: str, name: str) -> bool:
    """Whether a selection's name is its words, shortened perhaps and with other blanks."""
    shown = " ".join(name.split()).rstrip("….")
    return bool(shown) and " ".join(words.split()).startswith(shown)


def _cleaned_at(raw: str, at: Positions) -> Positions:
    """Positions of `raw` as positions of `cleaned(raw)`."""
    if "\r" in raw:
        at, raw = _units(raw, (True, False, False))[at], raw.replace("\r\n", "\n")
    if unicodedata.is_normalized("NFC", raw):
        return at
    lengths = {int(p): len(unicodedata.normalize("NFC", raw[:p])) for p in np.unique(at)}
    return np.array([[lengths[start], lengths[end]] for start, end in at.tolist()])
