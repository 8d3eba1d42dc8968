"""Sealed evidence: read with a key like the open one, and without a key not at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from random import Random

import pandas as pd
import pyrage
import pytest
from typer.testing import CliRunner

from ctresearch import build, coding, evidence, runs, seals
from ctresearch.cli import app
from ctresearch.instruments import read_codebook, read_form
from ctresearch.problems import ResearchError
from ctresearch.study import Study
from ctresearch.verify import verify

WORDS = "R: They took my passport at the airport and I never saw it again, bon dia.\n"


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    """A home of its own, without keys; the folder that keys are looked for in."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    for name in (seals.KEYS, seals.PASSPHRASE):
        monkeypatch.delenv(name, raising=False)
    return seals.key_folder()


@pytest.fixture
def mine(settings):
    """The public half of a key that is here."""
    half = seals.new_key()
    assert (settings / seals.NEW_KEY).is_file()
    return half


def stranger() -> str:
    return str(pyrage.x25519.Identity.generate().to_public())


def a_file(folder, content=WORDS):
    folder.mkdir(exist_ok=True)
    path = folder / "JAM-KI-03.txt"
    path.write_text(content, encoding="utf-8")
    return path


def a_sealed_file(folder, *recipients):
    path = a_file(folder)
    seals.sealed(path).write_bytes(seals.seal_bytes(path.read_bytes(), recipients))
    path.unlink()
    return path


def test_a_sealed_file_reads_like_the_open_one(tmp_path, mine):
    path = a_sealed_file(tmp_path, mine)

    assert (seals.is_sealed(path), seals.read_text(path)) == (True, WORDS)


def test_line_ends_marks_and_accents_of_a_sealed_file_read_like_those_of_an_open_one(
    tmp_path, mine
):
    path = tmp_path / "JAM-KI-03.txt"
    seals.sealed(path).write_bytes(seals.seal_bytes("\ufeffI: cafe\u0301\r\n".encode(), [mine]))

    assert seals.read_text(path) == "I: café\n"


def test_words_of_a_log_are_sealed_and_open_again(mine):
    sealed = seals.seal_words('{"quote": "mi n\' sa 🙂"}', [mine, stranger()])

    assert ("quote" in sealed, seals.open_words(sealed)) == (False, '{"quote": "mi n\' sa 🙂"}')


def test_without_a_key_the_reader_is_told_where_keys_are_looked_for(tmp_path):
    path = a_sealed_file(tmp_path, stranger())
    with pytest.raises(seals.Locked) as refused:
        seals.read_text(path, "interviews/JAM-KI-03.txt")

    (problem,) = refused.value.problems
    assert problem.where == "interviews/JAM-KI-03.txt.age"
    assert "no key on this computer" in problem.what
    assert "~/.config/ctresearch" in problem.fix
    assert not seals.have_key()


@pytest.mark.usefixtures("mine")
def test_a_wrong_key_is_told_apart_from_none(tmp_path):
    path = a_sealed_file(tmp_path, stranger())

    with pytest.raises(seals.Locked, match="sealed for other people"):
        seals.read_text(path)


@pytest.mark.parametrize("kept", [0, 60, -10])
def test_a_damaged_file_is_told_apart_from_a_missing_key(tmp_path, mine, kept):
    path = a_sealed_file(tmp_path, mine)
    seals.sealed(path).write_bytes(seals.sealed(path).read_bytes()[:kept])
    with pytest.raises(ResearchError, match="damaged") as refused:
        seals.read_text(path)

    assert not isinstance(refused.value, seals.Locked)


@pytest.mark.usefixtures("mine")
def test_words_that_are_no_seal_are_damaged():
    with pytest.raises(ResearchError, match="damaged"):
        seals.open_words("not base 64!")


def test_a_file_that_is_there_twice_is_refused(tmp_path, mine):
    path = a_sealed_file(tmp_path, mine)
    a_file(tmp_path)

    with pytest.raises(ResearchError, match="here twice"):
        seals.read_text(path)


def test_a_key_is_found_in_the_files_that_the_environment_names(tmp_path, mine, monkeypatch):
    path = a_sealed_file(tmp_path, mine)
    kept = (seals.key_folder() / seals.NEW_KEY).rename(tmp_path / "stick.txt")
    other = tmp_path / "other.txt"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    monkeypatch.setenv(seals.KEYS, os.pathsep.join([str(other), str(kept)]))

    assert seals.read_text(path) == WORDS


