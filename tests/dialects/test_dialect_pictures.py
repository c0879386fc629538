"""Pictures inside bodies, in three dialects: those that can be measured are found, all are counted."""

import json

import msgspec
import pytest

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Picture
from gateway.dialects.pictures import kind_of
from gateway.dialects.spoken import DIALECTS


def countable(dialect, body):
    return DIALECTS[dialect].countable(Asked(json.dumps(body).encode()))


def chat(*urls):
    parts = [{"type": "image_url", "image_url": url} for url in urls]
    said = [
        {"role": "system", "content": "Look."},
        {"role": "user", "content": [*parts, {"type": "text", "text": "?"}]},
    ]
    return countable("openai-chat", {"model": "gpt-4o", "messages": said})


def test_a_chat_carries_data_urls():
    plain, low = {"url": "data:image/png;base64,AAAA"}, {"url": "data:image/gif;base64,BBBB", "detail": "low"}
    found = chat(plain, low, "data:image/png;base64,CCCC", {"url": "data:image/png;base64,DDDD", "detail": None})
    assert found.pictures == (Picture("AAAA"), Picture("BBBB", low=True), Picture("CCCC"), Picture("DDDD"))
    assert found.images == 4


@pytest.mark.parametrize(
    "url", [{"url": "https://x.test/;base64,A"}, {"url": "data:image/png,A"}, {"url": 7}, None, {}]
)
def test_what_lies_elsewhere_or_is_odd_is_counted_without_a_size(url):
    found = chat(url)
    assert (found.images, found.pictures) == (1, ())


def test_a_chat_without_a_picture_has_none():
    found = countable(
        "openai-chat", {"model": "m", "messages": [{"role": "user", "content": "data:image/png;base64,A"}]}
    )
    assert (found.images, found.pictures) == (0, ())


def test_messages_carry_sources_in_results_of_tools_too():
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    away = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
    odd = {"type": "image", "source": 7}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [image]}
    said = [{"role": "user", "content": [away, odd, result]}]
    found = countable("anthropic-messages", {"model": "claude", "max_tokens": 9, "messages": said})
    assert (found.images, found.pictures) == (3, (Picture("AAAA"),))


def test_gemini_carries_inline_data():
    parts = [
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://x"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "BBBB"}},
        {"text": "What is it?"},
    ]
    asked = Asked(json.dumps({"contents": [{"parts": parts}]}).encode(), model="gemini-2.5-pro", verb="generateContent")
    found = DIALECTS["gemini"].countable(asked)
    assert (found.images, found.pictures) == (2, (Picture("AAAA"),))


PNG = "data:image/png;base64,AAAA"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (f'"{PNG}"', "image"),
        (f'{{"url": "{PNG}"}}', "image"),
        (f'{{"url":"{PNG}","detail":"low"}}', "image"),
        (f'{{"detail":"low","url":"{PNG}"}}', "image"),
        ('{"url":"data:application/pdf;base64,AAAA"}', "file"),
        ('{"url":"data: application/pdf;base64,AAAA"}', "file"),
        ('{"url":"DATA:\\tVideo/mp4;base64,AAAA"}', "video"),
        ('{"url":"data:binary/octet-stream;base64,AAAA"}', "file"),
        ('{"url":"data: image/png;base64,AAAA"}', "image"),
        ('{"url":"data:;base64,AAAA"}', "image"),
        ('{"url":"data:img/png;base64,AAAA"}', "image"),
        ('"data:imgs/png;base64,AAAA"', "file"),
        ('"\\u0000\\u001f data:video/mp4;base64,AAAA"', "video"),
        ('{"url":"da\\tta:\\r\\nvideo/mp4;base64,AAAA"}', "video"),
        ('"ht\\ntps://you\\ttu.be/x"', "video"),
        ('{"url":"https://x/y.png"}', "image"),
        ('{"url":"https://www.youtube.com/watch/a.png?v=x"}', "video"),
        ('"HTTPS://YouTu.be/x"', "video"),
        ('" https://a:b@youtube-nocookie.com:1/x.png"', "video"),
        ('"https:\\\\x@..youtube.co.uk/x.png"', "video"),
        ('"https:\\\\www.youtube.com/x.png"', "video"),
        ('"https:/\\/m.youtube.com/x.png"', "video"),
        ('"https:youtu.be/x.png"', "video"),
        ('"https://img.youtube.com/vi/x/0.jpg"', "image"),
        ('"https://img.youtube.com/vi/../watch?v=x&0.jpg"', "video"),
        ('"https://my-youtube.s3.amazonaws.com/youtube.com/x.png"', "image"),
        ('"https://youtube-pictures.s3.amazonaws.com/x.png?at=www.youtube.com/"', "image"),
        ("[]", "image"),
    ],
)
def test_what_a_part_shows_however_it_is_written(written, kind):
    assert kind_of(msgspec.Raw(written.encode())) == kind


@pytest.mark.parametrize("filler", ["\\\\", "/", "\\\\/", ".", "@", "a", "youtu", ".youtu-", "\\t", " "])
def test_an_address_however_long_is_read_once(filler):
    """Where each character began the search anew, this test would last for minutes: a call could stop all others."""
    assert kind_of(msgspec.Raw(f'{{"url":"https:{filler * 500_000}"}}'.encode())) == "image"


@pytest.mark.parametrize(
    "more", [',"url":"data:video/mp4;base64,AAAA"', ',"detail":"low","url":"data:audio/mp3;base64,AAAA"']
)
def test_what_a_part_shows_is_given_once(more):
    """Most are known by their first and last bytes: twins are not among those."""
    for written in (f'{{"url":"{PNG}"{more}}}', f'{{{more[1:]},"url":"{PNG}"}}'):
        with pytest.raises(BadRequest):
            kind_of(msgspec.Raw(written.encode()))
