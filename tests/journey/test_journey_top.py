"""`fareway top` in a real terminal, beside a gateway that carries calls, goes away, and comes back."""

import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from contextlib import contextmanager

import harness
from road import eventually, said

SEQUENCE = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")


class Terminal:
    """What a command draws."""

    def __init__(self, master, process):
        self.master, self.process, self.drawn = master, process, ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        try:
            while chunk := os.read(self.master, 65536):
                self.drawn += chunk.decode(errors="replace")
        except OSError:  # The command has ended.
            pass

    @property
    def frames(self):
        """Whole ones, oldest first, each as lines without sequences."""
        return [SEQUENCE.sub("", frame).splitlines() for frame in self.drawn.split("\x1b[H")[1:-1]]

    def shows(self, wanted, since=0):
        """Wait until a frame after the first `since` has it, and return it."""
        eventually(lambda: any(wanted in "\n".join(frame) for frame in self.frames[since:]))
        return next(frame for frame in self.frames[since:] if wanted in "\n".join(frame))

    def resize(self, columns, rows=24):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def end(self, number=signal.SIGINT):
        """How it ends when it is told to."""
        self.process.send_signal(number)
        status = self.process.wait(timeout=30)
        self._reader.join(timeout=30)
        return status


@contextmanager
def top(url, key, columns=100, **env):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS", "LINES"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "top", "--gateway", url, "--every", "0.2"],
        env=environ | {"PYTHONPATH": str(harness.ROOT), "FAREWAY_KEY": key, "TERM": "xterm"} | env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    terminal = Terminal(master, process)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def chat(url, key):
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        client.chat.completions.create(model="sim-small", messages=said("Hello!"), max_tokens=20)


def test_it_watches_a_gateway_through_its_lives(tmp_path):
    sim = harness.simulator(tmp_path / "sim")
    port = free_port()
    admin_url = f"http://127.0.0.1:{port}"
    config = (
        f"providers:\n  sim: {{base_url: {sim.url}/v1}}\nlimits:\n  - {{node: all, amount: 5 usd, window: month}}\n"
    )
    gate = harness.gateway(tmp_path / "gate", config, "--admin-port", str(port))
    admin, first = gate.tokens
    try:
        with top(admin_url, admin) as terminal:
            terminal.shows("calls  0/min")
            chat(gate.url, first)
            frame = terminal.shows("calls  1/min")
            assert any(line.startswith("all month") for line in frame)
            terminal.shows("LAST CALLS")

            terminal.resize(40)
            drawn = len(terminal.frames)
            eventually(lambda: len(terminal.frames) > drawn + 1)
            assert max(map(len, terminal.frames[-1])) <= 40

            gate.stop()
            terminal.shows("no answer")
            drawn = len(terminal.frames)
            gate = harness.gateway(tmp_path / "gate", config, "--admin-port", str(port))
            eventually(lambda: "no answer" not in "\n".join(terminal.frames[-1]) and len(terminal.frames) > drawn)
            assert "\x1b[1m" in terminal.drawn
            assert terminal.end() == 0
            assert terminal.drawn.endswith("\x1b[?25h\x1b[?1049l")

        with top(admin_url, admin, NO_COLOR="1") as terminal:
            terminal.shows("BUDGETS")
            assert not re.search(r"\x1b\[\d+m", terminal.drawn)
            assert terminal.end(signal.SIGTERM) == 0

        with top(admin_url, "fw-nobody") as terminal:
            assert terminal.process.wait(timeout=30) == 4

        piped = subprocess.run(
            [sys.executable, "-m", "gateway", "top", "--gateway", admin_url],
            env=os.environ | {"PYTHONPATH": str(harness.ROOT), "FAREWAY_KEY": admin, "COLUMNS": "60"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert piped.stdout.startswith("fareway top")
        assert "\x1b" not in piped.stdout
    finally:
        gate.stop()
        sim.stop()
