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
from collections.abc import Callable
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

    def study(self) -> Study:
        return desk.study_at(Path(self.settings["server_root_dir"]).expanduser())

    def coder(self) -> str:
        return self.get_argument("coder", "")

    def desk(self, interview: str) -> Desk:
        return desk.sit(self.study(), interview, self.coder())

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

    async def answer(self, work: Callable[[], Told]) -> None:
        """Finish with what `work` tells, done beside the server's own work; or what it refused."""
        try:
            await self.finish(desk.as_json(await asyncio.to_thread(work)))
        except ResearchError as error:
            self.set_status(400)
            await self.finish(_problems(error.problems))


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


class Interview(Answer):
    """GET: all to begin with. POST {"seen": …}: what has come since; nothing is written."""

    @web.authenticated
    async def get(self, interview: str) -> None:
        await self.answer(lambda: desk.opened(self.desk(interview)))

    @web.authenticated
    async def post(self, interview: str) -> None:
        await self.answer(lambda: desk.grown(self.desk(interview), self.seen()))

    def seen(self) -> dict[str, str]:
        found = self.body().get("seen")
        return {k: str(v) for k, v in found.items()} if isinstance(found, dict) else {}


class Lines(Answer):
    @web.authenticated
    async def post(self, interview: str) -> None:
        await self.answer(lambda: desk.write(self.desk(interview), self.body()))


class Lock(Answer):
    @web.authenticated
    async def post(self, interview: str) -> None:
        await self.answer(
            lambda: desk.set_lock(self.desk(interview), on=bool(self.body().get("on")))
        )


class Comparison(Answer):
    @web.authenticated
    async def get(self, interview: str) -> None:
        await self.answer(lambda: desk.comparison(self.desk(interview)))

    @web.authenticated
    async def post(self, interview: str) -> None:
        await self.answer(lambda: desk.settle(self.desk(interview), self.body()))


class Progress(Answer):
    @web.authenticated
    async def get(self) -> None:
        key = self.get_argument("country", "")
        await self.answer(lambda: desk.progress(self.study(), key, self.coder()))


class Nothing(Answer):
    """Any other address."""

    @web.authenticated
    async def get(self) -> None:
        raise web.HTTPError(404)

    post = get


def add_routes(server: Any) -> None:
    """Give the page its addresses in a Jupyter server."""
    routes: list[Any] = [
        (r"/ctresearch/code/([^/]*)", Page),
        (r"/ctresearch/static/(.*)", Files, {"path": str(WEB)}),
        (NAMED, Interview),
        (f"{NAMED}/lines", Lines),
        (f"{NAMED}/lock", Lock),
        (f"{NAMED}/comparison", Comparison),
        (r"/ctresearch/api/progress", Progress),
        (r"/ctresearch(?:/.*)?", Nothing),
    ]
    base = server.web_app.settings["base_url"]
    server.web_app.add_handlers(".*$", [(url_path_join(base, at), *of) for at, *of in routes])


def _problems(found: Any) -> str:
    return json.dumps({"problems": [vars(problem) for problem in found]}, ensure_ascii=False)
