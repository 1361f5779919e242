"""Measures the page under load: many tabs at once, and a slider that is moved thousands of times.

    python benchmarks/page.py [--tabs N] [--moves N]

It needs Chromium, as the tests do. The server is a process of its own, whose memory is measured.
The table goes to benchmarks/results/page.md.
"""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
from playwright.sync_api import sync_playwright

from machine import RESULTS, megabytes, page
from vae_keras.files import write_text
from vae_keras.progress import progress

ROOT = Path(__file__).parents[1]
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BLOCK = 1_000  # moves between two looks at the memory
TURN = 50  # moves in one direction


def opened(browser, address):
    """A tab that shows the page and is connected to the server."""
    tab = browser.new_page()
    tab.set_default_timeout(120_000)
    tab.goto(address)
    tab.wait_for_function("window.did_handshake")
    return tab


def moved(tab, times: int) -> float:
    """Move the first slider to and fro by `times` keys; the seconds of one."""
    track = tab.get_by_role("slider").first.locator("[tabindex]")
    start = time.perf_counter()
    for move in range(times):
        track.press("ArrowRight" if move // TURN % 2 == 0 else "ArrowLeft")
    return (time.perf_counter() - start) / times


@click.command()
@click.option("--model", default="faces_vae", show_default=True)
@click.option("--tabs", default=50, show_default=True)
@click.option("--moves", default=10_000, show_default=True)
def main(model, tabs, moves):
    """Measure the page of one model."""
    command = [sys.executable, "-m", "vae_keras", "explore", model, "--no-browser"]
    lines = ["| what | seconds | memory of the server, MB |", "|---|---|---|"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server,
        sync_playwright() as engine,
    ):
        try:
            address = re.search(r"http://\S+", server.stdout.readline())[0]
            found = next(filter(None, map(shutil.which, CHROMIUM)), None)
            browser = engine.chromium.launch(executable_path=found)
            tab = opened(browser, address)
            lines.append(f"| one tab | | {megabytes(server.pid):.0f} |")
            start = time.perf_counter()
            others = [opened(browser, address) for _ in progress(range(tabs - 1), "tabs")]
            seconds = time.perf_counter() - start
            lines.append(f"| {tabs} tabs | {seconds:.1f} | {megabytes(server.pid):.0f} |")
            for other in others:
                other.close()
            for block in progress(range(0, moves, BLOCK), "moves"):
                each = moved(tab, BLOCK)
                lines.append(
                    f"| {block + BLOCK:,} moves | {each:.4f} each | {megabytes(server.pid):.0f} |"
                )
            browser.close()
        finally:
            server.kill()
    text = f"`python benchmarks/page.py`: `{model}`, in one Chromium on the machine of the server."
    write_text(RESULTS / "page.md", page("The page under load", text, lines))


if __name__ == "__main__":
    main()
