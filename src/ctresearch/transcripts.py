"""Transcripts in: what a recorder or a typist hands over, as an interview of the study.

In    .txt .docx .odt .srt .vtt, in any encoding, with any names for who speaks
Out   `House`: the house format (UTF-8, LF, NFC; one turn a line, "I: " or "R: ", an optional
      [hh:mm:ss] before it), and where in it each word of the file went
      interviews/JAM-KI-17.txt and its row in interviews.csv

The one idea: nothing is guessed in silence. Who asks, who answers and how the letters were encoded
are either plain from the file or asked for; words that belong to nobody are shown before they are
left out. Consent is never assumed: the cells of the new row stay empty until a person fills them.
"""

from __future__ import annotations

import csv
import html
import io
import re
import unicodedata
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, islice
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from lxml import etree

from ctresearch import seals
from ctresearch.evidence import INTERVIEWS
from ctresearch.files import BOM, read_bytes, read_text, write_whole
from ctresearch.problems import Problems, ResearchError, refuse
from ctresearch.study import Country

MOST = 5_000_000  # bytes of text: a day of talk has a tenth of it
MOST_XML = 50_000_000  # bytes of a word processor's text, tags and all
MOST_MEMBERS = 20_000  # files in a zip
ENDINGS = (".txt", ".docx", ".odt", ".srt", ".vtt")
SHOWN = 6  # turns of a preview
# What is looked for where a text is not UTF-8: the encodings of Windows, DOS, the old Macintosh.
OLDER = ["cp1252", "cp850", "mac_roman", "utf_16", "utf_16_le", "utf_16_be", "utf_32"]
LINE = re.compile("[^\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")  # line ends have many names
NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1b\x1f]")
NOBODY = "none"  # said of an interview in which only the informant speaks
ASKING = "i int interviewer q question moderator researcher entrevistador entrevistadora pregunta"
ANSWERING = "r resp respondent a answer participant informant entrevistado entrevistada respuesta"
ASKS, ANSWERS = frozenset(ASKING.split()), frozenset(ANSWERING.split())
AGAIN = "Ask for the file again, or open it where it was made and save it anew."
TIME = r"((?:\d{1,2}:)?\d{1,2}:\d\d)(?:[.,]\d{1,3}|-\d)?"
NAME = r"([^\W\d_][\w.'’()/&-]*(?: [\w.'’()/&-]+){0,3})"
LONGEST = 40  # characters of a speaker's name
# A line that names who speaks, "[0:05] Ana: …" or "Ana (0:05): …"; one that does nothing else,
# "Ana  0:05"; and one that begins with a time.
SPOKEN = re.compile(
    rf"\s*(?:[\[(<#]?{TIME}[\])>#]?\s*[-–]?\s*)?{NAME}\s*(?:[\[(]{TIME}[\])]\s*)?"
    r"(?:(?<!\d):(?!//)|:(?!//|\d))\s*"
)
HEADED = re.compile(rf"\s*()?{NAME}\s+[\[(]?{TIME}[\])]?\s*$")
CLOCKED = re.compile(rf"\s*(?:[\[(<#]{TIME}[\])>#]|(\d{{1,2}}:\d\d:\d\d)(?:[.,]\d{{1,3}})?\b)\s*")
CUE = re.compile(r"((?:\d+:)?\d\d:\d\d)[.,]\d{3} +--> +(?:\d+:)?\d\d:\d\d[.,]\d{3}.*")
VOICE = re.compile(r"<v(?:\.[^ >]*)? ([^>]+)>")
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
ODT = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
T = ODT % "text"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
# Of a word processor's text: what is not said aloud (deleted, moved away, remarks, formats), …
UNSAID = [W + name for name in ("del", "moveFrom", "pPr", "instrText")]
UNSAID += [FALLBACK, T + "tracked-changes", T + "note", ODT % "office" + "annotation"]
# … and what stands for a character.
SIGNS = {W + "tab": "\t", W + "br": "\n", W + "cr": "\n", T + "tab": "\t", T + "line-break": "\n"}
PARAGRAPHS = (W + "p", T + "p", T + "h")
ROW, CELL = (W + "tr", ODT % "table" + "table-row"), (W + "tc", ODT % "table" + "table-cell")


@dataclass(frozen=True)
class Turn:
    """What one speaker said without a break."""

    speaker: str  # as the file names the speaker; "" before anybody is named
    time: str  # hh:mm:ss, or ""
    pieces: tuple[tuple[int, str], ...]  # its lines, each with where it begins in the draft's text

    @property
    def words(self) -> str:
        return " ".join(words for _, words in self.pieces if words)


