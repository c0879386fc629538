"""A training job as its own program sees it. The standard library alone: this file may be copied to where jobs run.

with job("http://127.0.0.1:4001", key, model="llama-7b", job_type="finetune", gpu_type="H100", gpus=8) as running:
    for step, batch in enumerate(data):
        train(batch)
        running.progress(steps=step + 1, tokens=(step + 1) * batch.tokens)
        if running.stop:
            save()
            break
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

TIMEOUT_S = 30.0
CONFLICT = 409
APPROVED_EVERY_S = 10.0
"""How often it is asked whether an admin has said yes."""


class Refused(Exception):
    """The gateway says no. `status` is that of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Running:
    """A job that runs. Its heartbeats come from a thread of their own until it is over."""

    def __init__(self, url: str, key: str, told: dict[str, Any]) -> None:
        self._url = f"{url.rstrip('/')}/admin/v1/training-jobs/{told['id']}"
        self._key = key
        self._said: dict[str, float] = {}
        self._over = threading.Event()
        self.told = told  # What the gateway said last.
        self._thread = threading.Thread(target=self._beat, name="training-heartbeat", daemon=True)

    @property
    def stop(self) -> bool:
        """Whether it is to save what it has and end. `told["reason"]` says why."""
        return bool(self.told["stop"])

    def progress(self, **said: float) -> None:
        """How much is trained since it began: `steps`, `tokens`, `flops`. Told with the next heartbeat."""
        self._said = {**self._said, **said}

    def heartbeat(self) -> None:
        """Tell it now. Raises Refused, and OSError where the gateway cannot be reached."""
        self.told = ask(f"{self._url}/heartbeat", self._key, self._said)

    def begin(self) -> None:
        """Wait until it may run, and let it be heard of from then on. Raises Refused where an admin says no."""
        while self.told["state"] == "waiting for approval":
            time.sleep(min(APPROVED_EVERY_S, self.told["heartbeat_s"]))
            self.told = ask(self._url, self._key)
        self.heartbeat()
        self._thread.start()

    def end(self, outcome: str) -> None:
        """It is done, or failed. One that the gateway has closed already stays as it is."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self.told = ask(f"{self._url}/end", self._key, {**self._said, "outcome": outcome})
        except Refused as refused:
            if refused.status != CONFLICT:
                raise

    def _beat(self) -> None:
        while not self._over.wait(self.told["heartbeat_s"]):
            try:
                self.heartbeat()
            except Refused as refused:
                if refused.status == CONFLICT:  # Its books are closed: what it uses now, nobody pays for.
                    self.told = {**self.told, "stop": True, "reason": str(refused)}
            except OSError:
                pass  # The gateway may be starting: the next one will do.


@contextmanager
def job(url: str, key: str, **said: Any) -> Iterator[Running]:
    """Start a job at the admin API of this URL, as `POST /admin/v1/training-jobs` takes it. It is over when the block
    is left: done, or failed where that is by an exception. Raises Refused, and OSError."""
    running = Running(url, key, ask(f"{url.rstrip('/')}/admin/v1/training-jobs", key, said))
    running.begin()
    try:
        yield running
    except BaseException:
        with suppress(OSError, Refused):  # What went wrong with the job is what counts.
            running.end("failed")
        raise
    running.end("done")


def ask(url: str, key: str, said: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the admin API answers; a POST where anything is said. Raises Refused, and OSError."""
    body = None if said is None else json.dumps(said).encode()
    request = urllib.request.Request(url, body, {"Authorization": f"Bearer {key}"})  # noqa: S310 - of the operator
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the same
            return dict(json.loads(answer.read()))
    except urllib.error.HTTPError as error:
        raise Refused(error.code, _reason(error.read)) from None


def _reason(read: Callable[[], bytes]) -> str:
    try:
        error = json.loads(read())["error"]
        return f"{error['param']}: {error['message']}" if error["param"] else str(error["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return "The gateway refuses, and does not say why."
