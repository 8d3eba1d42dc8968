"""Transcripts come in whole: nothing is guessed in silence, nothing is overwritten."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace

import docx
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ctresearch import seals, transcripts
from ctresearch.cli import app
from ctresearch.problems import ResearchError


def drafted(folder, name, content):
    """A draft of a file with this content."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return transcripts.read(path)


def house(folder, name, content, **asked):
    """The lines of its house format."""
    return replace(drafted(folder, name, content), **asked).house.text.splitlines()


def refusal(work, *given):
    with pytest.raises(ResearchError) as refused:
        work(*given)
    return str(refused.value)


def word_file(folder, *paragraphs, rows=()):
    """A .docx of paragraphs and a table."""
    made = docx.Document()
    for words in paragraphs:
        made.add_paragraph(words)
    if rows:
        table = made.add_table(0, len(rows[0]))
        for row in rows:
            for cell, words in zip(table.add_row().cells, row, strict=True):
                cell.text = words
    made.save(folder / "talk.docx")
    return folder / "talk.docx"


def zipped(folder, name, **members):
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as target:
        for inner, content in members.items():
            target.writestr(inner.replace("__", "/"), content)
    return folder / name


def odt(folder, body):
    spaces = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    spaces += 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    tag = "office:document-content"
    xml = f"<{tag} {spaces}><office:body>{body}</office:body></{tag}>"
    return zipped(folder, "talk.odt", **{"content.xml": xml})


# Formats


def test_names_become_interviewer_and_respondent(tmp_path):
    said = "Interviewer: How?\nMary: They paid.\n\nInterviewer: And?\nMary: Nothing."

    assert house(tmp_path, "a.txt", said) == [
        "I: How?",
        "R: They paid.",
        "I: And?",
        "R: Nothing.",
    ]


def test_a_line_without_a_name_goes_on_with_the_turn_before(tmp_path):
    assert house(tmp_path, "a.txt", "I: How?\nR: They paid\n\nat 10:30, and then: left.") == [
        "I: How?",
        "R: They paid at 10:30, and then: left.",
    ]


@pytest.mark.parametrize("mark", ["[0:05] Q: ", "(00:00:05) Q: ", "Q [00:05]: ", "Q  0:05\n"])
def test_time_codes_are_found_wherever_recorders_put_them(tmp_path, mark):
    assert house(tmp_path, "a.txt", f"{mark}How?\nA: So.")[0] == "[00:00:05] I: How?"


def test_srt_cues_of_one_speaker_are_one_turn_with_the_time_of_the_first(tmp_path):
    cues = (
        "1\r\n00:00:01,000 --> 00:00:02,000\r\nQ: How\r\n\r\n"
        "2\r\n00:00:03,000 --> 00:00:04,000\r\ndid it go?\r\n\r\n"
        "3\r\n00:00:05,500 --> 00:00:06,000\r\nA: Well.\r\n"
    )

    assert house(tmp_path, "a.srt", cues) == [
        "[00:00:01] I: How did it go?",
        "[00:00:05] R: Well.",
    ]


def test_vtt_voices_are_speakers_and_its_notes_and_tags_are_not_said(tmp_path):
    cues = (
        "WEBVTT\n\nNOTE made by a machine\n\n00:01.000 --> 00:02.000 align:left\n"
        "<v Ana>Bon <i>dia</i> &amp; welcome</v>\n\n00:03.000 --> 00:04.000\n<v Ana>again\n\n"
        "00:05.000 --> 00:06.000\n<v Ben>Danki\n"
    )

    assert house(tmp_path, "a.vtt", cues, interviewers=("Ana",)) == [
        "[00:00:01] I: Bon dia & welcome again",
        "[00:00:05] R: Danki",
    ]


def test_word_paragraphs_and_the_rows_of_its_tables_are_turns(tmp_path):
    path = word_file(
        tmp_path,
        "Interviewer: Who\tpaid?",
        rows=[("0:07", "Respondent", "He did."), ("0:09", "Interviewer", "And?")],
    )

    assert transcripts.read(path).house.text.splitlines() == [
        "I: Who\tpaid?",
        "[00:00:07] R: He did.",
        "[00:00:09] I: And?",
    ]


def test_tracked_changes_are_read_as_accepted(tmp_path):
    path = word_file(tmp_path, "I: Who?", "R: He paid.")
    with zipfile.ZipFile(path) as made:
        parts = {name: made.read(name) for name in made.namelist()}
    body = parts["word/document.xml"].decode()
    body = body.replace(
        "<w:t>R: He paid.</w:t></w:r>",
        "<w:t>R: He </w:t></w:r><w:ins w:id='1'><w:r><w:t>never </w:t></w:r></w:ins>"
        "<w:del w:id='2'><w:r><w:delText>often </w:delText></w:r></w:del>"
        "<w:r><w:t>paid.</w:t></w:r>",
    )
    parts["word/document.xml"] = body.encode()

    assert transcripts.read(zipped(tmp_path, "b.docx", **parts)).house.text.endswith(
        "R: He never paid.\n"
    )


