"""Start a Jupyter server for the coding page, or find the one that runs.

In    a study, an address of the page
Out   a browser tab, and a server until it is stopped

The one idea: one server a study. A second `ctresearch code` opens a further tab of the server that
is there, JupyterLab's included. A server started here listens on this machine alone, has a token
of its own, runs no terminal and loads no other extension.
"""

from __future__ import annotations

import os
import secrets
import webbrowser
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from jupyter_server.serverapp import ServerApp, list_running_servers

from ctresearch.page import NAME
from ctresearch.study import Study

LABEXTENSIONS = Path(__file__).with_name("labextension")
QUICK = 2.0  # seconds a running server may take to answer


def address(interview: str = "", coder: str = "") -> str:
    """The page of an interview, from a server's base address."""
    asked = "?" + urlencode({"coder": coder}) if coder else ""
    return f"ctresearch/code/{quote(interview)}{asked}"


def open_page(study: Study, at: str, *, browser: bool) -> None:
    """Open the page at `at`, in a running server of this study or in a new one until Ctrl+C."""
    found = running(study)
    if found:
        url = _with_token(found["url"], at, found["token"])
        print(f"The coding page is at\n  {url}")
        if browser:
            webbrowser.open(url)
        return
    token = os.environ.setdefault("JUPYTER_TOKEN", secrets.token_hex(24))
    server = ServerApp.instance(
        jpserver_extensions={NAME: True},
        root_dir=str(study.research),
        default_url=f"/{at}",
        open_browser=browser,
        terminals_enabled=False,
        answer_yes=True,
        allow_root=True,  # in a container; the server listens on this machine alone
        log_level="ERROR",
    )
    server.initialize(argv=[], find_extensions=False)
    token = urlencode({"token": server.identity_provider.token})
    url = f"{server.connection_url}{at}" + ("&" if "?" in at else "?") + token
    print(
        f"The coding page is at\n  {url}\nStop it with Ctrl+C; what it calls saved is on the disk."
    )
    server.start()


def running(study: Study) -> dict[str, str] | None:
    """A server of this study that runs and has the page."""
    here = os.path.realpath(study.research)
    for one in list_running_servers():
        if os.path.realpath(one["root_dir"]) == here and _has_page(one["url"], one["token"]):
            return {"url": one["url"], "token": one["token"]}
    return None


def lab_options() -> list[str]:
    """What JupyterLab needs on its command line to have the page and a way to it."""
    return [
        f"--ServerApp.jpserver_extensions={NAME}=True",
        "--ServerApp.allow_root=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",  # works offline
        f"--LabApp.extra_labextensions_path={LABEXTENSIONS}",
    ]


def _with_token(base: str, at: str, token: str) -> str:
    return f"{base}{at}{'&' if '?' in at else '?'}{urlencode({'token': token})}"


def _has_page(url: str, token: str) -> bool:
    asked = Request(f"{url}ctresearch/code/", headers={"Authorization": f"token {token}"})
    try:
        with build_opener(ProxyHandler({})).open(asked, timeout=QUICK) as reply:
            return bool(reply.status == 200)
    except (URLError, OSError):
        return False
