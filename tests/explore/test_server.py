"""The web server, from a notebook and from the command line."""

import functools
import http.client
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from urllib.parse import urlsplit

import nbclient
import nbformat
import pytest
from jupyter_client.provisioning import local_provisioner

from tests.explore.samples import ROOT
from tests.processes import FORKS, Kernel
from vae_keras import UserError
from vae_keras.explore.server import Site


def ask(address, method="GET", path="/", body=None, **headers) -> int:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request(method, path, body, headers)
    return connection.getresponse().status


@pytest.mark.slow
def test_a_notebook_shows_the_page_below_the_cell(monkeypatch):
    if FORKS:
        monkeypatch.setattr(local_provisioner, "launch_kernel", Kernel)
    cell = nbformat.v4.new_code_cell(
        'from vae_keras.explore import explore\nexplore("digits_vae", height=700)'
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    place = {"metadata": {"path": ROOT}}
    client = nbclient.NotebookClient(notebook, timeout=300, resources=place)
    with client.setup_kernel():
        client.execute_cell(cell, 0)
        (output,) = cell.outputs  # nothing on standard error
        frame = r'<iframe src="(http://127\.0\.0\.1:\d+/)" style=".*height: 700px.*"></iframe>'
        address = re.fullmatch(frame, output.data["text/html"])[1]
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert b"<title>digits_vae</title>" in answer.read()


def test_the_server_listens_on_this_machine_alone(address):
    port = urlsplit(address).port
    socket.create_connection(("127.0.0.1", port), timeout=10).close()
    others = {"127.0.0.2", *socket.gethostbyname_ex(socket.gethostname())[2]} - {"127.0.0.1"}
    for other in others:
        with pytest.raises(OSError):
            socket.create_connection((other, port), timeout=3).close()


def test_another_site_that_points_here_is_refused(address):
    assert ask(address, Host="evil.example") == 400


def test_a_page_of_another_site_gets_neither_an_answer_nor_a_socket(address):
    host = urlsplit(address).netloc
    socket = dict(
        Upgrade="websocket",
        Connection="Upgrade",
        **{"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="},
    )
    path = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    for site, page, ws in (("http://evil.example", 403, 403), (f"http://{host}", 200, 101)):
        assert ask(address, Origin=site) == page
        assert ask(address, path=path, Origin=site, **socket) == ws


def test_large_uploads_are_refused_before_they_are_read(address):
    assert ask(address, "POST", body=bytes(11 * 2**20)) == 413
    endless = (bytes(1_000) for _ in range(3))
    assert ask(address, "POST", body=endless) == 413  # sent in chunks, without a length


def test_a_port_that_is_taken_is_named(address):
    port = urlsplit(address).port
    with pytest.raises(UserError, match=rf"--port {port} cannot be had \(Address already in use\)"):
        Site("127.0.0.1", port)
    with pytest.raises(UserError, match=r"--host no\.such\.host cannot be had"):
        Site("no.such.host", 0)


@pytest.mark.slow
def test_serving_ends_without_a_word_when_it_is_interrupted():
    command = [sys.executable, "-m", "vae_keras", "explore", "digits_vae", "--no-browser"]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # What runs in the background of a shell has its interrupts ignored, and hands that on.
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, cwd=ROOT, preexec_fn=heard, **pipes) as process:
        try:
            line = process.stdout.readline()
            address = re.fullmatch(r"digits_vae: (http://127\.0\.0\.1:\d+/) .*\n", line)[1]
            assert ask(address) == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 0
            assert (process.stdout.read(), process.stderr.read()) == ("", "")
        finally:
            process.kill()
