"""The web server of the page: one in a process, for this machine alone unless told otherwise."""

import functools
import socket
import threading
import time

import uvicorn
from fastapi import FastAPI, Request, Response
from nicegui import ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from vae_keras.errors import UserError
from vae_keras.explore.explorer import Explorer
from vae_keras.explore.image_files import MOST_BYTES, TOO_LARGE
from vae_keras.explore.page import Page

LOCALHOST = "127.0.0.1"
MOST_POSTED = MOST_BYTES + 100_000  # with what a browser adds
CONTENT_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"


class Site:
    """The web server of this process, in a thread: NiceGUI can have one, and pages in it."""

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
        """A page for the model; returns its address."""
        self.pages += 1
        path = "/" if self.pages == 1 else f"/{self.pages}"

        @ui.page(path, title=explorer.name)
        def show():
            Page(explorer)

        return self.address + path

    def wait(self):
        """Serve until it is stopped or interrupted."""
        while self.thread.is_alive():
            self.thread.join(1)  # a join without an end could not be interrupted on Windows

    def stop(self):
        """End it. There can be no other in this process."""
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
    if host in ("0.0.0.0", "::"):  # all addresses: one that a browser can ask for
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _web_application(host: str) -> FastAPI:
    """NiceGUI, which refuses large uploads and loads nothing from elsewhere."""
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

    if host in (LOCALHOST, "localhost"):  # no other site may pretend to have this address
        application.add_middleware(TrustedHostMiddleware, allowed_hosts=[LOCALHOST, "localhost"])
    ui.run_with(application, favicon="🧭", tailwind=False, show_welcome_message=False)
    return application