@dataclass(frozen=True)
class House:
    """A transcript in the house format, and where the words of the draft stand in it."""

    text: str
    places: tuple[tuple[int, int, int], ...]  # begins in the draft, begins here, length

    def moved(self, start: int, end: int) -> tuple[int, int]:
        """Where the words at `start:end` of the draft stand; the same number twice for none."""
        first = bisect_right(self.places, start, key=lambda place: place[0] + place[2])
        last = bisect_left(self.places, end, key=lambda place: place[0]) - 1
        if first > last:
            return 0, 0
        (begins, here, _), (ends, there, length) = self.places[first], self.places[last]
        return here + max(start - begins, 0), there + min(end - ends, length)


@dataclass(frozen=True)
class Draft:
    """A file as it was read, before anybody said who speaks."""

    where: str
    text: str  # LF, NFC; its lines as typed
    encoding: str = ""  # what it was read as, where it is not UTF-8
    interviewers: tuple[str, ...] = ()  # who asks, as a person said; none: as the names tell
    respondents: tuple[str, ...] = ()  # who answers; none: everybody else
    voices: frozenset[str] = frozenset()  # who speaks, where the file itself marks it

    @property
    def strange(self) -> str:
        """The first line in which a wrong encoding would show."""
        return next((one for one in self.text.split("\n") if not one.isascii()), "").strip()

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The turns; one without a speaker at their head holds what stands before the first."""
        told = {*self.interviewers, *self.respondents}
        told |= set() if self.respondents else self.voices
        spoken = _turns(self.text, told, only=bool(self.respondents))
        return tuple(turn for turn in spoken if turn.words)

    @cached_property
    def speakers(self) -> Counter[str]:
        """Turns by speaker."""
        return Counter(turn.speaker for turn in self.turns if turn.speaker)

    @property
    def preview(self) -> str:
        """What a person looks at before it is kept: who speaks, what is left out, how it begins."""
        lines = [
            f"{self.where}: {self.speakers.total()} turns"
            + f", {self.encoding}" * bool(self.encoding)
        ]
        for name, turns in self.speakers.items():
            lines.append(f"  {name} {'asks' if name in self.asking else 'answers'}, {turns} turns")
        if self.turns[0].words and NOBODY not in self.interviewers and not self.turns[0].speaker:
            lines.append(f"  left out, before anybody speaks: {self.turns[0].words!r}")
        begins = self.house.text.split("\n")[:SHOWN]
        return "\n".join([*lines, *(f"  | {line:.90}" for line in begins if line)])

    @property
    def asking(self) -> set[str]:
        """The speakers who ask. Raises ResearchError where nobody said so and the names do not."""
        named, told = set(self.speakers), set(self.interviewers)
        asks, answers = ({name for name in named if _role(name) in of} for of in (ASKS, ANSWERS))
        if told == {NOBODY}:
            return set()
        if told & named and (self.respondents or len(named) == 2):
            return told & named
        if not told and answers and asks | answers == named:
            return asks
        if not told and len(named) == 2 and len(asks | answers) == 1:
            return asks or named - answers
        listed = ", ".join(f"{name!r} ({turns} turns)" for name, turns in self.speakers.items())
        cure = (
            "Say it with --interviewer NAME, and with --respondent NAME for each who answers"
            f" (only the informant speaks: --interviewer {NOBODY})."
        )
        raise refuse(self.where, f"who asks is not plain; speaking: {listed or 'nobody'}", cure)

    @property
    def house(self) -> House:
        """The house format. Raises ResearchError where it is not plain who asks."""
        asking, text, places, at = self.asking, [], [], 0
        for turn in self.turns:
            if not (turn.speaker or self.interviewers == (NOBODY,)):
                continue
            line = f"[{turn.time}] " if turn.time else ""
            line += "I:" if turn.speaker in asking else "R:"
            for begins, words in turn.pieces:
                places.append((begins, at + len(line) + 1, len(words)))
                line += f" {words}"
            text.append(f"{line}\n")
            at += len(line) + 1
        if not text:
            raise refuse(self.where, "nobody says anything in it", "Is this the right file?")
        return House("".join(text), tuple(places))


def read(path: Path, encoding: str = "") -> Draft:
    """A file as a draft, by its ending (one of ENDINGS).

    Raises ResearchError where it is no such file, torn, or larger than any interview.
    """
    where, ending = path.as_posix(), path.suffix.lower()
    if ending not in ENDINGS:
        cure = f"Save it as one of {' '.join(ENDINGS)} (Word: Save as, file type)."
        raise refuse(where, f"a file {ending or 'without an ending'} is not read here", cure)
    data = read_bytes(path, where)
    if ending in (".docx", ".odt"):
        text, used = "\n".join(_typed(_document(data, where))), ""
    else:
        text, used = decoded(data, where, encoding)
    voices = frozenset(VOICE.findall(text) if ending == ".vtt" else ())
    text = "\n".join(_cues(text)) if ending in (".srt", ".vtt") else text
    if len(text) > MOST:
        raise refuse(where, f"{len(text):,} characters are no interview", "Is it the right file?")
    return Draft(where, cleaned(text), "" if encoding else used, voices=voices)


Ask = Callable[[str, str], str]  # a question and its likely answer; gives the answer


def settled(draft: Draft, ask: Ask | None) -> Draft:
    """The draft when its doubts are settled, by asking where there is somebody to ask.

    Raises ResearchError where a doubt is left: how its letters are encoded, or who asks.
    """
    if draft.encoding and not draft.encoding.startswith("utf"):
        what = f"this is not UTF-8; as {draft.encoding} it has a line {draft.strange!r:.90}"
        if ask is None:
            cure = f"If that is right, --encoding {draft.encoding}; if not, name the right one."
            raise refuse(draft.where, what, cure)
        read_as = ask(f"{draft.where}: {what}. Encoding", draft.encoding)
        draft = replace(draft, text=read(Path(draft.where), read_as).text)
    try:
        draft.asking  # noqa: B018 (raises where that is not plain)
    except ResearchError as doubt:
        if ask is None:
            raise
        asks = ask(f"{doubt.problems[0].what}.\n{draft.where}: who asks", "")
        answers = ask("Who answers; commas between, 'others' for all others", "others")
        named = {name for name in draft.speakers if name != asks}
        told = named if answers == "others" else set(re.split(r"\s*,\s*", answers))
        draft = replace(draft, interviewers=(asks,), respondents=tuple(sorted(told)))
    return draft


def cleaned(text: str) -> str:
    """The text with LF at its line ends, in NFC, without a byte order mark."""
    text = text.removeprefix(BOM).replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text)


def decoded(data: bytes, where: str, encoding: str = "") -> tuple[str, str]:
    """The text of bytes, and its encoding where that was not UTF-8.

    encoding   what a person said it is; UTF-8, else what charset-normalizer finds, if not given
    """
    if len(data) > MOST:
        raise refuse(where, f"{len(data):,} bytes are no interview", "Is it the right file?")
    try:
        text, used = data.decode(encoding or "utf-8"), encoding
    except LookupError:
        cure = "Known are utf-8, cp1252 (Windows), cp850 (DOS), mac_roman, utf-16 and more."
        raise refuse(where, f"{encoding!r} is not an encoding", cure) from None
    except UnicodeDecodeError:
        if encoding:
            cure = "Leave --encoding away to have it found."
            raise refuse(where, f"this is not text in {encoding}", cure) from None
        text, used = _found(data, where)
    if NOT_TEXT.search(text):
        raise refuse(where, "this is not a text", "Open it where it was made; save it as text.")
    return text, used


def _found(data: bytes, where: str) -> tuple[str, str]:
    """Text that is not UTF-8, in the likeliest of the older encodings."""
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_isolation=OLDER).best()
    if best is None:
        raise refuse(where, "this is not a text", "Open it where it was made; save it as text.")
    return str(best), best.encoding


# Files of others, opened with care


def unzipped(data: bytes, where: str) -> ZipFile:
    """A zip that may be read; refused where it is torn, locked, or names files outside itself."""
    try:
        opened = ZipFile(io.BytesIO(data))
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        raise refuse(where, "the file is torn: its zip cannot be opened", AGAIN) from None
    members = opened.infolist()
    for member in members:
        parts = re.split(r"[/\\]", member.filename)
        if ".." in parts or not parts[0] or ":" in parts[0]:
            cure = "Do not open it elsewhere; ask its sender how it was made."
            raise refuse(f"{where}, {member.filename}", "this leads out of the zip", cure)
        if member.flag_bits & 1:
            raise refuse(where, "the file has a password", "Save it without one.")
    if len(members) > MOST_MEMBERS:
        raise refuse(where, f"{len(members):,} files are in it", "Is it the right file?")
    return opened


def member(opened: ZipFile, name: str, where: str, most: int = MOST_XML) -> bytes:
    """The bytes of a file in a zip, `most` of them at most, whatever the zip says of itself."""
    try:
        if opened.getinfo(name).file_size > most:
            what = f"unpacked it has {opened.getinfo(name).file_size:,} bytes"
            raise refuse(f"{where}, {name}", what, f"At most {most:,} are read; split the file.")
        return opened.read(name)
    except (KeyError, BadZipFile, zlib.error, EOFError, OSError, NotImplementedError):
        raise refuse(f"{where}, {name}", "this cannot be read; the file is torn", AGAIN) from None


def parsed(data: bytes, where: str) -> etree._Element:
    """XML without a document type: no entity is expanded, nothing is fetched."""
    if b"<!DOCTYPE" in data.replace(b"\0", b""):
        cure = "Take the <!DOCTYPE …> out; no program that writes such files needs one."
        raise refuse(where, "the XML declares a document type or entities", cure)
    safe = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, safe)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise refuse(where, f"this is not whole XML: {error}", AGAIN) from None


def _document(data: bytes, where: str) -> etree._Element:
    """The main text of a .docx or .odt."""
    opened, name = unzipped(data, where), "content.xml"
    if name not in opened.namelist():
        links = parsed(member(opened, "_rels/.rels", where), f"{where}, _rels/.rels")
        main = (
            str(n.get("Target")) for n in links if str(n.get("Type")).endswith("/officeDocument")
        )
        name = next(main, "word/document.xml").lstrip("/")
    return parsed(member(opened, name, where), f"{where}, {name}")


def _typed(root: etree._Element) -> Iterator[str]:
    """The lines of a word processor's text, tracked changes taken as accepted.

    A row of a table is a turn: its last cell the words, those before it the time and the speaker.
    """
    etree.strip_elements(root, *UNSAID, with_tail=False)
    for node in root.iter(*SIGNS, T + "s"):
        node.text = SIGNS.get(str(node.tag)) or " " * int(node.get(T + "c") or 1)
    for block in root.iter(*PARAGRAPHS, *ROW):
        if not {str(node.tag) for node in block.iterancestors()}.intersection((*PARAGRAPHS, *ROW)):
            yield _row(block) if block.tag in ROW else _line(block)


def _row(row: etree._Element) -> str:
    """A row of a table as a line "time speaker: words"."""
    cells = ["\n".join(map(_line, cell.iter(*PARAGRAPHS))).strip() for cell in row.iter(*CELL)]
    *who, words = [cell for cell in cells if cell] or [""]
    return f"{' '.join(who).removesuffix(':')}: {words}" if who else words


def _line(paragraph: etree._Element) -> str:
    """The text of a paragraph; in a .docx only what stands in w:t."""
    if paragraph.tag == W + "p":
        return "".join(map(str, paragraph.itertext(W + "t", *SIGNS, with_tail=False)))
    return "".join(map(str, paragraph.itertext()))


def _cues(text: str) -> Iterator[str]:
    """The cues of .srt or .vtt as lines "[time] Name: words"; notes and styles left out."""
    voice = ""

    def named(found: re.Match[str]) -> str:
        nonlocal voice
        before, voice = voice, found[1]
        return "" if voice == before else f"\n{voice}: "

    for block in re.split(r"\n\s*\n", cleaned(text)):
        lines = block.strip().split("\n")
        for at, cue in enumerate(map(CUE.fullmatch, lines[:2]), start=1):
            if cue:
                said = re.sub("<[^>]*>", "", VOICE.sub(named, "\n".join(lines[at:])))
                yield f"[{cue[1]}] {html.unescape(said).strip()}"


# Who speaks


def _turns(text: str, told: Collection[str], *, only: bool) -> Iterator[Turn]:
    """Turns of a text. A name is a speaker's if it is told, known, or heads two lines or more.

    only   nobody speaks but who was told
    """
    lines = [(found.start(), found[0]) for found in LINE.finditer(text)]
    heads = Counter(_heard(line)[0] for _, line in lines)
    known = {name for name, n in heads.items() if n > 1 or _role(name) in ASKS | ANSWERS} | set(
        told
    )
    known = set(told) if only or NOBODY in told else known - {""}
    speaker, time, pieces = "", "", list[tuple[int, str]]()
    for at, line in lines:
        name, clock, skipped = _heard(line)
        if not name or name not in known:
            name, clock, skipped = _clocked(line)
        if name or NOBODY in told:
            yield Turn(speaker, time, tuple(pieces))
            speaker, time, pieces = name, clock, []
        elif not pieces:
            time = time or clock
        words = line[skipped:].strip()
        if words:
            pieces.append((at + line.index(words, skipped), words))
    yield Turn(speaker, time, tuple(pieces))


def _heard(line: str) -> tuple[str, str, int]:
    """Who a line says is speaking, when, and how much of the line that takes; "" for nobody."""
    found = HEADED.match(line) or SPOKEN.match(line)
    if not found or len(found[2]) > LONGEST:
        return "", "", 0
    return found[2], _hours(found[1] or found[3]), found.end()


def _clocked(line: str) -> tuple[str, str, int]:
    """As `_heard`, of a line that names nobody but may begin with a time."""
    found = CLOCKED.match(line)
    return ("", _hours(found[1] or found[2]), found.end()) if found else ("", "", 0)


def _hours(time: str | None) -> str:
    """A time as hh:mm:ss; "" for none."""
    parts = [int(part) for part in time.split(":")] if time else []
    return ":".join(f"{part:02}" for part in ([0] * (3 - len(parts)) + parts)) if parts else ""


def _role(name: str) -> str:
    """A speaker's name without numbers, stops and capitals: "Int. 2" is an "int"."""
    return name.casefold().rstrip(" .0123456789")


