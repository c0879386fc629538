"""An OTLP receiver on loopback. What arrives is decoded by the official messages (opentelemetry-proto)."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def plain(value):
    """An attribute's value in Python."""
    kind = value.WhichOneof("value")
    return getattr(value, kind)


def attributes(carrier) -> dict:
    """The attributes of a span, a resource or a point."""
    return {pair.key: plain(pair.value) for pair in carrier.attributes}


class Listening:
    """A server on loopback. `respond` gets the path, the body and the headers of each request."""

    content_type = "application/json"

    def __init__(self) -> None:
        listening = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                told = listening.respond(self.path, body, {k.lower(): v for k, v in self.headers.items()})
                self.send_response(200)
                self.send_header("content-type", listening.content_type)
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def respond(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        """The body of the answer."""
        raise NotImplementedError

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()


ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "sim-small",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}  # fmt: skip


class Provider(Listening):
    """Answers every chat with the same words, and remembers the headers of each."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        super().__init__()

    def respond(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        """See `Listening`."""
        self.heard.append(headers)
        return json.dumps(ANSWER).encode()


class Collector(Listening):
    """Takes spans and metrics. `silent`: it takes connections and never answers."""

    content_type = "application/x-protobuf"

    def __init__(self, *, silent: bool = False) -> None:
        self.spans: list = []
        self.metrics: list = []
        self.resources: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []  # As they came, but unpacked.
        self.released = threading.Event()
        if not silent:
            self.released.set()
        super().__init__()

    def respond(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        """See `Listening`."""
        self.released.wait(60)
        self.headers.append(headers)
        self.bodies.append(gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body)
        self.take(path, self.bodies[-1])
        return b""

    def heard_of(self, request_id: str) -> bool:
        """Whether spans of this call came, and with them those of all that ended before it."""
        return any(request_id.encode() in body for body in list(self.bodies))

    def take(self, path: str, body: bytes) -> None:
        """One request."""
        if path == "/v1/traces":
            for of in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(attributes(of.resource))
                self.spans += [span for scope in of.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for of in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics += [metric for scope in of.scope_metrics for metric in scope.metrics]

    def close(self) -> None:
        """Answer nobody any more."""
        self.released.set()
        super().close()