@pytest.mark.usefixtures("mine")
def test_a_key_file_that_is_named_and_missing_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setenv(seals.KEYS, str(tmp_path / "stick.txt"))

    with pytest.raises(ResearchError, match="there is no such file"):
        seals.have_key()


def test_a_file_that_is_no_key_is_a_problem(tmp_path, mine, monkeypatch):
    path = a_sealed_file(tmp_path, mine)
    monkeypatch.setenv(seals.KEYS, str(a_file(tmp_path / "elsewhere")))

    with pytest.raises(ResearchError, match="this is not a key"):
        seals.read_text(path)


def test_a_passphrase_guards_a_key_and_a_wrong_one_is_refused(tmp_path, settings, monkeypatch):
    path = a_sealed_file(tmp_path, seals.new_key("correct horse"))
    assert b"SECRET" not in (settings / seals.NEW_KEY).read_bytes()

    with pytest.raises(seals.Locked, match="passphrase of your key was not given"):
        seals.read_text(path)
    monkeypatch.setenv(seals.PASSPHRASE, "correct house")
    with pytest.raises(ResearchError, match="passphrase does not open this key"):
        seals.read_text(path)
    monkeypatch.setenv(seals.PASSPHRASE, "correct horse")
    assert seals.read_text(path) == WORDS


def test_a_file_sealed_with_a_passphrase_alone_opens_with_it(tmp_path, monkeypatch):
    path = tmp_path / "JAM-KI-03.txt"
    seals.sealed(path).write_bytes(pyrage.passphrase.encrypt(WORDS.encode(), "correct horse"))
    with pytest.raises(seals.Locked, match="passphrase was not given"):
        seals.read_text(path)
    monkeypatch.setenv(seals.PASSPHRASE, "correct horse")

    assert seals.read_text(path) == WORDS


def test_a_key_is_never_overwritten_and_its_public_half_is_told_again(mine):
    with pytest.raises(ResearchError, match=mine):
        seals.new_key()


@pytest.mark.skipif(os.name != "posix", reason="file rights are those of POSIX")
@pytest.mark.usefixtures("mine")
def test_a_key_that_others_can_read_is_warned_about():
    assert seals.doubts() == []
    (seals.key_folder() / seals.NEW_KEY).chmod(0o644)

    (said,) = seals.doubts()
    assert "chmod 600 ~/.config/ctresearch/my.key" in said


def test_a_folder_lists_open_and_sealed_files_once_by_their_open_names(tmp_path, mine):
    path = a_sealed_file(tmp_path, mine)
    (tmp_path / "JAM-KI-04.txt").write_text(WORDS)

    assert seals.listed(tmp_path, "*.txt") == [path, tmp_path / "JAM-KI-04.txt"]


def test_nothing_is_sealed_for_nobody():
    with pytest.raises(ResearchError, match="does not say whose keys"):
        seals.seal_words("words", ())


def recipients_of(study, *halves, key="suriname"):
    """Write [seals] in the study's file."""
    path = study.root / "research" / "study.toml"
    listed = ", ".join(f'"{half}"' for half in halves)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"\n[seals]\n{key} = [{listed}]\n")
    study.__dict__.pop("file", None)


def test_a_country_knows_whose_keys_open_its_evidence(study, mine):
    recipients_of(study, mine)

    assert study.country("suriname").recipients == (mine,)
    assert study.country("belize").recipients == ()


@pytest.mark.parametrize(
    ("half", "said"), [("age1typo", "copy all of it"), ("AGE-SECRET-KEY-1QQ", "secret half")]
)
def test_a_recipient_that_is_none_is_refused_before_anything_is_sealed(study, half, said):
    recipients_of(study, half)

    with pytest.raises(ResearchError, match=said):
        _ = study.file


def test_recipients_of_a_country_that_is_not_listed_are_refused(study, mine):
    recipients_of(study, mine, key="surinam")

    with pytest.raises(ResearchError, match="Did you mean 'suriname'"):
        _ = study.countries


# Countries


SURINAME = "research/countries/suriname"
OPEN_TABLES = (evidence.interviews, evidence.media, evidence.law, evidence.indicators)
COUNT = 100 if os.environ.get("CTRESEARCH_COUNTS") == "full" else 8


@pytest.fixture
def suriname(study, mine):
    """Suriname, its evidence taken for that of real people, to be sealed for a key that is here."""
    recipients_of(study, mine)
    return real(study)


