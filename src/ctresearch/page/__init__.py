"""The coding page: a transcript in the browser, and codings that are on the disk when it says so.

In    a study, the name of an interview, the initials of a coder
Out   lines of coding logs, written by `coding.append` and by nothing else

The one idea: the page is a view of files. `desk` knows what a coder may see and write, `routes`
gives it addresses in a Jupyter server, whose token it inherits, `serving` starts one, and web/ is
the page itself: plain modules and a style sheet, nothing to build and nothing fetched from outside.
No kernel takes part, so no word of a transcript can land in a notebook.
"""

from __future__ import annotations

from typing import Any

NAME = "ctresearch.page"  # as jpserver_extensions names it


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": NAME}]


def _load_jupyter_server_extension(server: Any) -> None:
    from ctresearch.page.routes import add_routes

    add_routes(server)
