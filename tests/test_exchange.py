"""Exchange: what goes out comes back the same; what others send is read, or refused by name."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
import tomllib
import zipfile
from pathlib import Path

import openpyxl
import pytest
from conftest import small_study
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pyrefiqda import RefiCodebook, RefiProject
from typer.testing import CliRunner

from ctresearch import coding, exchange, refi, seals, transcripts
from ctresearch.cli import app
from ctresearch.instruments import read_codebook
from ctresearch.problems import ResearchError

REFERENCE = Path(os.environ.get("CTRESEARCH_REFERENCE", "missing")) / "refi-qda"
needs_reference = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason="CTRESEARCH_REFERENCE names no folder with refi-qda/"
)
NOBODY = ((), ())
FULL = os.environ.get("CTRESEARCH_COUNTS") == "full"
SAID = "I: How?\nR: They owed 😀 money, señora, and more of it.\nI: And?\nR: Nothing.\n"
A, B, C = (f"0000000{n}-0000-4000-8000-00000000000{n}" for n in "abc")
ROW = {
    "date_month": "2005-02",
    "sector": "police",
    "role_band": "senior",
    "sex": "female",
    "age_band": "30-44",
    "mode": "in_person",
    "language": "en",
    "interpreter": "no",
    "consent": "analysis",
    "script_version": "2005-03",
    "definition_asked_first": "no",
    "respondent": "key_informant",
}


@pytest.fixture
def country(study):
    """Suriname with two interviews of one text each and no coding."""
    place = study.country("suriname")
    for of in ("interviews", "codings"):
        shutil.rmtree(place.folder / of)
    (place.folder / "interviews.csv").unlink()
    for name in ("SUR-KI-01", "SUR-KI-02"):
        transcripts.write(place, name, SAID, ROW)
    return place


def code(country, start, end, by="ap", interview="SUR-KI-01", **given):
    """Add a coding to a log."""
    log = country.folder / "codings" / f"{interview}.{by}.jsonl"
    given = {"code": "recruitment.deception", "start": start, "end": end, **given}
    line = coding.line("add", by, SAID, **given)
    coding.append(log, line, SAID, read_codebook(country.study))
    return line


def out(country, name="a.qdpx", **given):
    """Write a file and give its path."""
    given = {"in_clear": False, **given}
    return exchange.out(country.study, country, name, **given).written[0]


def bring(country, path, asked=NOBODY):
    """Bring a file in; what a person is told."""
    project = exchange.opened(path)
    exchange.propose(country.study, project)
    exchange.bring(country, project, asked)
    return project.said


def emptied(country):
    """The country without interviews and codings."""
    for of in ("interviews", "codings"):
        shutil.rmtree(country.folder / of, ignore_errors=True)
    (country.folder / "interviews.csv").unlink()
    return country


def logs(country):
    return {p.name: p.read_text("utf-8") for p in (country.folder / "codings").glob("*.jsonl")}


def spans(country):
    """Coder, code and words of every coding in the logs."""
    lines = [json.loads(line) for log in logs(country).values() for line in log.splitlines()]
    return sorted((line["by"], line["code"], line["words"]["quote"]) for line in lines)


def files(study):
    return {p: p.read_bytes() for p in study.research.rglob("*") if p.is_file()}


def refusal(work, *given):
    with pytest.raises(ResearchError) as refused:
        work(*given)
    return str(refused.value)


def selection(start, end, name="", code=A, **more):
    """A selection of a foreign file with one coding."""
    guid = f"{start:08x}-{end:04x}-4000-8000-{len(name):012x}"
    told = "".join(f' {key}="{value}"' for key, value in more.items())
    return (
        f'<PlainTextSelection guid="{guid}" name="{name}" startPosition="{start}"'
        f' endPosition="{end}"{told}><Coding guid="{guid}" creatingUser="{B}">'
        f'<CodeRef targetGUID="{code}"/></Coding></PlainTextSelection>'
    )


def foreign(folder, selections="", text=SAID, inner="Project.qde", **changes):
    """A .qdpx as another program might write it."""
    told = {
        "space": refi.PROJECT,
        "codes": f'<Code guid="{A}" name="Recruitment" isCodable="true"/>',
        "path": f'plainTextPath="internal://{C.upper()}.txt"',
        "member": f"Sources/{C}.txt",
        "content": "",
        "rest": "",
        "head": "",
        **changes,
    }
    xml = (
        f'{told["head"]}<Project xmlns="{told["space"]}" name="x" basePath="/Users/somebody">'
        f'<Users><User guid="{{{B.upper()}}}" name="Ana Maria López"/></Users>'
        f"<CodeBook><Codes>{told['codes']}</Codes></CodeBook>{told['rest']}"
        f'<Sources><TextSource guid="{C}" name="Mabel.txt" {told["path"]}>'
        f"{told['content']}{selections}</TextSource></Sources></Project>"
    )
    path = folder / "theirs.qdpx"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr(inner, xml)
        target.writestr("sources/.root", "")
        if told["member"]:
            target.writestr(told["member"], text if isinstance(text, bytes) else text.encode())
    return path


# Out and back


@needs_reference
def test_what_is_written_validates_against_the_schema(country):
    code(country, 11, 20, memo="why <so>?")
    schema = {
        n: etree.XMLSchema(etree.parse(REFERENCE / f"{n}.xsd")) for n in ("Project", "Codebook")
    }
    with zipfile.ZipFile(out(country)) as made:
        schema["Project"].assertValid(etree.fromstring(made.read("project.qde")))

    schema["Codebook"].assertValid(etree.parse(out(country, "a.qdc")))


def test_another_reader_finds_codes_coders_selections_and_texts(country, tmp_path):
    code(country, 11, 20)
    code(country, 11, 20, by="mk", interview="SUR-KI-02")
    theirs = RefiProject.load(out(country), tmp_path / "theirs")
    found = [
        RefiProject.resolve_source_path(s.plain_text_path, tmp_path / "theirs")
        for s in theirs.sources.text_source
    ]

    assert [user.name for user in theirs.users.user] == ["ap", "mk"]
    assert {path.read_text(encoding="utf-8") for path in found} == {SAID}
    assert [
        (one.start_position, one.end_position, one.name)
        for source in theirs.sources.text_source
        for one in source.plain_text_selection
    ] == [(11, 20, SAID[11:20])] * 2


def test_another_reader_reads_the_codebook(country):
    theirs = RefiCodebook.load(out(country, "a.qdc"))

    assert len(theirs.codes.code) == len(read_codebook(country.study).children(""))


def test_export_import_export_gives_the_same_bytes(country):
    code(country, 11, 20, memo="one\r\ntwo & <three>")
    code(country, 8, 30, by="mk")
    code(country, 11, 20, code="control.debt")
    first = out(country).read_bytes()
    path = country.study.root / "kept.qdpx"
    path.write_bytes(first)
    bring(emptied(country), path)

    assert out(country).read_bytes() == first


@settings(max_examples=60 if FULL else 8, deadline=None)
@given(data=st.data())
def test_any_coding_survives_the_way_out_and_back(data):
    words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1)
    said = transcripts.cleaned(
        "".join(f"R: x{line}x\n" for line in data.draw(st.lists(words, min_size=1, max_size=4)))
    )
    spans = data.draw(
        st.lists(st.tuples(st.integers(0, len(said) - 2), st.integers(1, 9), st.text()), max_size=5)
    )
    with tempfile.TemporaryDirectory() as folder:
        place = small_study(Path(folder) / "s").country("suriname")
        emptied(place)
        transcripts.write(place, "SUR-KI-01", said, ROW)
        lines = [
            coding.line(
                "add",
                "ap",
                said,
                code="recruitment",
                start=start,
                end=min(start + n, len(said)),
                memo=refi.xml_text(memo),
            )
            for start, n, memo in spans
        ]
        log = place.folder / "codings" / "SUR-KI-01.ap.jsonl"
        log.parent.mkdir()
        log.write_text("".join(map(str, lines)), encoding="utf-8")
        path = Path(folder) / "kept.qdpx"
        path.write_bytes(out(place).read_bytes())
        bring(emptied(place), path)
        there = refi.lines_of(log) if log.exists() else []

    assert sorted(map(str, there)) == sorted(map(str, lines))


def test_what_was_taken_back_here_does_not_come_back(country):
    line = code(country, 11, 20)
    path = out(country)
    log = country.folder / "codings" / "SUR-KI-01.ap.jsonl"
    undone = coding.line("del", "ap", SAID, of=line.id)
    coding.append(log, undone, SAID, read_codebook(country.study))
    before = files(country.study)
    bring(country, path)

    assert files(country.study) == before


def test_codings_of_a_colleague_come_beside_ones_own(country):
    code(country, 11, 20, by="mk")
    path = country.study.root / "kept.qdpx"
    path.write_bytes(out(country).read_bytes())
    (country.folder / "codings" / "SUR-KI-01.mk.jsonl").unlink()
    mine = code(country, 8, 30)
    bring(country, path)

    assert logs(country)["SUR-KI-01.ap.jsonl"] == str(mine)
    assert json.loads(logs(country)["SUR-KI-01.mk.jsonl"])["by"] == "mk"


def test_codings_of_an_older_text_wait_for_their_place(country):
    code(country, 11, 20, by="mk")
    path = country.study.root / "kept.qdpx"
    path.write_bytes(out(country).read_bytes())
    (country.folder / "codings" / "SUR-KI-01.mk.jsonl").unlink()
    text = country.folder / "interviews" / "SUR-KI-01.txt"
    text.write_text(f"I: Hello.\n{SAID}", encoding="utf-8")
    told = bring(country, path)

    assert any("another version" in one for one in told)
    assert json.loads(logs(country)["SUR-KI-01.mk.jsonl"])["v"] == coding.version(SAID)


def test_an_interview_without_consent_does_not_leave(country):
    listed = country.folder / "interviews.csv"
    listed.write_text(listed.read_text().replace("analysis", "archive", 1))
    made = exchange.out(country.study, country, "a.qdpx", in_clear=False)
    with zipfile.ZipFile(made.written[0]) as project:
        texts = [name for name in project.namelist() if name.startswith("sources/")]

    assert made.said == ["SUR-KI-01: no consent to analysis; left out"]
    assert len(texts) == 1


# What others write


@needs_reference
def test_of_a_real_project_codes_and_coders_are_read_and_each_missing_text_is_named():
    path = REFERENCE / "atlasti8_annexA_TestProject.qdpx"
    found = refi.read(path.read_bytes(), path.name)
    with zipfile.ZipFile(path) as project:
        named = set(etree.fromstring(project.read("Project.qde")).xpath("//@plainTextPath"))
    missing = [fault.what for fault in found.faults.found]

    assert (len(found.codes), len(found.coders)) == (14, 3)
    assert {f"its text, {one}, is not in the file" for one in named} == set(missing)


@pytest.mark.parametrize(
    "change",
    [
        {"inner": "Project.qde"},
        {"inner": "My study.QDE"},
        {"path": f'plainTextPath="{C}.txt"'},
        {"path": f'plainTextPath="internal://{C}.TXT"', "member": f"sources/{C}.txt"},
        {"space": "urn:QDA-XML:project:0:4"},
        {"path": "", "member": "", "content": f"<PlainTextContent>{SAID}</PlainTextContent>"},
    ],
)
def test_the_ways_of_other_programs_are_read(country, tmp_path, change):
    bring(country, foreign(tmp_path, selection(11, 15, "They"), **change))

    assert spans(country) == [("ana-maria-lopez", "recruitment", "They")]


@pytest.mark.parametrize("space", ["codebook:1.0", "codebook:0:4", "codebook:1:0"])
def test_codebooks_of_every_version_are_read(country, tmp_path, space):
    path = tmp_path / "a.qdc"
    path.write_text(
        f'<CodeBook xmlns="urn:QDA-XML:{space}"><Codes><Code guid="{A}" name="Coke::full-fat"'
        f' isCodable="true"><Description>sweet</Description></Code></Codes></CodeBook>'
    )
    (proposal,) = exchange.propose(country.study, exchange.opened(path))

    assert tomllib.loads(proposal.read_text(encoding="utf-8")) == {
        "codes": {"coke.full_fat": {"label": {"en": "full-fat"}, "definition": {"en": "sweet"}}}
    }


WINDOWS = SAID.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("text", "counts", "told"),
    [
        (WINDOWS, lambda at: at, "CRLF as one"),  # ATLAS.ti
        (WINDOWS, lambda at: at + SAID[:at].count("\n"), ""),  # NVivo
        ("\ufeff" + SAID, lambda at: at + 1, "byte order mark"),
        (SAID, lambda at: len(SAID[:at].encode("utf-16-le")) // 2, "UTF-16"),
        ("\ufeff" + WINDOWS, lambda at: len(WINDOWS[: at + 1].encode("utf-16-le")) // 2, "UTF-16"),
    ],
)
def test_each_way_of_counting_is_found_by_the_words_and_told(country, tmp_path, text, counts, told):
    words = ["Nothing", "They", "money", "señora"]
    marks = [(SAID.index(word), word) for word in words]
    made = "".join(selection(counts(a), counts(a + len(w)), w) for a, w in marks)
    said = bring(country, foreign(tmp_path, made, text))

    assert [quote for *_, quote in spans(country)] == sorted(words)
    assert told in "".join(said)


def test_a_decomposed_text_keeps_its_codings(country, tmp_path):
    import unicodedata

    text = unicodedata.normalize("NFD", SAID)
    at = text.index("and more")
    bring(country, foreign(tmp_path, selection(at, at + 8, "and more"), text))

    assert [quote for *_, quote in spans(country)] == ["and more"]


def test_a_foreign_text_becomes_a_transcript_and_its_codings_go_along(country, tmp_path):
    text = "Talk\n\nAna: How?\nBen: They paid\nwith gold.\nAna: So?\nBen: So.\n"
    marks = [("How?", "How?"), ("paid\nwith", "paid with"), ("Ana: So?\nBen", "So?")]
    made = "".join(selection(text.index(m), text.index(m) + len(m), "") for m, _ in marks)
    bring(country, foreign(tmp_path, made, text), (("Ana",), ("Ben",)))
    new = country.folder / "interviews" / "SUR-KI-03.txt"

    assert new.read_text("utf-8") == "I: How?\nR: They paid with gold.\nI: So?\nR: So.\n"
    assert [quote for *_, quote in spans(country)] == sorted(words for _, words in marks)


def test_a_foreign_file_twice_brings_nothing_new(country, tmp_path):
    path = foreign(tmp_path, selection(11, 15, "They"), f"{SAID}R: More.\n")
    bring(country, path)
    before = files(country.study)
    bring(country, path)

    assert files(country.study) == before


def test_a_coding_under_new_guids_is_recognised_by_its_words(country, tmp_path):
    bring(country, foreign(tmp_path, selection(11, 15, "They")))
    before = files(country.study)
    bring(country, foreign(tmp_path, selection(11, 15, "They").replace('guid="0', 'guid="1')))

    assert files(country.study) == before


def test_values_of_variables_fill_the_columns_of_their_names_and_the_others_are_told(
    country, tmp_path
):
    rest = (
        f'<Variables><Variable guid="{A}" name="sector" typeOfVariable="Text"/>'
        f'<Variable guid="{B}" name="shoe size" typeOfVariable="Integer"/></Variables>'
        f'<Cases><Case guid="{B}" name="Mabel">'
        f'<VariableValue><VariableRef targetGUID="{A}"/><TextValue>ngo</TextValue></VariableValue>'
        f'<VariableValue><VariableRef targetGUID="{B}"/><IntegerValue>9</IntegerValue>'
        f'</VariableValue><SourceRef targetGUID="{C}"/></Case></Cases>'
    )
    said = bring(country, foreign(tmp_path, text=f"{SAID}R: More.\n", rest=rest))
    listed = (country.folder / "interviews.csv").read_text("utf-8")
    row = list(csv.DictReader(io.StringIO(listed)))[-1]

    assert {k: v for k, v in row.items() if v} == {"id": "SUR-KI-03", "sector": "ngo"}
    assert "shoe size" in "".join(said)


def test_memos_of_a_selection_and_of_its_coding_are_kept(country, tmp_path):
    made = selection(11, 15, "They").replace("><Coding", "><Description>odd</Description><Coding")
    made = made.replace("</Coding>", f'<NoteRef targetGUID="{B}"/></Coding>')
    path = foreign(tmp_path, made)
    with zipfile.ZipFile(path) as project:
        parts = {name: project.read(name) for name in project.namelist()}
    note = f'<Notes><Note guid="{B}"><PlainTextContent>ask</PlainTextContent></Note></Notes>'
    parts["Project.qde"] = parts["Project.qde"].replace(b"</Project>", f"{note}</Project>".encode())
    with zipfile.ZipFile(path, "w") as target:
        for name, content in parts.items():
            target.writestr(name, content)
    bring(country, path)
    words = json.loads(next(iter(logs(country).values())))["words"]

    assert words["memo"] == "odd\nask"


@pytest.mark.parametrize(
    ("selections", "told"),
    [
        (selection(11, 11), "line 1, PlainTextSelection 0000000b-000b"),
        (selection(11, 15, code=B), "belongs to a case"),
    ],
)
def test_what_is_no_coding_is_left_out_by_name(country, tmp_path, selections, told):
    case = f'<Cases><Case guid="{B}" name="Mabel"/></Cases>'
    said = bring(country, foreign(tmp_path, selections, rest=case))

    assert told in "".join(said)
    assert spans(country) == []


@pytest.mark.parametrize(
    ("selections", "change", "named"),
    [
        ("", {"member": ""}, "TextSource Mabel.txt"),
        ("", {"path": 'richTextPath="internal://a.docx"'}, "only a formatted text"),
        ("", {"path": f'plainTextPath="relative://{C}.txt"'}, "relative://"),
        ("", {"path": 'plainTextPath="internal://../../a.txt"'}, "TextSource Mabel.txt"),
        (selection(11, 999, "They"), {}, "PlainTextSelection They"),
        (selection(11, 15, "They").replace('"11"', '"x"'), {}, "PlainTextSelection They"),
        (selection(11, len(SAID) + 1), {}, "its positions are not in the text"),
        (selection(11, 10**40), {}, "its positions are not in the text"),
        (selection(11, 15, "They", code=B), {}, "names no code of the file"),
        (selection(11, 15), {"codes": f'<Code guid="{A}" name="Coke" isCodable="true"/>'}, "Coke"),
        ("", {"space": "urn:other"}, "Project.qde"),
        ("", {"inner": "a.xml"}, "one file .qde"),
        ("", {"head": '<!DOCTYPE a [<!ENTITY b "c">]>'}, "entities"),
        ("", {"member": "../a.txt"}, "leads out of the zip"),
        ("", {"member": "C:\\a.txt"}, "leads out of the zip"),
        ("", {"text": "Ana: So?\nBen: So.\nAna: So?\nBen: So.\n"}, "--interviewer NAME"),
    ],
)
def test_what_cannot_be_read_is_refused_by_file_and_element(
    country, tmp_path, selections, change, named
):
    before = files(country.study)

    assert named in refusal(bring, country, foreign(tmp_path, selections, **change))
    assert files(country.study) == before


@pytest.mark.parametrize("name", ["../../SUR-KI-09", "JAM-KI-09"])
def test_a_source_that_claims_to_be_ours_names_an_interview_of_the_country(country, tmp_path, name):
    path = foreign(tmp_path)
    with zipfile.ZipFile(path) as project:
        parts = {inner: project.read(inner) for inner in project.namelist()}
    xml = parts["Project.qde"].decode().replace(C, refi.guid("source", name), 1)
    parts["Project.qde"] = xml.replace("Mabel.txt", name).encode()
    with zipfile.ZipFile(path, "w") as target:
        for inner, content in parts.items():
            target.writestr(inner, content)
    before = files(country.study)

    assert "is no interview of suriname" in refusal(bring, country, path)
    assert files(country.study) == before


@pytest.mark.parametrize("kept", [10, 300, 900])
def test_a_torn_file_is_refused(country, tmp_path, kept):
    path = foreign(tmp_path, selection(11, 15))
    path.write_bytes(path.read_bytes()[:kept])

    assert "torn" in refusal(bring, country, path)


def test_a_torn_codebook_is_refused_with_its_line(country, tmp_path):
    path = tmp_path / "a.qdc"
    path.write_bytes(out(country, "whole.qdc").read_bytes()[:2_000])

    assert "not whole XML" in refusal(bring, country, path)


def test_a_zip_bomb_is_not_unpacked(country, tmp_path):
    path = tmp_path / "a.qdpx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("project.qde", b" " * (refi.MOST_PROJECT + 1))

    assert "unpacked it has" in refusal(bring, country, path)


def test_codes_that_are_not_in_the_codebook_are_offered_to_paste(country, tmp_path):
    codes = f'<Code guid="{A}" name="Coke" isCodable="true"/>'
    told = refusal(bring, country, foreign(tmp_path, selection(11, 15), codes=codes))

    assert "build/exchange/codes-to-add.toml" in told
    assert 'codes."coke"' in (country.study.build / "exchange/codes-to-add.toml").read_text()


# Sealed


@pytest.fixture
def locked(country, monkeypatch):
    """The country, sealed for a key that is here."""
    import pyrage

    key = pyrage.x25519.Identity.generate()
    (country.study.root / "a.key").write_text(f"{key}\n")
    monkeypatch.setenv("CTRESEARCH_KEYS", str(country.study.root / "a.key"))
    with (country.study.research / "study.toml").open("a", encoding="utf-8") as listed:
        listed.write(f'\n[seals]\nsuriname = ["{key.to_public()}"]\n')
    from ctresearch.study import Study

    return Study(country.study.root).country("suriname")


@pytest.mark.parametrize("name", ["a.qdpx", "a.xlsx", "tables"])
def test_a_sealed_country_leaves_in_clear_only_when_said_so(locked, name):
    assert "--in-clear" in refusal(out, locked, name)


def test_a_sealed_country_takes_codings_in_without_a_word_in_clear(locked, tmp_path):
    text = f"{SAID}R: An unheard word.\n"
    at = text.index("unheard")
    bring(locked, foreign(tmp_path, selection(at, at + 7, "unheard"), text))
    kept = locked.folder / "interviews" / "SUR-KI-03.txt"
    line = json.loads(logs(locked)["SUR-KI-03.ana-maria-lopez.jsonl"])

    assert b"unheard" not in b"".join(files(locked.study).values())
    assert seals.read_text(kept) == text
    assert json.loads(seals.open_words(line["words"]))["quote"] == "unheard"


def test_a_sealed_country_goes_out_and_back_to_the_same_bytes(locked, tmp_path):
    text = f"{SAID}R: An unheard word.\n"
    bring(emptied(locked), foreign(tmp_path, selection(11, 15, "They"), text, rest=whole_row()))
    first = out(locked, in_clear=True).read_bytes()
    (tmp_path / "kept.qdpx").write_bytes(first)
    bring(emptied(locked), tmp_path / "kept.qdpx")

    assert out(locked, in_clear=True).read_bytes() == first


def whole_row():
    """Variables and a case that fill every column an interview must have."""
    variables, values = "", ""
    for name, value in ROW.items():
        own = refi.guid("variable", name)
        variables += f'<Variable guid="{own}" name="{name}" typeOfVariable="Text"/>'
        values += f'<VariableValue><VariableRef targetGUID="{own}"/><TextValue>{value}</TextValue>'
        values += "</VariableValue>"
    case = f'<Case guid="{B}" name="x">{values}<SourceRef targetGUID="{C}"/></Case>'
    return f"<Variables>{variables}</Variables><Cases>{case}</Cases>"


# Spreadsheets, and where files may go


def test_a_workbook_has_the_segments_a_matrix_and_the_codebook(country):
    code(country, 11, 20)
    book = openpyxl.load_workbook(out(country, "a.xlsx"))
    cells = {sheet.title: list(sheet.values) for sheet in book}
    matrix = {row[0]: row[1:] for row in cells["interviews"]}

    assert cells["segments"][1][-1] == SAID[11:20]
    assert matrix["code"] == ("SUR-KI-01", "SUR-KI-02")
    assert matrix["recruitment"] == matrix["recruitment.deception"] == (1, 0)
    assert "Invented evidence" in cells["about"][2][0]
    assert len(cells["codebook"]) == 1 + len(read_codebook(country.study).codes)


def test_the_same_study_gives_the_same_workbook(country):
    code(country, 11, 20)

    assert out(country, "a.xlsx").read_bytes() == out(country, "b.xlsx").read_bytes()


@pytest.mark.parametrize("begin", "=+-@")
def test_words_that_begin_like_a_formula_are_words(country, begin):
    said = SAID.replace("They", f"{begin}1+1")
    for name in ("SUR-KI-01", "SUR-KI-02"):
        (country.folder / "interviews" / f"{name}.txt").write_text(said, encoding="utf-8")
    at = said.index(f"{begin}1+1")
    log = country.folder / "codings" / "SUR-KI-01.ap.jsonl"
    line = coding.line("add", "ap", said, code="recruitment", start=at, end=at + 4)
    coding.append(log, line, said, read_codebook(country.study))
    cell = list(openpyxl.load_workbook(out(country, "a.xlsx"))["segments"].rows)[1][-1]
    table = out(country, "tables").parent / "segments.csv"

    assert (cell.value, cell.data_type) == (f"{begin}1+1", "s")
    assert table.read_text("utf-8").splitlines()[1].endswith(f",'{begin}1+1")


def test_a_file_with_words_of_interviews_has_no_place_among_the_studys_own(country):
    target = country.study.research / "countries" / "suriname" / "a.qdpx"

    assert "build/suriname/exchange/" in refusal(out, country, str(target))
    assert not target.exists()


def test_a_file_elsewhere_is_not_written_over(country, tmp_path):
    (tmp_path / "a.qdpx").write_text("theirs")

    assert "there is a file of this name" in refusal(out, country, str(tmp_path / "a.qdpx"))
    assert (tmp_path / "a.qdpx").read_text() == "theirs"


def test_the_commands_say_what_they_wrote(country, monkeypatch):
    monkeypatch.chdir(country.study.root)
    done = CliRunner().invoke(app, ["exchange", "out", "a.qdpx", "--country", "suriname"])
    back = CliRunner().invoke(
        app, ["exchange", "in", "build/suriname/exchange/a.qdpx", "--country", "suriname"]
    )
    unknown = CliRunner().invoke(app, ["exchange", "out", "a.qdpx", "--country", "surinam"])

    assert "wrote build/suriname/exchange/a.qdpx" in done.output
    assert (back.exit_code, "is new here" in back.output) == (0, True)
    assert (unknown.exit_code, "Did you mean 'suriname'?" in unknown.output) == (1, True)