def real(study):
    path = study.root / SURINAME / "country.toml"
    path.write_text(path.read_text().replace('evidence = "invented"', 'evidence = "real"'))
    return Study(study.root).country("suriname")


@pytest.fixture
def typed(study, monkeypatch):
    """Type a command in the study's folder; the exit code and all that was printed."""
    monkeypatch.chdir(study.root)

    def type_(*words):
        done = CliRunner().invoke(app, list(words))
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    return type_


def git(folder, *words):
    known = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "gc.auto=0")
    return subprocess.run(["git", *known, *words], cwd=folder, capture_output=True, check=True)


def without_key():
    (seals.key_folder() / seals.NEW_KEY).rename(seals.key_folder() / "lent.txt")


def evidence_of(country):
    """Every reader's frame."""
    form = read_form(country.study)
    return {
        "interviews": evidence.interviews(country),
        "turns": evidence.turns(country),
        "informants": evidence.informants(country),
        "survey": evidence.survey(country, form),
    }


def shingles(*texts):
    """Every eight consecutive words, in small letters."""
    found = set()
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        found |= {" ".join(words[n : n + 8]) for n in range(len(words) - 7)}
    return found


def answers_in(country):
    """The shingles of what respondents said; what they were asked stands in the guide."""
    turns = evidence.turns(country)
    return shingles(*turns.loc[turns["speaker"] == "R", "text"])


def files_that_hold(said, folder, but=()):
    """The files below a folder in which any of these shingles stands."""
    every = [path for path in folder.rglob("*") if path.is_file() and path not in but]
    return [p for p in every if shingles(p.read_bytes().decode("utf-8", "replace")) & said]


def test_a_sealed_country_reads_like_an_open_one(suriname):
    before = evidence_of(suriname)
    evidence.seal(suriname)

    assert seals.open_files(suriname.folder) == []
    for name, frame in evidence_of(suriname).items():
        pd.testing.assert_frame_equal(frame, before[name])


@pytest.mark.parametrize("name", ["interviews.csv", "media.csv", "law.csv", "indicators.csv"])
def test_any_table_may_be_sealed(suriname, name):
    evidence.seal(suriname, [name])

    assert seals.is_sealed(suriname.folder / name)
    frames = [read(suriname) for read in OPEN_TABLES]
    assert min(map(len, frames)) > 0


def test_a_sealed_workbook_reads_like_the_open_one(suriname):
    path = suriname.folder / "interviews.csv"
    before = evidence.interviews(suriname)
    before.drop(columns=["primed", "usable"]).to_excel(path.with_suffix(".xlsx"), index=False)
    path.unlink()
    evidence.seal(suriname, ["interviews.xlsx"])

    pd.testing.assert_frame_equal(evidence.interviews(suriname), before)


def test_sealed_and_unsealed_the_files_are_as_they_were(suriname):
    before = {path: path.read_bytes() for path in seals.open_files(suriname.folder)}
    sealed = evidence.seal(suriname)
    opened = evidence.unseal(suriname)

    assert sealed == opened == sorted(before)
    assert {path: path.read_bytes() for path in seals.open_files(suriname.folder)} == before
    assert not list(suriname.folder.rglob("*.age"))


def test_one_transcript_is_unsealed_to_be_corrected(suriname):
    evidence.seal(suriname)
    evidence.unseal(suriname, ["interviews/SUR-KI-01.txt"])

    assert seals.open_files(suriname.folder) == [suriname.folder / "interviews/SUR-KI-01.txt"]


def test_sealing_again_changes_nothing(suriname):
    evidence.seal(suriname)
    before = {path: path.read_bytes() for path in suriname.folder.rglob("*") if path.is_file()}

    assert evidence.seal(suriname) == []
    assert {p: p.read_bytes() for p in suriname.folder.rglob("*") if p.is_file()} == before


def test_other_recipients_in_the_study_have_everything_sealed_again(
    suriname, mine, typed, tmp_path, monkeypatch
):
    evidence.seal(suriname)
    new = pyrage.x25519.Identity.generate()
    path = suriname.study.root / "research" / "study.toml"
    path.write_text(path.read_text().replace(f'["{mine}"]', f'["{mine}", "{new.to_public()}"]'))
    code, said = typed("check")
    assert (code, "sealed for other keys" in said) == (1, True)
    assert typed("seal", "suriname")[0] == 0

    for sealed in suriname.folder.rglob("*.age"):
        assert pyrage.decrypt(sealed.read_bytes(), [new])
    monkeypatch.setenv(seals.KEYS, str(tmp_path / "new.key"))
    (tmp_path / "new.key").write_text(str(new))
    assert opened_lines(sorted((suriname.folder / "codings").glob("*.jsonl"))[0])
    assert "sealed for other keys" not in typed("check")[1]


