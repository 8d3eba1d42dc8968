"""The study: its countries and meetings, and where every file of it lies.

In    research/study.toml, research/countries/*/country.toml, research/meetings/*/meeting.toml
Out   `Study`, `Country`, `Meeting`: frozen records that know their folders

The one idea: a country is a folder. Its key is the folder's name, every id that is made in it
begins with its ISO code, and whatever a notebook finds out about it lands in `build/<key>/`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ctresearch import seals
from ctresearch.files import read_toml, write_whole
from ctresearch.problems import Problem, Problems, ResearchError, nearest, refuse, suggestion

MARK = Path("research") / "study.toml"
IGNORED = "# Evidence of real people goes into git sealed (.age) or not at all.\n" + "".join(
    f"{line}\n" for line in (*seals.SENSITIVE, "!*.age")
)
INVENTED_STREAMS = frozenset({"interview", "media", "survey", "indicators"})
Key = Annotated[str, Field(pattern=r"[a-z0-9]+(-[a-z0-9]+)*")]
Languages = Annotated[tuple[str, ...], Field(min_length=1)]
Recipient = Annotated[str, AfterValidator(seals.public_half)]


R = TypeVar("R", bound=BaseModel)
P = TypeVar("P", bound="Place")


class Record(BaseModel):
    """A hand-written file as a frozen record; keys it does not know are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Threshold(Record):
    """When a count may be shown, for one unit (guide: informant, respondent, case, article …)."""

    bands: tuple[
        int, ...
    ] = ()  # lower ends of the bands shown, e.g. 1, 5, 10, 20; none: as counted
    fewest: int = 0  # a count above zero and below this is withheld; 0: never
    percent_from: int = 0  # no percentage of a base smaller than this; 0: always allowed
    zero: bool = True  # whether a zero may be shown
    base: int = 0  # counts are rounded to the nearest multiple of it; 0: as counted


class Notebook(Record):
    """When a notebook of research/ runs, and what it reads: the edges of the plan."""

    each: Literal["programme", "countries", "meetings", "study"]  # one run per …
    streams: tuple[str, ...] = ()  # streams of evidence it reads itself: interview, media, …
    reads: tuple[str, ...] = ()  # patterns of files in the country's or meeting's folder
    uses: tuple[str, ...] = ()  # patterns of files from the study's root
    after: tuple[str, ...] = ()  # notebooks whose results it reads


class StudyFile(Record):
    """research/study.toml as written."""

    title: str
    subtitle: str = ""
    publisher: str
    edition: str  # "2005": names the edition in findings, reports and the ledger
    languages: Languages  # report languages, the source language first
    countries: tuple[Key, ...]  # folders under research/countries/, in the order reports print them
    meetings: tuple[Key, ...] = ()
    thresholds: dict[str, Threshold]  # by unit
    notebooks: dict[str, Notebook]  # by name: interviews = research/interviews.ipynb
    workers: tuple[str, ...] = ()  # distant workers that sealed evidence may be sent to
    seals: dict[Key, tuple[Recipient, ...]] = {}  # by country: whose keys open its sealed evidence


class CountryFile(Record):
    """country.toml as written."""

    name: str  # as the first edition printed it, without an article: "Bahamas"
    in_text: str = ""  # as it stands within a sentence, if different: "the Bahamas"
    names: dict[str, str] = {}  # name in other report languages: es = "Bahamas"
    iso3: Annotated[str, Field(pattern=r"[A-Z]{3}")]
    programme: bool  # whether the first edition's field research covered it
    evidence: Literal["real", "invented"]  # invented: interviews, media, survey and indicators are
    languages: Languages  # spoken in interviews
    territory_of: str = ""  # ISO code of the sovereign state, for a territory
    withdrawn: str = ""  # when its ISO code was withdrawn, for a historical territory: "2010"
    successors: tuple[str, ...] = ()  # ISO codes that took over; old totals are never split
    editions: tuple[str, ...] = ()  # editions of the Exploratory Assessment that cover it
    tile: tuple[int, int]  # column and row on the tile-grid map, from the north-west
    fieldwork: str = ""  # when and by whom, one sentence; "" where none is known


class MeetingFile(Record):
    """meeting.toml as written."""

    title: str
    place: str
    starts: str  # YYYY-MM-DD
    ends: str
    organisers: tuple[str, ...]
    participants: int  # people who attended
    participants_source: str
    source: str  # reference key of the meeting's own report
    notes: tuple[str, ...] = ()  # contradictions in the source, one each


class Place:
    """What countries and meetings share: a key, a folder, and where results go."""

    def __init__(self, study: Study, key: str, folder: Path) -> None:
        self.study = study
        self.key = key
        self.folder = folder

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r})"


