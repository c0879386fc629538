"""A real PostgreSQL server on a free port of loopback, which must not be run by root: then `postgres` runs it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg

FOLDER = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), default=None)
INITDB = shutil.which("initdb", path=FOLDER) or shutil.which("initdb")
USER = "postgres" if os.geteuid() == 0 else None
PASSWORD = "p-hush-hush/:@"
QUOTED = "p-hush-hush%2F%3A%40"
OPTIONS = ("fsync=off", "shared_buffers=16MB", "max_connections=60", "autovacuum=off", "unix_socket_directories=")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PostgresServer:
    """`start` and `stop` may alternate. `close` forgets all."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fareway-postgres-"))
        self.data, self.port = self.folder / "data", free_port()
        self.made, self.known = 0, set()
        (self.folder / "password").write_text(PASSWORD)
        if USER:
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, USER)
        self._run(INITDB, "-A", "scram-sha-256", "-U", "fareway", "-N", "-E", "UTF8", "--locale=C.UTF-8",
                  "--pwfile", self.folder / "password", "-D", self.data)  # fmt: skip

    def _run(self, *words) -> None:
        done = subprocess.run(
            [*map(str, words)], user=USER, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> PostgresServer:
        words = [str(Path(INITDB).with_name("postgres")), "-D", str(self.data), "-p", str(self.port), "-h", "127.0.0.1"]
        words += [word for option in OPTIONS for word in ("-c", option)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, user=USER, cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "postgres does not answer"
            time.sleep(0.05)
        return self

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    def url(self, database: str) -> str:
        return f"postgresql://fareway:{QUOTED}@127.0.0.1:{self.port}/{database}"

    def say(self, statement: str, database: str = "postgres") -> list[tuple]:
        """One statement, and what it gives."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def database(self, template: str = "template0", options: str = "") -> str:
        """The name of a new one."""
        self.made += 1
        self.say(f"CREATE DATABASE d{self.made} TEMPLATE {template} {options}")
        return f"d{self.made}"

    def _tree(self) -> list[int]:
        """The server and its children, each of which is one connection or has a task of its own."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def freeze(self) -> None:
        for pid in self._tree():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._tree():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """At once, as when its machine is switched off."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.thaw()
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
