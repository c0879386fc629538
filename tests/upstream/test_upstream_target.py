"""URLs and the heads of requests: what is sent is what was meant, and one request at a time."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.errors import Unreached
from gateway.upstream.target import request_head, target


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://api.openai.com/v1/chat/completions", "api.openai.com", "/v1/chat/completions"),
        ("https://api.openai.com", "api.openai.com", "/"),
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000", "/v1"),
        ("http://engine:80/v1", "engine", "/v1"),
        ("https://engine:80/v1", "engine:80", "/v1"),
        ("http://[::1]:8000/v1", "[::1]:8000", "/v1"),
        ("https://x.openai.azure.com/openai/v1?api-version=2024-10-21", "x.openai.azure.com", None),
        ("https://bücher.example/ü?q=ü", "xn--bcher-kva.example", "/%C3%BC?q=%C3%BC"),
        ("https://a.example/models/a%2Fb:generate?alt=sse", "a.example", "/models/a%2Fb:generate?alt=sse"),
        ("https://a.example/a b", "a.example", "/a%20b"),
    ],
)
def test_a_url_leads_somewhere(url, authority, path):
    found = target(url)
    assert found.origin.authority == authority
    if path is not None:
        assert found.path == path


@pytest.mark.parametrize(
    "url",
    ["", "x", "api.openai.com/v1", "ftp://a/b", "https://", "https:///v1", "http://a:x/", "http://a:99999/",
     "http://[::1/", "https://user:secret@a.example/", "http://" + "a" * 300 + ".example/", "http://h/\ud800"],
)  # fmt: skip
def test_a_url_that_leads_nowhere_says_so_without_repeating_it(url):
    with pytest.raises(Unreached) as raised:
        target(url)
    assert "secret" not in str(raised.value)


class Heard:
    """What a server understands."""

    def __init__(self, raw):
        self.headers, self.url, self.messages, self.body = [], b"", 0, b""
        httptools.HttpRequestParser(self).feed_data(raw)

    def on_url(self, url):
        self.url += url

    def on_header(self, name, value):
        self.headers.append((name.decode(), value.decode()))

    def on_body(self, part):
        self.body += part

    def on_message_complete(self):
        self.messages += 1


names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).filter(lambda n: n not in {"connection", "te"})
values = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30).map(str.strip)


@given(st.dictionaries(names.map("x-{}".format), values, max_size=6), st.binary(max_size=50))
def test_a_server_hears_the_headers_that_were_meant(headers, body):
    sent = {name: value.strip(" \t") for name, value in headers.items()}
    heard = Heard(request_head("POST", "/v1/x", "a.example", sent, len(body)) + body)
    assert (heard.messages, heard.body, heard.url) == (1, body, b"/v1/x")
    own = [("Host", "a.example"), ("Accept-Encoding", "identity"), ("Content-Length", str(len(body)))]
    assert heard.headers == [*own, *sent.items()]


EVIL = ["\r", "\n", "\r\n", "\0", "\ud800", "\r\nContent-Length: 0\r\n\r\nPOST /evil HTTP/1.1\r\n"]


@given(st.sampled_from(EVIL), values, values)
def test_a_header_that_would_end_the_head_or_is_no_text_is_not_sent(evil, before, after):
    for headers in ({"x-a": before + evil + after}, {"x-a" + evil: before}, {"x-a": "1", "x-b": before + evil}):
        with pytest.raises(Unreached):
            request_head("POST", "/", "a.example", headers, 0)


def test_a_document_is_asked_for_without_a_body():
    assert request_head("GET", "/", "a", {}, 0) == b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: identity\r\n\r\n"
