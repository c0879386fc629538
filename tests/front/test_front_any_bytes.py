"""Any requests in any pieces are read in one way; any other bytes are refused, and never taken for more requests than
a strict reading by others finds in them."""

import json
import re

import h11
from hypothesis import given, settings
from hypothesis import strategies as st
from inside import Caller, quiet, statuses

cut_lists = st.lists(st.integers(0, 1200), max_size=12)


@st.composite
def spelt(draw, name):
    """A header's name in upper and lower case."""
    return "".join(draw(st.sampled_from([c.upper(), c.lower()])) for c in name).encode()


@st.composite
def chunked(draw, body):
    """The body in chunks of any sizes, perhaps with an extension or a trailer."""
    left, raw = body, b""
    while left:
        size = draw(st.integers(1, len(left)))
        digits = draw(st.sampled_from([b"%x", b"%X", b"00%x"])) % size
        raw += digits + draw(st.sampled_from([b"", b";a=b", b';c="d e"'])) + b"\r\n" + left[:size] + b"\r\n"
        left = left[size:]
    return raw + b"0\r\n" + draw(st.sampled_from([b"", b"x-sum: 1\r\n", b"a: b\r\nc:\r\n"])) + b"\r\n"


@st.composite
def requests(draw):
    """The bytes of a good request, and what it asks."""
    method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]))
    path = draw(st.sampled_from(["/", "/v1/chat/completions", "/a%20b", "/" + "x" * 200]))
    target = draw(st.sampled_from([path, path + "?a=/b", "http://x" + path]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.0"]))
    fields = [
        (draw(spelt("host")), b"x"),
        (b"x-note", draw(st.sampled_from([b"", b"a  b", b"\xc3\xa9\xff", b"x" * 300]))),
    ]
    if version == "1.0":
        fields.append((b"Connection", b"keep-alive"))
    elif draw(st.booleans()):
        fields += [(b"Connection", b"Upgrade"), (b"upgrade", draw(st.sampled_from([b"h2c", b"websocket"])))]
    body, rest = b"", b""
    framing = draw(st.sampled_from(["none", "length", "chunks"]))
    if framing != "none":
        body = draw(st.binary(max_size=200) | st.just(b"GET /inner HTTP/1.1\r\nHost: x\r\n\r\n"))
    if framing == "chunks" and version == "1.1":
        fields.append((draw(spelt("transfer-encoding")), draw(spelt("chunked"))))
        rest = draw(chunked(body))
    elif framing != "none":
        fields.append((draw(spelt("content-length")), b"%d" % len(body)))
        rest = body
    fields = draw(st.permutations(fields))
    space, behind = draw(st.sampled_from([b"", b" ", b" \t"])), b""
    if framing != "chunks":
        behind = draw(st.sampled_from([b"", b" "]))
    lines = b"".join(b"%b:%b%b%b\r\n" % (name, space, value, behind) for name, value in fields)
    raw = f"{method} {target} HTTP/{version}\r\n".encode() + lines + b"\r\n" + rest
    return raw, (method, path, body)


@settings(max_examples=100, deadline=None)
@given(st.lists(requests(), max_size=6), cut_lists, st.booleans())
async def test_requests_in_any_pieces_are_read_as_what_they_are(sent, cuts, at_once):
    raw, asked = b"".join(raw for raw, _ in sent), [what for _, what in sent]
    with quiet():
        whole, pieces = Caller(), Caller()
        await whole.say(raw)
        await pieces.say(raw, cuts, at_once=at_once)
        assert [e.headers for e in pieces.begun] == [e.headers for e in whole.begun]
        assert pieces.answers == whole.answers
        for caller in (whole, pieces):
            assert [(e.method, e.path, b"".join(e._parts)) for e in caller.whole] == asked
            assert [answer[0] for answer in caller.answers] == [200] * len(asked)
            said = [json.loads(body) for _, _, body in caller.answers if body]
            assert said == [[m, p, b.decode("latin-1")] for m, p, b in asked if m != "HEAD"]
            assert not caller.transport.closed
            caller.hang_up()


NOISE = [
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"0", b"5", b"g", b"\xff", b"0\r\n\r\n",
    b"Content-Length: 3\r\n", b"Content-Length: 03\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n",
    b"Host: y\r\n", b"Connection: close\r\n", b"Upgrade: h2c\r\nConnection: upgrade\r\n", b"Expect: 100-continue\r\n",
    b"\r\n folded", b"HTTP/1.0", b"HTTP/0.9", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"3\r\nabc\r\n", b"\r\n0\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", b"x: \xe2\x84\xaa\r\n", b"#", b"http://", b"x" * 70_000,
]  # fmt: skip


@st.composite
def spoilt(draw):
    """Good requests in which something was put in, left out or said twice."""
    raw = b"".join(raw for raw, _ in draw(st.lists(requests(), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw)))
        end = at + draw(st.integers(0, 4))
        noise = draw(st.sampled_from([*NOISE, raw[at : at + 40]]))
        raw = raw[:at] + noise + raw[end:]
    return raw


def strictly(raw):
    """What h11 finds in it: method, target, body, and whether all of it is here. Two liberties are ours as well
    (RFC 9112, sections 2.2 and 3): empty lines before a request, and more spaces than one within its first line."""
    found = []
    while raw := raw.lstrip(b"\r\n"):
        line, end, rest = raw.partition(b"\r\n")
        server = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        server.receive_data(re.sub(b" +", b" ", line) + end + rest)
        try:
            while not isinstance(event := server.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Request):
                    asked, again = event, goes_on(event)
                    found.append((asked.method, asked.target, b"", False))
                elif isinstance(event, h11.Data):
                    *_, body, _ = found.pop()
                    found.append((asked.method, asked.target, body + event.data, False))
                else:
                    return found
        except h11.RemoteProtocolError:
            return found
        found.append((*found.pop()[:3], True))
        if not again:
            return found
        raw = bytes(server.trailing_data[0])
    return found


def goes_on(asked):
    said = b",".join(value for name, value in asked.headers if name == b"connection").lower()
    tokens = {token.strip() for token in said.split(b",")}
    return b"close" not in tokens if asked.http_version == b"1.1" else b"keep-alive" in tokens


def path(target):
    return re.sub(rb"\A(?i:https?)://[^/?]*", b"", target).partition(b"?")[0].decode("latin-1") or "/"


async def check(raw, cuts):
    """Of these bytes nothing is read that others do not read in the same way, and all of it comes to an end."""
    wanted = strictly(raw)
    with quiet():
        caller = Caller()
        await caller.say(raw, cuts)
        read = [(e.method, e.path, b"".join(e._parts)) for e in caller.whole]
        assert read == [(m.decode(), path(t), b) for m, t, b, whole in wanted if whole][: len(read)]
        begun = [(e.method, e.path) for e in caller.begun]
        assert begun == [(m.decode(), path(t)) for m, t, _, _ in wanted][: len(begun)]
        waits = caller.connection.task is not None  # For the rest of a body, and not for ever.
        assert caller.lost or waits or caller.connection.deadline < float("inf")
        assert waits <= (len(caller.begun) > len(caller.whole))
        answers = statuses(bytes(caller.transport.sent))
        assert len(answers) + waits >= len(caller.begun)
        assert set(answers) <= {200, 400}
        caller.hang_up()
        await caller.settle()
        assert caller.connection.task is None


@settings(max_examples=250, deadline=None)
@given(spoilt(), cut_lists)
async def test_spoilt_requests_are_read_strictly_or_refused(raw, cuts):
    await check(raw, cuts)


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=200) | st.lists(st.sampled_from([*NOISE, b"GET ", b"/a ", b"HTTP/1.1"])).map(b"".join), cut_lists
)
async def test_noise_is_read_strictly_or_refused(raw, cuts):
    await check(raw, cuts)
