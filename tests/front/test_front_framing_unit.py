"""Where one request ends and the next begins, without a network: one reading, whatever the cuts, or none."""

import pytest
from inside import GET, POST, Transport

from gateway.front.framing import HEAD_BYTES_MAX, Framing
from gateway.front.head import FIELD_BYTES_MAX, FIELDS_MAX, NotHttp

CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
OFFER = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"


class Reader(Framing):
    """And what it has found."""

    def __init__(self):
        self.found = []
        super().__init__(Transport(), self.found.append)

    @property
    def read(self):
        return [(e.method, e.path, b"".join(e._parts), e.received) for e in self.found]


def read(*parts):
    reader = Reader()
    for part in parts:
        reader.feed(part)
    return reader


def one(*parts):
    (exchange,) = read(*parts).found
    return exchange


def refused(raw):
    reader = Reader()
    with pytest.raises(NotHttp):
        reader.feed(raw)
    return reader


@pytest.mark.parametrize(
    "line",
    [
        b"GET /a",
        b"GET /a HTTP/0.9",
        b"GET /a HTTP/2.0",
        b"GET /a HTTP/1.2",
        b"CONNECT x:1 HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
    ],
)
def test_other_versions_and_forms_are_refused(line):
    assert not refused(line + b"\r\nHost: x\r\n\r\n").found


@pytest.mark.parametrize(
    "coding", [b"gzip, chunked", b",chunked", b"chunked, chunked", b"gzip", b"", b"chun\xe2\x84\xaaed"]
)
@pytest.mark.parametrize("offer", [b"", OFFER])
def test_a_coding_that_we_do_not_take_off_is_refused(coding, offer):
    assert not refused(POST + offer + b"Transfer-Encoding: %b\r\n\r\n5\r\nhello\r\n0\r\n\r\n" % coding).found


def test_two_codings_in_two_lines_are_refused():
    assert not refused(POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").found


@pytest.mark.parametrize("line", [b"", b"Connection: keep-alive\r\n", b"Content-Length: 5\r\n"])
def test_chunks_in_http_1_0_are_refused(line):
    """Whoever stands between may not know them, and would take the next request for a body."""
    assert not refused(b"POST /a HTTP/1.0\r\n" + line + CHUNKED + b"0\r\n\r\n").found


def test_a_length_of_thousands_of_digits_is_refused():
    assert not refused(POST + b"Content-Length: %b5\r\n\r\nhello" % (b"0" * 5000)).found


def test_http_1_0_is_kept_open_only_if_it_asks():
    assert not one(b"GET /a HTTP/1.0\r\n\r\n").keep_alive
    assert one(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive
    assert one(GET).keep_alive


@pytest.mark.parametrize("noise", [b"\r\n", b"\r\n\r\n"])
def test_empty_lines_before_a_request_are_no_harm(noise):
    assert read(noise + GET + noise + GET).read == [("GET", "/a", b"", True)] * 2


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"\r\n", b""),
        (b"Content-Length: 0\r\n\r\n", b""),
        (b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (CHUNKED + b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nx-sum: 1\r\n\r\n", b"hello"),
    ],
)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_the_body_behind_an_offer_is_a_body_and_what_follows_a_request(framing, body, version):
    if version == b"1.0" and framing.startswith(CHUNKED):
        return
    raw = (POST + OFFER + framing).replace(b"1.1", version)
    wanted = [("POST", "/a", body, True), ("GET", "/a", b"", True)]
    assert read(raw + GET).read == wanted
    assert read(*[bytes([byte]) for byte in raw + GET]).read == wanted
    assert read(raw + GET, raw + GET).read == wanted * 2


def test_an_offer_with_as_many_fields_as_may_be_is_declined():
    fields = b"".join(b"x-%d: 1\r\n" % n for n in range(FIELDS_MAX - 4))
    assert one(POST + OFFER + fields + b"Content-Length: 5\r\n\r\nhello").received


def test_an_offer_with_a_target_as_long_as_may_be_is_declined():
    target = b"/" + b"x" * (FIELD_BYTES_MAX - 1)
    assert one(b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (target, OFFER)).path == target.decode()


def test_an_offer_in_a_trailer_is_none():
    assert len(read(POST + CHUNKED + b"0\r\n" + OFFER + b"\r\n" + GET).found) == 2


@pytest.mark.parametrize("trailer", [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Content-Length: 5\r\nx: y"])
def test_a_trailer_says_nothing_of_framing(trailer):
    reader = refused(POST + CHUNKED + b"0\r\n" + trailer + b"\r\n\r\nhello" + GET)
    assert len(reader.found) == 1
    assert not reader.found[0].received


@pytest.mark.parametrize(
    "start",
    [b"GET /", b"GET /a HTTP/1.1\r\nx: ", b"GET /a HTTP/1.1\r\n", b"\r\n", POST + OFFER + b"x: "],
)
def test_a_head_without_an_end_is_refused(start):
    assert endless(Reader(), start, b"\r\n" if start == b"\r\n" else b"x")


@pytest.mark.parametrize("start", [b"0\r\nx: ", b"0\r\n", b"5;", b"5\r\nhello\r\n5;a="])
@pytest.mark.parametrize("offer", [b"", OFFER])
def test_trailers_and_extensions_without_an_end_are_refused(start, offer):
    """All of one trailer is in memory, and would be copied for every segment."""
    assert endless(read(POST + offer + CHUNKED), start, b"x")


def endless(reader, start, more):
    reader.feed(start)
    for _ in range(2 * HEAD_BYTES_MAX // 1024):
        try:
            reader.feed(more * (1024 // len(more)))
        except NotHttp:
            return True
    return False


def test_thousands_of_trailers_are_refused():
    assert not refused(POST + CHUNKED + b"0\r\n" + b"x: y\r\n" * (FIELDS_MAX + 1) + b"\r\n").found[0].received


def test_a_long_body_is_no_head():
    reader = read(POST + b"Content-Length: %d\r\n\r\n" % (1 << 20))
    for _ in range(16):
        reader.feed(b"x" * 65536)
    assert reader.found[0].received
    assert not reader.amid
    reader = read(POST + CHUNKED)
    for _ in range(1 << 14):
        reader.feed(b"1;a=b\r\nx\r\n")
    reader.feed(b"0\r\n\r\n")
    assert reader.found[0].received
    assert not reader.amid


def test_it_knows_whether_some_of_a_head_is_here():
    reader = Reader()
    for start, end in [(b"G", b"ET /a HTTP/1.1\r\nHost: x\r\n\r\n"), (POST[:20], POST[20:] + OFFER + b"\r\n")]:
        reader.feed(start)
        assert reader.amid
        reader.feed(end)
        assert not reader.amid
    reader.feed(GET + b"G")
    assert reader.amid


def test_what_a_request_brought_is_not_kept_behind_it():
    reader = read(POST + b"x-a: 1\r\nContent-Length: 0\r\n\r\n")
    assert not reader._fields
    assert not reader._url


def test_thousands_of_offers_in_one_segment_are_read():
    assert len(read((POST + OFFER + b"\r\n") * 2000).found) == 2000