class Country(Place):
    """One country of the study."""

    @cached_property
    def file(self) -> CountryFile:
        path = self.folder / "country.toml"
        return read_record(path, CountryFile, self.study.shown(path))

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def in_text(self) -> str:
        return self.file.in_text or self.file.name

    @property
    def iso3(self) -> str:
        return self.file.iso3

    @property
    def recipients(self) -> tuple[str, ...]:
        """The public halves of the keys that open what is sealed here; none: nothing is."""
        return self.study.file.seals.get(self.key, ())

    def name_in(self, language: str) -> str:
        return self.file.names.get(language, self.in_text)

    def invented(self, stream: str) -> bool:
        """Whether this stream (interview, media, survey, indicators, law) is invented here."""
        return self.file.evidence == "invented" and stream in INVENTED_STREAMS


class Meeting(Place):
    """One meeting of the study."""

    @cached_property
    def file(self) -> MeetingFile:
        path = self.folder / "meeting.toml"
        return read_record(path, MeetingFile, self.study.shown(path))


class Study:
    """A study: the folder that holds research/study.toml, and all that hangs from it."""

    def __init__(self, root: Path, results: Path | None = None) -> None:
        """The study at `root`; `results` is where its notebooks keep what they find (build/)."""
        self.root = root
        self._results = results

    @cached_property
    def file(self) -> StudyFile:
        return read_record(self.root / MARK, StudyFile, MARK.as_posix())

    @property
    def research(self) -> Path:
        return self.root / "research"

    @property
    def instruments(self) -> Path:
        return self.root / "instruments"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def report_names(self) -> list[str]:
        """The folders of reports/ that are Quarto projects."""
        return sorted(path.parent.name for path in self.reports.glob("*/_quarto.yml"))

    @property
    def build(self) -> Path:
        """Derived files of this machine; never in git."""
        return self.root / "build"

    @property
    def results(self) -> Path:
        """Where notebooks keep what they found: `build/`, or the scratch folder of a rerun."""
        return self._results or Path(os.environ.get("CTRESEARCH_RESULTS", self.build))

    def shown(self, path: Path) -> str:
        """A path as a person reads it: from the study's root, with forward slashes."""
        try:
            return path.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return path.as_posix()

    @cached_property
    def countries(self) -> tuple[Country, ...]:
        """The countries study.toml lists, in its order.

        Raises ResearchError naming each listed folder that is missing.
        """
        listed = tuple(
            Country(self, key, self.research / "countries" / key) for key in self.file.countries
        )
        self._must_be_there(listed, "countries")
        for key in self.file.seals.keys() - set(self.file.countries):
            where = f"{MARK.as_posix()}, [seals]"
            cure = suggestion(key, self.file.countries)
            raise refuse(where, f"{key!r} is not a country of this study", cure)
        return listed

    @cached_property
    def meetings(self) -> tuple[Meeting, ...]:
        listed = tuple(
            Meeting(self, key, self.research / "meetings" / key) for key in self.file.meetings
        )
        self._must_be_there(listed, "meetings")
        return listed

    @property
    def programme(self) -> tuple[Country, ...]:
        """The countries with field research."""
        return tuple(country for country in self.countries if country.file.programme)

    def country(self, key: str) -> Country:
        return self._find(key, self.countries, "country")

    def meeting(self, key: str) -> Meeting:
        return self._find(key, self.meetings, "meeting")

    def _find(self, key: str, places: tuple[P, ...], noun: str) -> P:
        found = {place.key: place for place in places}
        if key not in found:
            where = f"{MARK.as_posix()}, {'countries' if noun == 'country' else 'meetings'}"
            raise refuse(where, f"{key!r} is not a {noun} of this study", suggestion(key, found))
        return found[key]

    def _must_be_there(self, places: tuple[Place, ...], listed_as: str) -> None:
        where, problems = f"{MARK.as_posix()}, {listed_as}", Problems()
        keys = [place.key for place in places]
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            problems.add(where, f"{key!r} is listed twice", "Take one of them out.")
        for place in places:
            if not place.folder.is_dir():
                there = {path.name for path in place.folder.parent.glob("*/")} - set(keys)
                meant = nearest(place.key, there)
                cure = f"Did you mean {meant!r}?" if meant else "Put the folder back, or unlist it."
                problems.add(where, f"there is no folder {self.shown(place.folder)}", cure)
        problems.raise_any()


