"""A provider that keeps files and runs batches, as OpenAI and Anthropic do: a batch ends when the test says so."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "key-of-the-provider"

_CHOICES = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}


def lines(*texts, cap=100, model="gpt-4o-mini", url="/v1/chat/completions", method="POST", **body) -> bytes:
    """A file of chat completions, one for each text."""
    return b"".join(
        json.dumps(
            {
                "custom_id": f"call-{number}",
                "method": method,
                "url": url,
                "body": {"model": model, "max_tokens": cap, "messages": [{"role": "user", "content": text}]} | body,
            }
        ).encode()
        + b"\n"
        for number, text in enumerate(texts)
    )


class BatchProvider:
    """Every call of a batch comes to what `usage` says, in the way of its own provider."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, tuple[dict, bytes]] = {}
        self.batches: dict[str, dict] = {}
        self.results: dict[str, bytes] = {}  # Anthropic's, by batch.
        self.asked: list[str] = []  # Methods and paths.
        self.usage = {"given": 11, "made": 7}
        self.refuses: tuple[int, bytes] | None = None  # What to answer to a new batch.
        self.calls: list[dict] = []  # Ordinary ones.
        self.says: dict[str, list[int]] = {}
        self.answers = threading.Event()  # Cleared, ordinary calls hang.
        self.answers.set()
        self.takes = threading.Event()  # Cleared, files that are sent hang.
        self.takes.set()
        self.loses = False  # Whether it takes a new batch and says nothing.
        self._numbers = itertools.count(1)

    def end(self, name: str, status: str = "completed", answered: int | None = None) -> None:
        """All calls are done, or so many of them; the others failed."""
        batch = self.batches[name]
        if name.startswith("msgbatch_"):
            self._end_anthropic(name, batch, answered)
        else:
            self._end_openai(batch, status, answered)

    def answer(self, method: str, path: str, content_type: str, body: bytes) -> tuple[int, bytes, str]:
        """Status, body and type."""
        self.asked.append(f"{method} {path}")
        parts = path.split("/")[2:]  # Without "" and v1.
        if parts in (["chat", "completions"], ["messages"]):
            return self._at_once(parts, json.loads(body))
        answer = (self._of_files if parts[0] == "files" else self._of_batches)(method, parts, content_type, body)
        return answer or (404, b'{"error":{"message":"not there","type":"invalid_request_error"}}', "application/json")

    def _at_once(self, parts: list[str], asked: dict) -> tuple[int, bytes, str]:
        """An ordinary call. `says`: statuses to answer with first, by the tier that is asked for."""
        tier = asked.get("service_tier", "default")
        self.calls.append(asked)
        self.answers.wait()
        if waiting := self.says.get(tier):
            return waiting.pop(0), b'{"error":{"message":"not now","type":"server_error"}}', "application/json"
        if parts == ["messages"]:
            return self._json(_message({"custom_id": "", "params": asked}, self.usage)["result"]["message"])
        given, made = self.usage["given"], self.usage["made"]
        usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
        return self._json(
            {"id": "chatcmpl-1", "model": asked["model"], "service_tier": tier, "usage": usage} | _CHOICES
        )

    def _of_files(self, method: str, parts: list[str], content_type: str, body: bytes) -> tuple | None:
        match (method, *parts):
            case ("POST", "files"):
                self.takes.wait()
                return self._json(self._upload(content_type, body))
            case ("GET", "files", name, "content") if name in self.files:
                return 200, self.files[name][1], "application/octet-stream"
            case ("GET", "files", name) if name in self.files:
                return self._json(self.files[name][0])
            case ("DELETE", "files", name) if name in self.files:
                del self.files[name]
                return self._json({"id": name, "object": "file", "deleted": True})
        return None

    def _of_batches(self, method: str, parts: list[str], _: str, body: bytes) -> tuple | None:
        match (method, *parts):
            case ("POST", "batches") | ("POST", "messages", "batches"):
                return self._make(parts[0] == "batches", json.loads(body))
            case ("GET", "messages", "batches", name, "results") if name in self.results:
                return 200, self.results[name], "application/x-jsonl"
            case ("GET", *_, name) if name in self.batches:
                return self._json(self.batches[name])
            case ("POST", *_, name, "cancel") if name in self.batches:
                batch = self.batches[name]
                batch["status" if "status" in batch else "processing_status"] = "cancelling"
                return self._json(batch)
            case ("DELETE", "messages", "batches", name) if name in self.batches:
                del self.batches[name]
                return self._json({"id": name, "type": "message_batch_deleted"})
        return None

    def _make(self, of_openai: bool, asked: dict) -> tuple:
        if self.refuses is not None:
            return *self.refuses, "application/json"
        made = self._make_openai(asked) if of_openai else self._make_anthropic(asked)
        return (0, b"", "") if self.loses else self._json(made)

    def _json(self, value: object) -> tuple[int, bytes, str]:
        return 200, json.dumps(value).encode(), "application/json"

    def _upload(self, content_type: str, body: bytes) -> dict:
        form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}
        purpose = parts["purpose"].get_payload(decode=True).decode().strip()
        return self._file(parts["file"].get_payload(decode=True), purpose, parts["file"].get_filename())

    def _file(self, content: bytes, purpose: str, filename: str) -> dict:
        name = f"file-{next(self._numbers)}"
        told = {"id": name, "object": "file", "bytes": len(content), "created_at": 1, "filename": filename}
        self.files[name] = (told | {"purpose": purpose, "status": "processed"}, content)
        return self.files[name][0]

    def _make_openai(self, asked: dict) -> dict:
        name = f"batch_{next(self._numbers)}"
        self.batches[name] = {
            "id": name,
            "object": "batch",
            "status": "in_progress",
            "created_at": 1,
            "output_file_id": None,
            "error_file_id": None,
        } | asked
        return self.batches[name]

    def _end_openai(self, batch: dict, status: str, answered: int | None) -> None:
        calls = [json.loads(line) for line in self.files[batch["input_file_id"]][1].splitlines() if line.strip()]
        answered = len(calls) if answered is None else answered
        given, made = self.usage["given"], self.usage["made"]
        usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
        good = [
            {
                "custom_id": call["custom_id"],
                "error": None,
                "response": {"status_code": 200, "body": {"model": call["body"]["model"], "usage": usage} | _CHOICES},
            }
            for call in calls[:answered]
        ]
        bad = [{"custom_id": c["custom_id"], "response": None, "error": {"code": status}} for c in calls[answered:]]
        if good:
            batch["output_file_id"] = self._file(_lines(good), "batch_output", "output.jsonl")["id"]
        if bad:
            batch["error_file_id"] = self._file(_lines(bad), "batch_output", "errors.jsonl")["id"]
        batch["request_counts"] = {"total": len(calls), "completed": len(good), "failed": len(bad)}
        batch["status"] = status

    def _make_anthropic(self, asked: dict) -> dict:
        name = f"msgbatch_{next(self._numbers)}"
        counts = {"processing": len(asked["requests"]), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        self.batches[name] = {
            "id": name,
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": counts,
            "created_at": "2026-11-21T10:00:00Z",
            "expires_at": "2026-11-22T10:00:00Z",
            "results_url": None,
        }
        self.results[f"{name} asked"] = json.dumps(asked).encode()
        return self.batches[name]

    def asked_for(self, name: str) -> dict:
        """The request that made one of Anthropic's."""
        return json.loads(self.results[f"{name} asked"])

    def _end_anthropic(self, name: str, batch: dict, answered: int | None) -> None:
        requests = self.asked_for(name)["requests"]
        answered = len(requests) if answered is None else answered
        lines = [_message(request, self.usage) for request in requests[:answered]]
        lines += [{"custom_id": r["custom_id"], "result": {"type": "expired"}} for r in requests[answered:]]
        self.results[name] = _lines(lines)
        batch["processing_status"] = "ended"
        batch["ended_at"] = "2026-11-21T11:00:00Z"
        batch["results_url"] = f"https://api.anthropic.com/v1/messages/batches/{name}/results"
        batch["request_counts"] |= {"processing": 0, "succeeded": answered, "expired": len(requests) - answered}


def _message(request: dict, usage: dict) -> dict:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": request["params"]["model"],
        "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": usage["given"], "output_tokens": usage["made"], "service_tier": "batch"},
    }
    return {"custom_id": request["custom_id"], "result": {"type": "succeeded", "message": message}}


def _lines(values: list) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


@contextmanager
def batch_provider() -> Iterator[BatchProvider]:
    """One that listens while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            shown = self.headers.get("x-api-key") or self.headers.get("Authorization", "").removeprefix("Bearer ")
            assert shown == KEY, "the caller's key stays behind"
            status, told, kind = known.answer(self.command, self.path, self.headers.get("Content-Type", ""), body)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("x-region", "Zürich")  # In Latin-1, which is no UTF-8.
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = BatchProvider(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