@pytest.mark.usefixtures("mine")
def test_nobody_locks_themselves_out(study):
    recipients_of(study, stranger())
    suriname = real(study)
    before = seals.open_files(suriname.folder)
    with pytest.raises(ResearchError, match="sealed for other people"):
        evidence.seal(suriname)

    assert seals.open_files(suriname.folder) == before


@pytest.mark.usefixtures("mine")
def test_a_country_that_names_no_keys_is_not_sealed(study, typed):
    code, said = typed("seal", "suriname")

    assert (code, "[seals]" in said, "ctresearch new key" in said) == (1, True, True)
    assert not list((study.root / SURINAME).rglob("*.age"))


def test_two_versions_of_a_transcript_are_never_chosen_between(suriname):
    path = suriname.folder / "interviews" / "SUR-KI-01.txt"
    words = path.read_bytes()
    evidence.seal(suriname)
    path.write_bytes(words.replace(b"R: ", b"R: No. ", 1))
    for change in (evidence.seal, evidence.unseal, evidence.turns):
        with pytest.raises(ResearchError, match=r"SUR-KI-01\.txt"):
            change(suriname)

    assert path.read_bytes() != words
    assert seals.opened(seals.sealed(path).read_bytes(), "") == words


@pytest.mark.parametrize("left", ["all", "a beginning", "nothing", "wiped at its beginning"])
@pytest.mark.parametrize("change", [evidence.seal, evidence.unseal])
def test_what_an_interruption_left_is_taken_up(suriname, left, change):
    path = suriname.folder / "interviews" / "SUR-KI-01.txt"
    words = path.read_bytes()
    evidence.seal(suriname)
    half = len(words) // 2
    kept = {"all": words, "a beginning": words[:half], "nothing": b""}
    path.write_bytes(kept.get(left, bytes(half) + words[half:]))
    change(suriname)

    sealed = change is evidence.seal
    assert (path.exists(), seals.is_sealed(path)) == (not sealed, sealed)
    assert seals.read_bytes(path) == words


def lies_open(log):
    return b'"words":{"quote":"' in log.read_bytes().replace(b'"quote":""', b"")