def test_odt_keeps_blanks_and_leaves_remarks_out(tmp_path):
    path = odt(
        tmp_path,
        "<text:p>I: Who<text:s text:c='2'/>paid?</text:p><text:p>R: <text:span>He</text:span>"
        "<office:annotation><text:p>check</text:p></office:annotation> did.</text:p>",
    )

    assert transcripts.read(path).house.text == "I: Who  paid?\nR: He did.\n"


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), min_size=1))
def test_every_word_of_a_turn_stands_where_house_says(said):
    text = transcripts.cleaned("".join(f"Interviewer: {words}\nR: ja\n" for words in said))
    made = transcripts.Draft("a.txt", text).house

    assert all(text[a : a + n] == made.text[b : b + n] for a, b, n in made.places)


# Doubts


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "mac_roman"])
def test_another_encoding_than_utf8_is_told(tmp_path, encoding):
    said = "I: ¿Cómo explicaría usted la trata?\nR: Ta un señora ku a bin traha na Kòrsou, así.\n"
    draft = drafted(tmp_path, "a.txt", said.encode(encoding))

    assert (draft.text, draft.encoding) == (said, encoding.replace("-", "_"))


def test_an_older_encoding_is_not_taken_without_a_word(tmp_path):
    draft = drafted(tmp_path, "a.txt", "I: Ki?\nR: Curaçao, señora.\n".encode("cp1252"))

    assert "--encoding cp1252" in refusal(transcripts.settled, draft, None)


def test_an_older_encoding_is_shown_and_asked_about(tmp_path):
    draft = drafted(tmp_path, "a.txt", "I: Ki?\nR: Curaçao, señora.\n".encode("cp1252"))
    asked = []
    transcripts.settled(draft, lambda question, likely: asked.append(question) or likely)

    assert "R: Curaçao, señora." in asked[0]


def test_who_asks_is_refused_where_the_names_do_not_tell(tmp_path):
    draft = drafted(tmp_path, "a.txt", "Ana: How?\nBen: So.\nAna: Why?\nBen: So.\n")

    assert "--interviewer NAME" in refusal(transcripts.settled, draft, None)


def test_who_asks_is_asked_where_there_is_somebody_to_ask(tmp_path):
    draft = drafted(tmp_path, "a.txt", "Ana: How?\nBen: So.\nAna: Why?\nBen: So.\n")
    answers = iter(["Ben", "others"])

    settled = transcripts.settled(draft, lambda *_: next(answers))

    assert settled.house.text.startswith("R: How?\nI: So.\n")


def test_a_name_nobody_bears_is_no_answer(tmp_path):
    draft = drafted(tmp_path, "a.txt", "I: How?\nR: So.\n")

    assert "'I' (1 turns), 'R' (1 turns)" in refusal(
        transcripts.settled, replace(draft, interviewers=("Anna",)), None
    )


def test_words_before_the_first_speaker_are_shown_and_left_out(tmp_path):
    draft = drafted(tmp_path, "a.txt", "Talk with Mrs X\nI: How?\nR: So.\n")

    assert "'Talk with Mrs X'" in draft.preview
    assert "Mrs X" not in draft.house.text


def test_of_a_monologue_each_line_is_a_turn(tmp_path):
    assert house(tmp_path, "a.txt", "I came.\nI left.\n", interviewers=("none",)) == [
        "R: I came.",
        "R: I left.",
    ]


# Bad files


def test_ten_megabytes_are_no_interview(tmp_path):
    assert "no interview" in refusal(drafted, tmp_path, "a.txt", b"R: so\n" * 1_700_000)


def test_bytes_are_no_text(tmp_path):
    assert "not a text" in refusal(drafted, tmp_path, "a.txt", bytes(range(256)) * 9)


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    bomb = zipped(tmp_path, "a.odt", **{"content.xml": b" " * 60_000_000})

    assert "unpacked it has 60,000,000 bytes" in refusal(transcripts.read, bomb)


def test_a_document_that_declares_entities_is_refused(tmp_path):
    lol = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'

    assert "entities" in refusal(
        transcripts.read, zipped(tmp_path, "a.odt", **{"content.xml": lol})
    )
    assert "entities" in refusal(
        transcripts.read, zipped(tmp_path, "b.odt", **{"content.xml": lol.encode("utf-16")})
    )


