"""Seals: evidence that only the holder of a key can read, opened in memory alone.

In    files as they lie, or sealed beside that name: `JAM-KI-03.txt.age` for `JAM-KI-03.txt`
      keys: the files that CTRESEARCH_KEYS names, else `*.key` in the user's own settings folder
Out   their bytes and text for the readers; sealed files in the place of open ones, and back

The one idea: a sealed file is read like the open one, by its open name, and what was opened never
touches the disk. A file is sealed (age, https://age-encryption.org/v1) for the public halves of
keys, `age1…`; each of those keys opens it alone. A passphrase guards a key, not each file: age
makes a passphrase slow on purpose, about a second each time. An open file goes only when its sealed
one has been read back from the disk and found the same, so that a power cut costs nothing.
"""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyrage

from ctresearch import files
from ctresearch.problems import Problem, ResearchError, refuse

ENDING = ".age"
KEYS = "CTRESEARCH_KEYS"  # names key files, with os.pathsep between
PASSPHRASE = "CTRESEARCH_PASSPHRASE"
NEW_KEY, PUBLIC = "my.key", "my.public"
NO_KEY_FITS = "No matching keys found"  # pyrage's words
BY_PASSPHRASE = b"age-encryption.org/v1\n-> scrypt "
SEALED_FOR = "sealed-for.txt"  # in a country's folder: the public halves it is sealed for
SECRET = "AGE-SECRET-KEY-"
BOTH = "the open file and the sealed one are both here, and they differ"
KEEP_ONE = "Move the one you do not want out of the study, then type the command again."

# What must not lie open where evidence is real, JupyterLab's own copies of it among them; patterns
# in a country's folder. Words in coding logs are sealed too, line by line, and the logs stay.
COPIES = "**/.ipynb_checkpoints/*"
SENSITIVE = ("interviews/*", "survey.*", "informants.*", "codings/*.torn", COPIES)


class Sealed(Problem):
    """Evidence that no key here opens: `check` passes over it, all else stops at it."""


class Locked(ResearchError):  # noqa: N818 (what the evidence is, not what went wrong)
    """Sealed evidence that no key here opens."""

    def __init__(self, where: str, they: str = "this is", why: str = "") -> None:
        super().__init__([Sealed(where, f"{they} sealed, and {why or _why_locked()}", _cure())])


# Reading


def sealed(path: Path) -> Path:
    """Where the sealed file of `path` lies."""
    return path.with_name(path.name + ENDING)


def is_sealed(path: Path) -> bool:
    """Whether `path` is there as a sealed file."""
    return sealed(path).is_file()


def placed(path: Path, where: str) -> Path | None:
    """The file itself, open or sealed; None where there is neither.

    Raises ResearchError where both are there: a seal that was interrupted, or two versions.
    """
    there = [each for each in (path, sealed(path)) if each.is_file()]
    if len(there) > 1:
        cure = "If `ctresearch seal` or `unseal` was interrupted, type it again: it goes on safely."
        raise refuse(where, "it is here twice, open and sealed", f"{cure} Nothing is lost.")
    return there[0] if there else None


