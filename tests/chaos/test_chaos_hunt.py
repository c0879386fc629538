"""The hunt finds what is there, or the rows show nothing."""

import base64
import gzip
from contextlib import closing
from urllib.parse import quote

import pytest
from collector import Collector
from hunt import Hunt
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

WORD = b"a+secret/of=27 letters,here"


@pytest.mark.parametrize(
    "said",
    [
        WORD,
        WORD.hex().encode(),
        WORD.hex().upper().encode(),
        WORD[::-1],
        quote(WORD).encode(),
        WORD.decode().encode("utf-16-le"),
        *(base64.b64encode(b"x" * before + WORD + b"yz") for before in range(4)),
        *(base64.urlsafe_b64encode(b"x" * before + WORD) for before in range(4)),
        gzip.compress(b"before " + WORD),
        b"before" + gzip.compress(WORD) + b"after",
    ],
)
def test_what_is_there_is_found_in_every_disguise(said):
    hunt = Hunt({"it": WORD, "another": "which is not there"})
    hunt.look("here", b"before " + said + b" after")
    assert hunt.hits == {("here", "it")}
    assert hunt.places == 1


def test_what_is_not_there_is_not_found(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(WORD[:-1])
    (tmp_path / "below" / "own").write_bytes(WORD)
    hunt = Hunt({"it": WORD})
    hunt.look_below(tmp_path, besides=["own"])
    assert (hunt.hits, hunt.places) == (set(), 1)
    hunt.look_below(tmp_path)
    assert hunt.hits == {("below/own", "it")}


def test_what_a_span_tells_a_collector_is_found():
    """A secret in an attribute, and one in what an error says, as they come over the wire."""
    with closing(Collector()) as collector:
        provider = TracerProvider()
        exporter = OTLPSpanExporter(f"{collector.url}/v1/traces", compression=Compression.Gzip)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("x")
        tracer.start_span("a", attributes={"user": f"of {WORD.decode()}"}).end()
        failed = tracer.start_span("b")
        failed.set_status(Status(StatusCode.ERROR, "another-that-is-there"))
        failed.end()
        provider.shutdown()
        hunt = Hunt({"it": WORD, "error": "another-that-is-there", "none": "which is not there"})
        for body in collector.bodies:
            hunt.look("spans", body)
    assert hunt.hits == {("spans", "it"), ("spans", "error")}
