"""The command line: one verb a thing people do, listed here in the order help shows them.

Exit codes: 0 done, 1 problems found in the user's files (listed), 2 wrong usage.
"""

from __future__ import annotations

from collections.abc import Callable

import typer

from ctresearch.verbs import editor, everybody, researcher, reviewer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A workbench for research on trafficking in persons in the Caribbean.",
)
FAMILIES: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {  # verbs of two words
    "new": (
        "Start a country, or make your key.",
        {"country": researcher.new_country, "key": researcher.new_key},
    ),
    "import": (
        "Bring interviews into a country.",
        {"interview": researcher.import_interview},
    ),
    "exchange": (
        "Coding to other programs, and theirs here.",
        {"out": researcher.exchange_out, "in": researcher.exchange_in},
    ),
}
VERBS = (
    *(everybody.build, everybody.check, everybody.status),
    *(researcher.run, researcher.invent, researcher.lab, researcher.code, researcher.agree),
    *(researcher.seal, researcher.unseal),
    *(editor.release, editor.render),
    reviewer.verify,
)

for verb in VERBS:
    app.command()(verb)
for name, (says, verbs) in FAMILIES.items():
    family = typer.Typer(no_args_is_help=True, help=says)
    for word, verb in verbs.items():
        family.command(word)(verb)
    app.add_typer(family, name=name)


if __name__ == "__main__":
    app()