# Into the study


def known(country: Country, text: str) -> str:
    """The interview that has this very text already; "" if none has. Sealed ones need a key."""
    for path in seals.listed(country.folder / "interviews", "*.txt"):
        if seals.read_text(path, country.study.shown(path)) == text:
            return path.stem
    return ""


def add(country: Country, drafts: Iterable[Draft]) -> list[str]:
    """Keep transcripts under the next free ids, each with a row in interviews.csv; gives the ids.

    Raises ResearchError, and keeps none, where the study has one of the texts already.
    """
    found, texts = Problems(), list[str]()
    for draft in drafts:
        with found.gather():
            text = draft.house.text
            if there := known(country, text) or ("another of these files" if text in texts else ""):
                what = f"this interview is in the study already: {there}"
                raise refuse(draft.where, what, "Leave it away; nothing is left to do for it.")
            texts.append(text)
    found.raise_any()
    ids = list(islice(free_ids(country), len(texts)))
    for interview, text in zip(ids, texts, strict=True):
        write(country, interview, text, {})
    return ids


def free_ids(country: Country) -> Iterator[str]:
    """The ids no interview of the country ever had: JAM-KI-17, JAM-KI-18, …"""
    listed = country.folder / "interviews.csv"
    names = [path.name for path in country.folder.glob("*/*")]
    names += [read_text(listed, country.study.shown(listed))] if listed.is_file() else []
    used = re.findall(rf"{country.iso3}-KI-(\d+)", "\n".join(names))
    return (f"{country.iso3}-KI-{n:02}" for n in count(max(map(int, used), default=0) + 1))


