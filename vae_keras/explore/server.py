"""The web server of the page. By default only this machine can reach it."""

import functools
import socket
import threading
import time
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, Request, Response
from nicegui import ui
from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware

from vae_keras.errors import UserError
from vae_keras.explore.explorer import Explorer
from vae_keras.explore.image_files import MOST_BYTES, TOO_LARGE
from vae_keras.explore.page import Page

LOCALHOST = "127.0.0.1"
MOST_POSTED = MOST_BYTES + 100_000  # bytes of an upload with what a browser adds to it
CONTENT_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"


class Site:
    """The web server of this process, which runs in a thread and serves a page for each model.

    NiceGUI allows one server in a process, so `site_at` keeps it. With `port` 0 a free port is
    used. Raises UserError if `host` and `port` are not free.
    """

    def __init__(self, host: str, port: int):
        self.socket = _listen(host, port)
        self.address = f"http://{_in_url(host)}:{self.socket.getsockname()[1]}"
        self.pages = 0
        options = dict(log_level="warning", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(uvicorn.Config(_web_application(host), **options))
        self.thread = threading.Thread(target=self.server.run, args=[[self.socket]], daemon=True)
        self.thread.start()
        while not self.server.started:
            if not self.thread.is_alive():
                raise RuntimeError("the web server has not started")
            time.sleep(0.02)

    def add(self, explorer: Explorer) -> str:
        """Add a page for the model of `explorer`, and return its address."""
        self.pages += 1
        path = "/" if self.pages == 1 else f"/{self.pages}"

        @ui.page(path, title=explorer.name)
        def show():
            Page(explorer)

        return self.address + path

    def wait(self):
        """Wait until the server stops. Raises KeyboardInterrupt if the user interrupts it."""
        while self.thread.is_alive():
            self.thread.join(1)  # on Windows, a join without a limit could not be interrupted

    def stop(self):
        """Stop the server. This process cannot start another one."""
        self.server.should_exit = True
        self.thread.join()


site_at = functools.cache(Site)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror.partition(" (")[0]  # Python adds the address that it tried
        what = f"--host {host} --port {port}" if port else f"--host {host}"
        raise UserError(f"{what} cannot be had ({reason}): choose another") from error


def _in_url(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # these mean all addresses; a browser needs a single one
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _web_application(host: str) -> FastAPI:
    """NiceGUI as a web application that refuses large uploads and loads nothing from elsewhere."""
    application = FastAPI(openapi_url=None)

    @application.middleware("http")
    async def guard(request: Request, go_on):
        size = request.headers.get("content-length", "")
        if request.method == "POST" and not (size.isdecimal() and int(size) <= MOST_POSTED):
            return Response(TOO_LARGE, status_code=413)
        response = await go_on(request)
        own_socket = f"ws://{request.headers.get('host', '')}"
        response.headers["Content-Security-Policy"] = f"{CONTENT_POLICY} {own_socket}"
        return response

    if host in (LOCALHOST, "localhost"):
        application.add_middleware(OwnPages)
        application.add_middleware(  # against DNS rebinding
            TrustedHostMiddleware, allowed_hosts=[LOCALHOST, "localhost"]
        )
    ui.run_with(application, favicon="🧭", tailwind=False, show_welcome_message=False)
    return application


class OwnPages:
    """Refuses what pages of other sites ask for: a browser says from which site a request comes."""

    def __init__(self, application):
        self.application = application

    async def __call__(self, scope, receive, send):
        headers = Headers(scope=scope) if scope["type"] in ("http", "websocket") else {}
        site = urlsplit(headers.get("origin", "")).netloc
        if site in ("", headers.get("host")):
            await self.application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # not accepted yet, so it is refused
        else:
            await Response(f"refused: {site} is another site", 403)(scope, receive, send)
