"""Fingerprints: what a step rests on, by content, so that nothing is done twice.

In    files, versions, this package's own sources
Out   digests; whether a step has anything to do

The one idea: a file is read again only when its size, time or inode say so, as git does; what is
compared is always content. Everything here is derived and may be deleted at any time.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ctresearch.files import digest, read_bytes, write_whole
from ctresearch.study import Study

LIBRARIES = ("ctresearch", "pandas", "numpy", "altair", "vl-convert-python", "papermill")


class Contents:
    """Digests of files, read again only when size, time or inode say so.

    The index is derived and may be deleted at any time.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.path = study.build / ".contents.json"
        self.changed = False

    @cached_property
    def index(self) -> dict[str, list[Any]]:
        try:
            return dict(json.loads(self.path.read_bytes()))
        except (OSError, ValueError):
            return {}

    def of(self, path: Path) -> str:
        """The digest of a file's content."""
        return self._of(self._shown(path), path.stat())

    def matching(self, folder: Path, pattern: str) -> dict[str, str]:
        """Digests of the files in `folder` that fit a pattern, hidden ones left out, by path."""
        head, _, last = pattern.rpartition("/")
        fits = re.compile(fnmatch.translate(last)).match
        parents = folder.glob(head) if set(head) & set("*?[") else [folder / head]
        found = {}
        for parent in (parent for parent in parents if parent.is_dir()):
            shown = self._shown(parent)
            with os.scandir(parent) as entries:
                for entry in entries:
                    if fits(entry.name) and entry.name[0] != "." and entry.is_file():
                        name = f"{shown}/{entry.name}"
                        found[name] = self._of(name, entry.stat())
        return found

    def _shown(self, path: Path) -> str:
        root, name = f"{self.study.root}{os.sep}", str(path)
        if not name.startswith(root):  # it leads there some other way
            return self.study.shown(path)
        return name[len(root) :].replace(os.sep, "/")

    def _of(self, shown: str, stat: os.stat_result) -> str:
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        known = self.index.get(shown)
        if known is None or known[:3] != mark:
            known = [*mark, digest(read_bytes(self.study.root / shown, shown))]
            self.index[shown] = known
            self.changed = True
        return str(known[3])

    def of_all(self, paths: Sequence[Path]) -> dict[str, str]:
        """Digests by path from the study's root, in order of path."""
        return {self._shown(path): self.of(path) for path in sorted(paths)}

    def save(self) -> None:
        if self.changed:
            write_whole(self.path, json.dumps(self.index))
            self.changed = False


class Steps:
    """Which steps of the main job have been done, by the content they read and left behind."""

    def __init__(self, study: Study) -> None:
        self.contents = Contents(study)
        self.path = study.build / ".steps.json"

    @cached_property
    def done(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.path.read_bytes()))
        except (OSError, ValueError):
            return {}

    def is_done(self, step: str, files: Iterable[Path]) -> bool:
        """Whether the step last ended with these files, read and left behind, as they are now."""
        return self.done.get(step) == self._key(files)

    def mark(self, step: str, files: Iterable[Path]) -> None:
        """Note that the step has ended well."""
        self.done[step] = self._key(files)
        write_whole(self.path, json.dumps(self.done, indent=1, sort_keys=True))
        self.contents.save()

    def _key(self, files: Iterable[Path]) -> str:
        rests_on = [self.contents.of_all(list(files)), versions(), package_digest()]
        return digest(json.dumps(rests_on, sort_keys=True).encode())


def files_in(folder: Path, *, but: Sequence[str] = ()) -> list[Path]:
    """Every file below a folder, hidden ones and those below folders named in `but` left out."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and name not in but]
        kept = (name for name in names if name[0] != "." and name not in but)
        found += [path for path in (Path(parent, name) for name in kept) if path.is_file()]
    return found


@lru_cache
def versions() -> dict[str, str]:
    """Python's and the libraries' versions, as the run record keeps them."""
    python = ".".join(map(str, sys.version_info[:2]))
    return {"python": python} | {library: version(library) for library in LIBRARIES}


@lru_cache
def package_digest() -> str:
    """The content of this package's own sources and data."""
    folder = Path(__file__).parent
    kept = [p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".pyc", ".ttf")]
    together = "".join(digest(p.read_bytes()) for p in sorted(kept))
    return digest(together.encode())
