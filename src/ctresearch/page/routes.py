"""Addresses of the coding page in a Jupyter server.

In    requests under /ctresearch/, each with the server's token or its login cookie
Out   the page and its files; JSON, problems included: {"problems": [{"where", "what", "fix"}]}

The one idea: an address names an interview and a coder, `desk` does the work, and whatever it
refuses goes back as Problems. Nothing is answered without the token, nothing is kept by a cache
on the way, and the page may load nothing that does not come from here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from ctresearch.page import desk
from ctresearch.page.desk import Desk, Told
from ctresearch.problems import Problem, ResearchError, refuse
from ctresearch.study import Study

WEB = Path(__file__).with_name("web")
NAMED = r"/ctresearch/api/interviews/([^/]+)"  # still quoted: desk.sit decides what is a name
Deed = Callable[..., Told]  # (asked: Work, *names) → what goes back
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
REFUSALS = {
    403: Problem(
        "this address",
        "the token of the server is missing or wrong",
        "Open the page again: ctresearch code, or the launcher of JupyterLab.",
    ),
    404: Problem("this address", "nothing is here", "Open the page again: ctresearch code."),
    500: Problem("the server", "it failed; its log tells why", "Try again, or start it anew."),
}


class Answer(APIHandler):
    """What every address of the page shares."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code: int, **_: Any) -> None:
        """Every refusal is told as a Problem."""
        self.finish(_problems([REFUSALS.get(status_code, REFUSALS[500])]))

    @web.authenticated
    async def get(self, *_: str) -> None:
        raise web.HTTPError(404)

    post = get


class Work(Answer):
    """An address where something is asked or sent.

    gets, posts   what is done there: given the study, the coder, what was sent, and the names in
                  the address; it tells what goes back
    """

    def initialize(self, gets: Deed | None = None, posts: Deed | None = None) -> None:
        self.gets, self.posts = gets, posts

    @web.authenticated
    async def get(self, *names: str) -> None:
        await self.answer(self.gets, names)

    @web.authenticated
    async def post(self, *names: str) -> None:
        await self.answer(self.posts, names)

    async def answer(self, deed: Deed | None, names: tuple[str, ...]) -> None:
        """Finish with what `deed` tells, done beside the server's own work; or what it refused."""
        if deed is None:
            raise web.HTTPError(404)
        try:
            told = await asyncio.to_thread(deed, self, *names)
            await self.finish(json.dumps(told, ensure_ascii=False, default=_plain))
        except ResearchError as error:
            self.set_status(400)
            await self.finish(_problems(error.problems))

    @property
    def study(self) -> Study:
        return desk.study_at(Path(self.settings["server_root_dir"]).expanduser())

    @property
    def coder(self) -> str:
        return self.get_argument("coder", "")

    @property
    def body(self) -> Told:
        """The JSON object that was sent."""
        try:
            found = json.loads(self.request.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            cure = "Open the page again; if it comes back, tell us."
            raise refuse("what was sent", "this is not a JSON object", cure)
        return found

    def desk(self, interview: str) -> Desk:
        return desk.sit(self.study, interview, self.coder)


class Page(Answer):
    """The page itself."""

    @property
    def content_security_policy(self) -> str:
        return POLICY

    @web.authenticated
    async def get(self, *_: str) -> None:
        self.xsrf_token  # noqa: B018 - reading it sets the cookie the page sends back
        html = (WEB / "page.html").read_text(encoding="utf-8")
        await self.finish(html, set_content_type="text/html; charset=utf-8")


class Files(JupyterHandler, web.StaticFileHandler):
    """Its modules and its style sheet."""

    def get_login_url(self) -> str:
        raise web.HTTPError(403)

    @web.authenticated
    async def get(  # type: ignore[override]  # what `authenticated` makes of it has no signature
        self, path: str, include_body: bool = True
    ) -> None:
        await web.StaticFileHandler.get(self, path, include_body)

    def set_extra_headers(self, _: str) -> None:
        self.set_header("Cache-Control", "no-cache")


def _grown(asked: Work, interview: str) -> Told:
    seen = asked.body.get("seen")
    marks = seen.items() if isinstance(seen, dict) else ()
    return desk.grown(asked.desk(interview), {by: str(mark) for by, mark in marks})


WORKS: dict[str, dict[str, Deed]] = {
    NAMED: {"gets": lambda asked, name: desk.opened(asked.desk(name)), "posts": _grown},
    f"{NAMED}/lines": {"posts": lambda asked, name: desk.write(asked.desk(name), asked.body)},
    f"{NAMED}/lock": {
        "posts": lambda asked, name: desk.set_lock(asked.desk(name), on=bool(asked.body.get("on")))
    },
    f"{NAMED}/comparison": {
        "gets": lambda asked, name: desk.comparison(asked.desk(name)),
        "posts": lambda asked, name: desk.settle(asked.desk(name), asked.body),
    },
    "/ctresearch/api/progress": {
        "gets": lambda asked: desk.progress(
            asked.study, asked.get_argument("country", ""), asked.coder
        )
    },
}


def add_routes(server: Any) -> None:
    """Give the page its addresses in a Jupyter server."""
    routes: list[Any] = [
        (r"/ctresearch/code/([^/]*)", Page),
        (r"/ctresearch/static/(.*)", Files, {"path": str(WEB)}),
        *((at, Work, deeds) for at, deeds in WORKS.items()),
        (r"/ctresearch(?:/.*)?", Answer),
    ]
    base = server.web_app.settings["base_url"]
    server.web_app.add_handlers(".*$", [(url_path_join(base, at), *of) for at, *of in routes])


def _plain(value: Any) -> Any:
    """Mappings that are no dict, and numbers that are numpy's, as JSON has them."""
    return dict(value) if isinstance(value, Mapping) else value.item()


def _problems(found: Any) -> str:
    return json.dumps({"problems": [vars(problem) for problem in found]}, ensure_ascii=False)
