"""Nodes: pandoc, and its tree as plain dicts, changed by type.

In    blocks and inlines: {"t": type, "c": content}, as pandoc's JSON has them
Out   the same, with something else in the place of some; what pandoc writes of them

The one idea: a writer's pass over a document is a table, type of node to what stands in its place.
Nothing is changed where it lies, so a book can be written in a second format, or twice.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Node = dict[str, Any]
Change = Callable[[Node], list[Node]]  # what stands in a node's place; it sees to what is inside
Changes = dict[str, Change]  # by type of node

QUOTES = {"SingleQuote": ("‘", "’"), "DoubleQuote": ("“", "”")}
SPACES = ("Space", "SoftBreak", "LineBreak")
LEAVES = frozenset(("Str", "Space", "SoftBreak"))
API = [1, 23, 1, 1]  # pandoc's version of the tree


class Writer:
    """A pass over a document: for each kind of node a method, named like it in small letters."""

    kinds: tuple[str, ...]

    def __init__(self) -> None:
        self.changes: Changes = {kind: getattr(self, kind.lower()) for kind in self.kinds}

    def inner(self, content: list[Node], **others: Change) -> list[Node]:
        """The nodes as this pass changes them, some kinds in another way."""
        return change(content, self.changes | others)


class Float(NamedTuple):
    """A figure or table with its number and caption, as `tree` leaves it."""

    id: str
    kind: str  # figure or table
    label: str  # Figure 2.1
    caption: list[Node]  # inlines
    content: list[Node]

    @classmethod
    def of(cls, node: Node) -> Float:
        (at, (kind, *_), settings), (*content, said) = node["c"]
        given = dict(settings)
        label = f"{given['label']}\u00a0{given['number']}"
        return cls(at, kind.removeprefix("ct-"), label, said["c"][1][0]["c"], content)


def change(nodes: list[Any], changes: Changes) -> list[Any]:
    """The nodes with some types changed, outermost first."""
    changed: list[Any] = []
    for node in nodes:
        if isinstance(node, list):
            changed.append(change(node, changes))
        elif not isinstance(node, dict) or node.get("t") in LEAVES:
            changed.append(node)
        elif made := changes.get(node.get("t", "")):
            changed.extend(made(node))
        else:
            changed.append(inside(node, changes))
    return changed


def inside(node: Node, changes: Changes) -> Node:
    """The node with what is inside it changed."""
    content = node.get("c")
    return {**node, "c": change(content, changes)} if isinstance(content, list) else node


def every(nodes: Any) -> Iterator[Node]:
    """All nodes of a tree, in document order."""
    if isinstance(nodes, dict):
        if "t" in nodes:
            yield nodes
        nodes = nodes.get("c")
    for node in nodes if isinstance(nodes, list) else ():
        if isinstance(node, (dict, list)):
            yield from every(node)


def text_of(nodes: Any) -> str:
    """Inlines (or blocks) as plain text, without their notes."""
    if isinstance(nodes, list):
        return "".join(text_of(node) for node in nodes)
    kind = nodes.get("t") if isinstance(nodes, dict) else None
    content: Any = nodes.get("c", []) if kind else []
    if kind in ("Str", "Code"):
        return str(content if kind == "Str" else content[1])
    if kind == "Quoted":
        opened, closed = QUOTES[content[0]["t"]]
        return f"{opened}{text_of(content[1])}{closed}"
    return " " if kind in SPACES else "" if kind == "Note" else text_of(content)


def document(blocks: list[Node], meta: Node | None = None) -> bytes:
    """The blocks as pandoc reads them (`-f json`)."""
    whole = {"pandoc-api-version": API, "meta": meta or {}, "blocks": blocks}
    return json.dumps(whole, ensure_ascii=False).encode()


def div(blocks: list[Node], *classes: str, at: str = "", **settings: str) -> Node:
    """Blocks kept together: `div(blocks, "wide", at="id", role="region", aria_label="Table")`."""
    named = [[name.replace("_", "-"), value] for name, value in settings.items()]
    return {"t": "Div", "c": [[at, list(classes), named], blocks]}


def plain(*inlines: Node) -> Node:
    """Inlines as a block that is no paragraph."""
    return {"t": "Plain", "c": list(inlines)}


def heading(level: int, at: str, *title: Node) -> Node:
    return {"t": "Header", "c": [level, [at, [], []], list(title)]}


def string(text: str) -> Node:
    return {"t": "Str", "c": text}


def raw(to: str, text: str) -> Node:
    """Markup of one format (html, typst) among inlines."""
    return {"t": "RawInline", "c": [to, text]}


def run_pandoc(arguments: list[str], content: bytes) -> bytes:
    """What pandoc makes of `content`; every word it says beside that is a failure."""
    made, said = pandoc(arguments, content)
    if said:
        raise RuntimeError(f"pandoc says: {said}")
    return made


def pandoc(arguments: list[str], content: bytes) -> tuple[bytes, str]:
    """What pandoc makes of `content`, and the words it says beside that."""
    import pypandoc

    command = [pypandoc.get_pandoc_path(), *arguments]
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"pandoc failed: {done.stderr.decode()}")
    return done.stdout, done.stderr.decode()