def find_study(start: Path | None = None) -> Study:
    """The study that `start` (or the current folder) lies in, found by walking up.

    Raises ResearchError when no folder on the way up holds research/study.toml.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / MARK).is_file():
            return Study(folder)
    raise refuse(
        here.name or here.as_posix(),
        f"no study here: neither this folder nor one above it holds {MARK.as_posix()}",
        "Go into the study's folder first (cd), then type the command again.",
    )


def check_countries(study: Study) -> None:
    """Refuse a second country with an ISO code or a tile of the map that another has already.

    Ids begin with the code: two countries with one would take each other's for their own.
    """
    problems, taken = Problems(), dict[tuple[str, object], Country]()
    for country in study.countries:
        with problems.gather():
            for key, value in (("iso3", country.iso3), ("tile", country.file.tile)):
                other = taken.setdefault((key, value), country)
                if other is not country:
                    where = f"{study.shown(country.folder / 'country.toml')}, {key}"
                    what = f"{other.key} has {value!r} too"
                    problems.add(where, what, "Give each country its own.")
    problems.raise_any()


def read_record(path: Path, kind: type[R], where: str) -> R:
    """A TOML file as a record; pydantic's findings as Problems, each with its key."""
    return parse_record(read_toml(path, where), kind, where)


def parse_record(content: dict[str, Any], kind: type[R], where: str) -> R:
    """A mapping as a record; an unknown key is offered the nearest known one."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ResearchError(_as_problems(error, kind, where)) from None


def _as_problems(error: ValidationError, kind: type[BaseModel], where: str) -> Iterator[Problem]:
    for fault in error.errors():
        *path, last = [str(part) for part in fault["loc"]] or [""]
        place = f"{where}, [{'.'.join(path)}]" if path else where
        said = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            known = _keys_at(kind, path)
            yield Problem(place, f"{last!r} is not a key here", suggestion(last, known))
        elif fault["type"] == "missing" and isinstance(fault["loc"][-1], int):
            what, cure = "the list holds too few values", "Add what is missing, after a comma."
            yield Problem(f"{where}, {'.'.join(path)}", what, cure)
        elif fault["type"] == "missing":
            yield Problem(place, f"the key {last!r} is missing", f"Add a line: {last} = …")
        elif not last:  # a fault of the whole record
            yield Problem(place, f"this is not right: {said}", "Mend the line, or take it out.")
        else:
            given = f"{fault['input']!r:.60} is not right: {said[0].lower()}{said[1:]}"
            yield Problem(f"{place}, {last}", given, "Mend the value.")


def _keys_at(kind: type[BaseModel], path: list[str]) -> list[str]:
    """The keys known at `path` inside `kind`, as far as its annotations tell."""
    current: Any = kind
    for part in path:
        field = getattr(current, "model_fields", {}).get(part)
        candidates = [field.annotation] if field else list(getattr(current, "__args__", ()))
        current = next((c for c in candidates if c is not None), current)
        arguments = [a for a in getattr(current, "__args__", ()) if hasattr(a, "model_fields")]
        current = arguments[0] if arguments else current
    return list(getattr(current, "model_fields", {}))


def new_country(study: Study, key: str, name: str, iso3: str) -> Path:
    """Make the folder of a further country and list it in study.toml.

    Raises ResearchError if the folder is there, or the key or code is malformed.
    """
    folder = study.research / "countries" / key
    if folder.exists():
        cure = "Choose another name, or work in the folder that is there."
        raise refuse(study.shown(folder), "the folder is there already", cure)
    content = {
        "name": name,
        "iso3": iso3,
        "programme": True,
        "evidence": "real",
        "languages": ["en"],
        "tile": [0, 0],
    }
    parse_record(content, CountryFile, f"ctresearch new country {key}")
    _check_key(key)
    listing = study.root / MARK
    text = listing.read_text(encoding="utf-8")
    listed = text.index("]", text.index("\ncountries = ["))
    lines = [
        f"name = {json.dumps(name, ensure_ascii=False)}",
        f'iso3 = "{iso3}"',
        "programme = true  # field research is done here",
        'evidence = "real"  # or "invented", to practise: `ctresearch invent ' + key + "`",
        'languages = ["en"]  # spoken in interviews',
        "tile = [0, 0]  # column and row on the tile-grid map, from the north-west",
        'fieldwork = ""  # when and by whom, one sentence',
    ]
    write_whole(folder / "country.toml", "\n".join(lines) + "\n")
    write_whole(folder / "NOTES.md", f"# {name}: what a reader must know\n\nNothing yet.\n")
    write_whole(folder / ".gitignore", IGNORED)
    if key not in study.file.countries:
        write_whole(listing, f'{text[:listed].rstrip()}\n    "{key}",\n{text[listed:]}')
    return folder


def keep_out_of_git(country: Country) -> None:
    """Let git pass by what lies open in the folder of a real country; an own .gitignore stays."""
    path = country.folder / ".gitignore"
    if country.file.evidence == "real" and not path.exists():
        write_whole(path, IGNORED)


def _check_key(key: str) -> None:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key):
        cure = "Use small letters, digits and hyphens: trinidad-and-tobago."
        raise refuse(f"ctresearch new country {key}", f"{key!r} cannot name a folder here", cure)