def listed(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder that match, open or sealed, each once and by its open name, sorted."""
    found = [*folder.glob(pattern), *(p.with_suffix("") for p in folder.glob(pattern + ENDING))]
    return sorted(set(found))


def read_bytes(path: Path, where: str | None = None) -> bytes:
    """The bytes of a file that must be there; opened in memory where only the sealed one is.

    Raises Locked where no key here opens it, ResearchError where it is missing or damaged.
    """
    name = where or path.as_posix()
    there = placed(path, name)
    data = files.read_bytes(there or path, name)
    return data if there in (None, path) else opened(data, name + ENDING)


def read_text(path: Path, where: str | None = None) -> str:
    """The text of a file, open or sealed: UTF-8, no byte order mark, line ends as LF, NFC."""
    return files.as_text(read_bytes(path, where), where or path.as_posix())


def opened(data: bytes, where: str) -> bytes:
    """What is sealed in `data`.

    Raises Locked where no key here opens it, ResearchError where it is damaged.
    """
    if data.startswith(BY_PASSPHRASE):
        return _by_passphrase(data, where)
    for keys in (_open_keys, _guarded_keys):  # a passphrase is asked for only where it is needed
        try:
            return bytes(pyrage.decrypt(data, keys()))
        except pyrage.DecryptError as error:
            if str(error) != NO_KEY_FITS:
                cure = "Put back an earlier copy of it, from git or from your backup."
                raise refuse(
                    where, "this sealed file is damaged and cannot be opened", cure
                ) from None
    raise Locked(where)


def seal_bytes(data: bytes, recipients: Sequence[str]) -> bytes:
    """`data`, sealed for these public halves of keys (age1…)."""
    return bytes(pyrage.encrypt(data, _recipients(tuple(recipients))))


def seal_words(words: str, recipients: Sequence[str]) -> str:
    """Words sealed for a line of a log: one string, an age file in base 64."""
    return base64.b64encode(seal_bytes(words.encode("utf-8"), recipients)).decode("ascii")


def open_words(sealed: str, where: str = "") -> str:
    """The words `seal_words` sealed.

    Raises Locked where no key here opens them, ResearchError where they are damaged.
    """
    try:
        data = base64.b64decode(sealed, validate=True)
    except ValueError:
        data = b""
    return opened(data, where or "sealed words").decode("utf-8")


# Keys


def key_folder() -> Path:
    """The folder in which a person's keys are looked for."""
    if sys.platform == "win32":
        settings = os.environ.get("APPDATA")
    else:
        settings = os.environ.get("XDG_CONFIG_HOME")
    return (Path(settings) if settings else Path.home() / ".config") / "ctresearch"


def key_files() -> list[Path]:
    """The key files of this person: those CTRESEARCH_KEYS names, else those in `key_folder`.

    Raises ResearchError for a named one that is not there.
    """
    named = [Path(name) for name in os.environ.get(KEYS, "").split(os.pathsep) if name]
    for path in named:
        files.read_bytes(path, f"{KEYS}, {path.name}")
    return named or sorted(key_folder().glob("*.key"))


def have_key() -> bool:
    """Whether any key is here; it need not open what you want to read."""
    return bool(key_files())


def public_half(text: str) -> str:
    """A recipient as written in study.toml; ValueError where it is none, or is the secret half."""
    if text.strip().upper().startswith(SECRET):
        raise ValueError(
            "this is the secret half of a key; take it out, make a new key (ctresearch new key)"
            " and write only its public half here, age1…"
        )
    try:
        return str(pyrage.x25519.Recipient.from_str(text.strip()))
    except pyrage.RecipientError:
        raise ValueError("not the public half of a key; copy all of it, age1…") from None


def new_key(passphrase: str = "") -> str:
    """Make a key in the key folder, guarded by `passphrase` if one is given; its public half.

    Raises ResearchError where there is a key already: a key is never overwritten.
    """
    folder = key_folder()
    if there := sorted(folder.glob("*.key")):
        public = folder / PUBLIC
        known = f" Its public half: {public.read_text().strip()}" if public.is_file() else ""
        cure = f"Use it; a key that is lost cannot be made again.{known}"
        raise refuse(shown(there[0]), "you have a key already", cure)
    key = pyrage.x25519.Identity.generate()
    half = str(key.to_public())
    content = f"# public key: {half}\n{key}\n".encode()
    if passphrase:
        content = pyrage.passphrase.encrypt(content, passphrase)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_new(folder / NEW_KEY, content)
    files.write_whole(folder / PUBLIC, half + "\n")
    return half


def doubts() -> list[str]:
    """What a person should know about their keys: those that others on this computer can read."""
    others = stat.S_IRWXG | stat.S_IRWXO
    return [
        f"Others on this computer can read your key {shown(path)}. Type: chmod 600 {shown(path)}"
        for path in key_files()
        if os.name == "posix" and path.stat().st_mode & others
    ]


def passphrase(ask: bool = True) -> str:
    """The passphrase of the keys here: from CTRESEARCH_PASSPHRASE, or asked for at a terminal.

    What was typed is handed on to the notebooks this process starts; "" where there is none.
    """
    if PASSPHRASE not in os.environ and ask and sys.stdin is not None and sys.stdin.isatty():
        from getpass import getpass

        os.environ[PASSPHRASE] = getpass("Passphrase of your key: ")
    return os.environ.get(PASSPHRASE, "")


def unlock() -> None:
    """Ask for the passphrase now if a key here needs one: what is started later cannot ask."""
    _guarded_keys()


def _open_keys() -> list[Any]:
    """The keys here that no passphrase guards."""
    contents = [(path, path.read_bytes()) for path in key_files()]
    return [k for p, text in contents if not _is_guarded(p) for k in _parsed(p, text)]


def _guarded_keys() -> list[Any]:
    """The keys here that a passphrase guards; none where it is not known."""
    guarded = [path for path in key_files() if _is_guarded(path)]
    if not guarded or not passphrase():
        return []
    cure = "Type the command again, and the passphrase with care (is Caps Lock on?)."
    said = "the passphrase does not open this key"
    contents = {path: _unguarded(path.read_bytes(), passphrase()) for path in guarded}
    for path in (path for path, content in contents.items() if content is None):
        raise refuse(shown(path), said, cure)
    return [key for path, text in contents.items() if text for key in _parsed(path, text)]


def _is_guarded(key: Path) -> bool:
    return key.read_bytes().startswith(BY_PASSPHRASE)


@lru_cache
def _parsed(path: Path, content: bytes) -> Sequence[Any]:
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    try:
        keys = [pyrage.x25519.Identity.from_str(s) for s in lines if s and s[0] != "#"]
    except pyrage.IdentityError:
        keys = []
    if not keys:
        cure = "Put the right file there; it holds a line that begins with AGE-SECRET-KEY-1."
        raise refuse(shown(path), "this is not a key", cure)
    return keys


@lru_cache
def _unguarded(content: bytes, phrase: str) -> bytes | None:
    """What a passphrase opens; None where it does not."""
    try:
        return bytes(pyrage.passphrase.decrypt(content, phrase))
    except pyrage.DecryptError:
        return None


def _by_passphrase(data: bytes, where: str) -> bytes:
    """A file that a passphrase opens, as `age -p` makes it."""
    if not passphrase():
        raise Locked(where, why="its passphrase was not given")
    if (content := _unguarded(data, passphrase())) is None:
        raise Locked(where, why="the passphrase given does not open it")
    return content


@lru_cache
def _recipients(halves: tuple[str, ...]) -> list[Any]:
    if not halves:
        cure = (
            'Add a line to [seals] for the country, as in: jamaica = ["age1…", "age1…"], with the'
            " public halves of the keys; yours you get with: ctresearch new key"
        )
        where = "research/study.toml, [seals]"
        raise refuse(where, "it does not say whose keys may open this", cure)
    return [pyrage.x25519.Recipient.from_str(half) for half in halves]


def _why_locked() -> str:
    paths = key_files()
    if not paths:
        return "there is no key on this computer"
    if any(map(_is_guarded, paths)) and not passphrase(ask=False):
        return "the passphrase of your key was not given"
    return "your key does not open it: it was sealed for other people"


def _cure() -> str:
    named = f"among the files that {KEYS} names"
    looked = named if os.environ.get(KEYS) else f"in the folder {shown(key_folder())}"
    return (
        f"Nothing is lost, and all else still works. Your key is looked for {looked}: put it there"
        " (its name ends in .key) and type the command again; or ask a colleague who can open this"
        " to name your key under [seals] in research/study.toml and to seal it again."
    )


def shown(path: Path) -> str:
    """A path of this person's, without the name of the user."""
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except ValueError:
        return path.as_posix()


# Sealing


def seal(path: Path, recipients: Sequence[str], where: str) -> None:
    """Put the sealed file in the place of the open one; killed at any moment, one is whole.

    Raises ResearchError where no key here opens what would be sealed, and where both files are
    there and differ.
    """
    data, there = files.read_bytes(path, where), sealed(path)
    if not there.is_file():
        files.write_whole(there, _checked(data, recipients, where))
        _settle(path.parent)
    inside = opened(files.read_bytes(there), where + ENDING)
    if not _left_over(path.read_bytes(), inside):
        raise refuse(where, BOTH, KEEP_ONE)
    _wipe(path)


def unseal(path: Path, where: str) -> None:
    """Put the open file in the place of the sealed one; killed at any moment, one is whole.

    No temporary file holds opened text: what an interruption leaves is the beginning of the file
    in its own place, and the next `seal` or `unseal` takes it up.
    """
    there = sealed(path)
    inside = opened(files.read_bytes(there, where + ENDING), where + ENDING)
    if path.exists() and not _left_over(path.read_bytes(), inside):
        raise refuse(where, BOTH, KEEP_ONE)
    _write_new(path, inside)
    _settle(path.parent)
    if path.read_bytes() == inside:
        there.unlink()


def reseal(path: Path, recipients: Sequence[str], where: str) -> None:
    """Seal a sealed file for other keys; `path` is its open name."""
    data = opened(files.read_bytes(sealed(path), where + ENDING), where + ENDING)
    files.write_whole(sealed(path), _checked(data, recipients, where))


def open_files(folder: Path) -> list[Path]:
    """The files of a country that lie open and should not where evidence is real."""
    found = {path for pattern in SENSITIVE for path in folder.glob(pattern)}
    return sorted(p for p in found if p.is_file() and p.suffix != ENDING and p.name[0] != ".")


def sealed_files(folder: Path) -> list[Path]:
    """The sealed files of a country, by their open names."""
    return sorted(path.with_suffix("") for path in folder.rglob(f"*{ENDING}"))


def sealed_for(folder: Path) -> tuple[str, ...]:
    """Whose keys open what is sealed in a country; () where that is not known."""
    path = folder / SEALED_FOR
    return tuple(path.read_text(encoding="utf-8").split()) if path.is_file() else ()


def remember(folder: Path, recipients: Sequence[str]) -> None:
    """Write down for whom a country is sealed: age files do not tell."""
    if sealed_for(folder) != tuple(recipients):
        files.write_whole(folder / SEALED_FOR, "".join(f"{half}\n" for half in recipients))


def in_git(folder: Path) -> set[Path]:
    """The files below a folder that git has, or would take along; none where git is not at work."""
    asked = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others"]
    try:
        said = subprocess.run([*asked, "--exclude-standard"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return set()
    return {folder / name for name in os.fsdecode(said.stdout).split("\0") if name}


def reseal_test(recipients: Sequence[str], where: str) -> None:
    """Refuse to seal what could not be opened here again, before anything is touched."""
    _checked(b"", recipients, where)


def _checked(data: bytes, recipients: Sequence[str], where: str) -> bytes:
    """`data` sealed, and seen to open again: nobody locks themselves out."""
    made = seal_bytes(data, recipients)
    try:
        fits = opened(made, where) == data
    except Locked:
        cure = (
            f"Your key must be in {shown(key_folder())}, and its public half under [seals] in"
            " research/study.toml. `ctresearch new key` makes one, or tells its public half."
        )
        what = f"you could not open what is sealed: {_why_locked()}"
        raise refuse(where, what, cure) from None
    assert fits
    return made


def _left_over(there: bytes, whole: bytes) -> bool:
    """Whether an open file is the sealed one's content, or what an interruption left of it.

    `unseal` leaves a beginning of it, `seal` leaves it with nothing but zeros at its beginning.
    """
    wiped = len(there) == len(whole) and whole.endswith(there.lstrip(b"\0"))
    return whole.startswith(there) or wiped


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, in its own place, and wait for the disk."""
    handle = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600
    )
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(handle)


def _wipe(path: Path) -> None:
    """Remove a file, its content first: a removed file can be read from the disk for long."""
    with path.open("r+b") as stream:
        stream.write(bytes(path.stat().st_size))
        stream.flush()
        os.fsync(stream.fileno())
    path.unlink()


def _settle(folder: Path) -> None:
    """Wait until the disk holds the names of a folder too."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
