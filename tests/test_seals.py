"""Sealed evidence: read with a key like the open one, and without a key not at all."""

from __future__ import annotations

import os

import pyrage
import pytest

from ctresearch import seals
from ctresearch.problems import ResearchError

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
    with pytest.raises(seals.Locked, match="none was given"):
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
    with pytest.raises(ResearchError, match="does not say who may open"):
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