def opened_lines(log):
    """The lines of a coding log with their words open."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if isinstance(line["words"], str):
            line["words"] = json.loads(seals.open_words(line["words"]))
    return lines


def test_words_of_coding_logs_are_sealed_and_everything_else_stays(suriname):
    log = sorted((suriname.folder / "codings").glob("*.jsonl"))[0]
    before = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    evidence.seal(suriname)
    after = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]

    assert opened_lines(log) == before
    assert [line | {"words": ""} for line in after] == [line | {"words": ""} for line in before]
    assert not any(isinstance(line["words"], dict) and line["words"]["quote"] for line in after)


def test_a_broken_line_of_a_log_is_told_and_nothing_of_the_log_is_lost(suriname):
    log = sorted((suriname.folder / "codings").glob("*.jsonl"))[0]
    log.write_bytes(log.read_bytes().replace(b'"words":', b"words:", 1))
    before = log.read_bytes()
    with pytest.raises(ResearchError, match=r"line 1\n"):
        evidence.seal(suriname)

    assert log.read_bytes() == before


def test_the_torn_end_of_a_log_is_set_aside_and_sealed(suriname):
    log = sorted((suriname.folder / "codings").glob("*.jsonl"))[0]
    log.write_bytes(log.read_bytes()[:-9])
    torn = log.read_bytes().rpartition(b"\n")[2]
    evidence.seal(suriname)

    assert seals.read_bytes(log.with_name(f"{log.name}.torn")) == torn + b"\n"
    assert not log.with_name(f"{log.name}.torn").exists()


def test_words_coded_while_a_transcript_is_open_for_correction_are_sealed(suriname):
    evidence.seal(suriname)
    evidence.unseal(suriname, ["interviews/SUR-KI-01.txt"])
    codebook, text = read_codebook(suriname.study), coding.transcript(suriname, "SUR-KI-01")
    log = suriname.folder / "codings" / "SUR-KI-01.zz.jsonl"
    at = text.index("R: ") + 3
    code = next(c.id for c in codebook.codes if not (c.retired or c.merged_into))
    line = coding.line("add", "zz", text, code=code, start=at, end=text.index("\n", at))
    coding.append(log, line, text, codebook)

    assert '"words":{' not in log.read_text()
    assert opened_lines(log)[0]["words"]["quote"] == text[at : text.index("\n", at)]


# Killed


def killed(change, country, after):
    """Start the work in a process of its own and kill it so many seconds after."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            change(country)
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.parametrize("change", [evidence.seal, evidence.unseal])
def test_killed_at_any_moment_the_evidence_is_whole_and_no_opened_text_is_elsewhere(
    suriname, tmp_path, monkeypatch, change
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    whole = {path: path.read_bytes() for path in seals.open_files(suriname.folder)}
    logs = {path: path.read_bytes() for path in (suriname.folder / "codings").glob("*.jsonl")}
    said = answers_in(suriname)

    def lay_open(country):
        evidence.unseal(country)
        for log, lines in logs.items():
            log.write_bytes(lines)

    before = lay_open if change is evidence.seal else evidence.seal
    may_be_open = {*whole, *(logs if change is evidence.seal else ())}
    before(suriname)
    began = time.monotonic()
    change(suriname)
    lasted = time.monotonic() - began
    chance, halfway = Random(7), 0
    of_open = 0 if change is evidence.seal else len(logs)

    for _ in range(COUNT):
        before(suriname)
        killed(change, suriname, chance.uniform(0, lasted))
        left = sum(map(seals.is_sealed, whole)) + sum(not lies_open(log) for log in logs)
        halfway += left not in (of_open, len(whole) + len(logs))
        assert files_that_hold(said, tmp_path, but=may_be_open) == []
        for path, words in whole.items():
            there = seals.sealed(path)
            sealed = there.is_file() and seals.opened(there.read_bytes(), path.name) == words
            assert sealed or path.read_bytes() == words
        assert {log: opened_lines(log) for log in logs} == {
            log: [json.loads(line) for line in lines.splitlines()] for log, lines in logs.items()
        }
        evidence.seal(suriname)
        assert files_that_hold(said, tmp_path) == []
    evidence.unseal(suriname)
    assert {path: path.read_bytes() for path in whole} == whole
    assert halfway > 0


# Without a key


def test_check_without_a_key_looks_at_the_rest_and_says_what_it_passed_over(suriname, typed):
    evidence.seal(suriname)
    without_key()
    code, said = typed("check")

    assert code == 0
    assert f"Passed over: {SURINAME}/interviews" in said
    assert "15 of 15 transcripts of suriname are sealed" in said
    assert f"Passed over: {SURINAME}/survey.csv.age" in said
    assert said.count("~/.config/ctresearch") == 1


def test_check_without_a_key_still_finds_the_faults_of_what_is_open(suriname, typed):
    evidence.seal(suriname)
    without_key()
    path = suriname.folder / "law.csv"
    path.write_text(path.read_text().replace("source", "sauce", 1))
    code, said = typed("check")

    assert (code, f"{SURINAME}/law.csv" in said, "1 problem " in said) == (1, True, True)


def test_a_run_without_a_key_stops_before_it_starts_and_the_others_go_on(suriname, typed):
    evidence.seal(suriname)
    without_key()
    code, said = typed("run", "suriname")

    assert code == 1
    assert f"{SURINAME}/interviews/SUR-KI-01.txt.age" in said
    assert "no key on this computer" in said
    assert (suriname.study.build / "suriname" / "law" / "law.ipynb").is_file()
    assert not (suriname.study.build / "suriname" / "interviews").exists()


# Git


def test_open_evidence_of_real_people_is_kept_out_of_git(study, typed, mine):
    recipients_of(study, mine)
    suriname = real(study)
    git(study.root, "init", "-q")
    code, said = typed("check")
    assert (code, "where git takes it along" in said) == (1, True)
    assert "Type: ctresearch seal suriname" in said
    assert typed("seal", "suriname")[0] == 0

    assert typed("check")[0] == 0
    git(study.root, "add", "-A")
    kept = git(study.root, "ls-files", SURINAME).stdout.decode().split()
    assert f"{SURINAME}/interviews/SUR-KI-01.txt.age" in kept
    evidence.unseal(suriname)
    assert typed("check")[0] == 0


def test_invented_evidence_may_lie_open_in_git(study, typed):
    git(study.root, "init", "-q")
    git(study.root, "add", "-A")

    assert typed("check")[0] == 0


def test_a_new_country_keeps_its_open_evidence_out_of_git(study, typed):
    git(study.root, "init", "-q")
    typed("new", "country", "grenada", "--name", "Grenada", "--iso3", "GRD")
    folder = study.root / "research" / "countries" / "grenada"
    (folder / "interviews").mkdir()
    (folder / "codings").mkdir()
    open_ones = ["interviews/GRD-KI-01.txt", "survey.csv", "survey.xlsx", "informants.csv"]
    sealed = [f"{name}.age" for name in open_ones]
    for name in [*open_ones, *sealed]:
        (folder / name).write_text("x")

    taken = {path.relative_to(folder).as_posix() for path in seals.in_git(folder)}
    assert taken == {".gitignore", "NOTES.md", "country.toml", *sealed}


def test_a_transcript_git_already_has_is_a_problem_even_when_ignored(study, typed, mine):
    git(study.root, "init", "-q")
    git(study.root, "add", "-A")
    recipients_of(study, mine)
    suriname = real(study)
    (suriname.folder / ".gitignore").write_text("*\n")
    code, said = typed("check")

    assert (code, "where git takes it along" in said) == (1, True)


def test_the_key_a_person_makes_is_told_with_what_to_do_next(typed):
    code, said = typed("new", "key")

    half = (seals.key_folder() / seals.PUBLIC).read_text().strip()
    assert (code, half in said, "[seals]" in said) == (0, True, True)
    assert "SECRET" not in said


# A sealed study at work


def test_coding_and_agreement_of_sealed_interviews_leave_no_word_in_clear(suriname, typed):
    root, said, codebook = suriname.study.root, answers_in(suriname), read_codebook(suriname.study)
    opened = typed("agree", "suriname", "--json")
    evidence.seal(suriname)
    git(root, "init", "-q")
    text = coding.transcript(suriname, "SUR-KI-01")
    start = text.index("R: ") + 3
    place = {"code": codebook.codes[-1].id, "start": start, "end": text.index("\n", start)}
    log = suriname.folder / "codings" / "SUR-KI-01.zz.jsonl"
    coding.append(log, coding.line("add", "zz", text, memo=text[:200], **place), text, codebook)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "coded")
    log.unlink()
    sealed = typed("agree", "suriname", "--json")

    assert (opened[0], sealed) == (0, opened)
    assert files_that_hold(said, root) == []
    objects = git(root, "cat-file", "--batch-all-objects", "--batch").stdout
    assert shingles(objects.decode("utf-8", "replace")) & said == set()