def test_a_name_that_leads_out_of_the_zip_is_refused(tmp_path):
    path = zipped(tmp_path, "a.odt", **{"content.xml": "<x/>", "..__..__out.txt": "x"})

    assert "leads out of the zip" in refusal(transcripts.read, path)


@pytest.mark.parametrize("kept", [0, 50, 2_000, 20_000])
def test_a_torn_word_file_is_refused(tmp_path, kept):
    path = word_file(tmp_path, "I: Who?")
    path.write_bytes(path.read_bytes()[:kept])

    assert "torn" in refusal(transcripts.read, path)


@pytest.mark.parametrize("name", ["a.doc", "a.pdf", "a"])
def test_other_endings_are_told_what_to_save_as(tmp_path, name):
    assert ".docx" in refusal(drafted, tmp_path, name, "I: So?")


# Into a country


@pytest.fixture
def typed(study, monkeypatch):
    monkeypatch.chdir(study.root)
    return lambda *words: CliRunner().invoke(app, ["import", "interview", *words])


def rows(study):
    content = (study.country("suriname").folder / "interviews.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(content)))


def talk(study, said="Interviewer: How?\nRespondent: Só.\n", name="talk.txt"):
    (study.root / name).write_text(said, encoding="utf-8")
    return name


def test_a_transcript_gets_the_next_id_and_a_row_without_consent(study, typed):
    before = rows(study)
    done = typed(talk(study), "--country", "suriname")
    new = rows(study)[len(before) :]
    kept = study.country("suriname").folder / "interviews" / f"{new[0]['id']}.txt"

    assert done.exit_code == 0
    assert kept.read_bytes() == "I: How?\nR: Só.\n".encode()
    assert [{k: v for k, v in row.items() if v} for row in new] == [{"id": kept.stem}]
    assert new[0]["id"] > max(row["id"] for row in before)


def test_the_rows_that_were_there_keep_every_byte(study, typed):
    listed = study.country("suriname").folder / "interviews.csv"
    before = b"\xef\xbb\xbf" + listed.read_bytes().replace(b"\n", b"\r\n")
    listed.write_bytes(before)
    typed(talk(study), "--country", "suriname")

    assert listed.read_bytes().startswith(before)
    assert listed.read_bytes().endswith(b",,,\r\n")


def test_check_names_the_cells_that_wait_for_a_person(study, typed):
    typed(talk(study), "--country", "suriname")

    assert "column 'consent'" in CliRunner().invoke(app, ["check"]).output


def test_the_same_interview_twice_is_recognised(study, typed):
    typed(talk(study), "--country", "suriname")
    again = typed(talk(study, "I: How?\r\nR: Só.\r\n", "again.txt"), "--country", "suriname")

    assert again.exit_code == 1
    assert "in the study already" in again.output
    assert len(rows(study)) == len({row["id"] for row in rows(study)})


def test_one_bad_file_of_three_keeps_all_three_out(study, typed):
    before = rows(study)
    bad = talk(study, "nobody speaks", "bad.txt")
    done = typed(talk(study), bad, "none.txt", "--country", "suriname")

    assert done.exit_code == 1
    assert "2 problems" in done.output
    assert rows(study) == before


def test_a_workbook_of_interviews_is_not_written_to(study, typed):
    listed = study.country("suriname").folder / "interviews.csv"
    listed.rename(listed.with_suffix(".xlsx"))
    done = typed(talk(study), "--country", "suriname")

    assert "CSV UTF-8" in done.output


def test_in_a_sealed_country_the_transcript_is_never_open_on_the_disk(study, typed, monkeypatch):
    import pyrage

    key = pyrage.x25519.Identity.generate()
    (study.root / "a.key").write_text(f"{key}\n")
    monkeypatch.setenv("CTRESEARCH_KEYS", str(study.root / "a.key"))
    with (study.research / "study.toml").open("a", encoding="utf-8") as listed:
        listed.write(f'\n[seals]\nsuriname = ["{key.to_public()}"]\n')
    done = typed(talk(study, "I: How?\nR: An unheard word.\n"), "--country", "suriname")
    folder = study.country("suriname").folder / "interviews"
    path = folder / f"{rows(study)[-1]['id']}.txt"

    assert done.exit_code == 0, done.output
    assert seals.is_sealed(path)
    assert not path.exists()
    assert seals.read_text(path) == "I: How?\nR: An unheard word.\n"


def test_the_guide_of_the_house_is_followed_by_what_ships():
    path = ROOT / "research/countries/jamaica/interviews/JAM-KI-01.txt"

    assert transcripts.read(path).house.text == path.read_text(encoding="utf-8")