def write(country: Country, interview: str, text: str, cells: Mapping[str, str]) -> Path:
    """Write a transcript, sealed in a country with recipients, and its row where it has none.

    cells   by column; the others stay empty for a person to fill
    """
    listed = country.folder / "interviews.csv"
    where = country.study.shown(listed)
    if listed.with_suffix(".xlsx").is_file():
        cure = "Save interviews.xlsx as 'CSV UTF-8', interviews.csv, and put the workbook away."
        raise refuse(where, "a row can be added to a CSV file only", cure)
    header = ",".join(INTERVIEWS.columns) + "\n"
    content = listed.read_bytes().decode("utf-8") if listed.is_file() else header
    first, ending = content.split("\n")[0].strip(f"{BOM}\r"), "\r\n" if "\r\n" in content else "\n"
    separator = max(",;\t", key=first.count)
    row, values = io.StringIO(), {**cells, "id": interview}
    csv.writer(row, delimiter=separator, lineterminator=ending).writerow(
        values.get(column.strip('" '), "") for column in first.split(separator)
    )
    path = country.folder / "interviews" / f"{interview}.txt"
    if country.recipients:
        sealed = seals.seal_bytes(text.encode(), country.recipients)
        write_whole(seals.sealed(path), sealed)
    else:
        write_whole(path, text)
    if not re.search(rf"\b{interview}\b", content):
        content += ("" if content.endswith("\n") else ending) + row.getvalue()
        write_whole(listed, content)
    return path