def tables_of(study):
    folder = study.build / "suriname"
    kept = [p for p in folder.rglob("*") if p.suffix == ".csv" or p.name == "findings.json"]
    return {path.relative_to(folder): path.read_bytes() for path in kept}


def sealed_copy(built_copy, half):
    recipients_of(built_copy, half)
    study = Study(built_copy.root)
    said = answers_in(study.country("suriname"))
    evidence.seal(study.country("suriname"))
    return study, said


def test_sealed_evidence_gives_the_same_tables_and_is_nowhere_in_clear(built_copy, mine):
    before = tables_of(built_copy)
    study, said = sealed_copy(built_copy, mine)
    wanted = [run for run in runs.chosen(["suriname"], runs.plan(study)) if run.rule.streams]
    ended = list(build.run(study, wanted, fresh=True))
    suriname = study.country("suriname")
    assert len(coding.segments(suriname, evidence.turns(suriname), read_codebook(study)))
    git(study.root, "init", "-q")
    git(study.root, "add", "-A", "-f")
    git(study.root, "commit", "-q", "-m", "sealed")

    assert all(step.done for step in ended)
    assert tables_of(study) == before
    assert files_that_hold(said, study.root) == []
    objects = git(study.root, "cat-file", "--batch-all-objects", "--batch").stdout
    assert shingles(objects.decode("utf-8", "replace")) & said == set()


def test_a_reviewer_without_a_key_is_told_what_was_not_rerun(built_copy, mine):
    study, _ = sealed_copy(built_copy, mine)
    without_key()
    verdict = verify(study, ["trial"])

    assert "no key here opens" in verdict.unchecked["suriname/interviews"]
    assert "suriname/media" not in verdict.unchecked
    assert verdict.of_kind("finding") == []
    assert "not all were" in verdict.as_text()
