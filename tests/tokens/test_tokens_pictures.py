"""Pictures: their size from their first bytes, and the tokens that were billed for such sizes."""

import struct
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.request import Countable, Picture
from gateway.tokens.bounds import ceiling
from gateway.tokens.count import count_now
from gateway.tokens.families import family_of
from gateway.tokens.pictures import JPEG_CHARS, dimensions


def png(width, height):
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x06" + b"\0" * 40


def jpeg(width, height, before=b"\xff\xe1\x00\x08Exif\0\0", kind=0xC2):
    frame = b"\xff" + bytes([kind]) + struct.pack(">HBHH", 17, 8, height, width) + b"\0" * 20
    return b"\xff\xd8" + before + frame


def webp(width, height):
    return b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + _three(width - 1) + _three(height - 1) + b"\0" * 30


def webp_lossy(width, height):
    return b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"\0" * 30


def webp_lossless(width, height):
    bits = (width - 1) | (height - 1) << 14
    return b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", bits) + b"\0" * 30


def _three(number):
    return number.to_bytes(3, "little")


def written(data):
    return b64encode(data).decode()


SIDES = st.integers(1, 16_383)


@pytest.mark.parametrize("make", [png, jpeg, webp, webp_lossy, webp_lossless])
@given(width=SIDES, height=SIDES)
def test_the_size_is_in_the_first_bytes(make, width, height):
    data = make(width, height)
    assert dimensions(written(data)) == (width, height)
    assert dimensions(urlsafe_b64encode(data).decode()) == (width, height), "as google-genai writes it"


def test_a_gif_does_not_say_its_size_at_its_head():
    """A screen of 1 × 1, and then a picture of 2000 × 2000, which is what is decoded."""
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 2000, 2000) + b"\0\2\2\x44\1\0\x3b"
    assert dimensions(written(b"GIF89a" + struct.pack("<HH", 1, 1) + b"\x80\0\0" + b"\0" * 6 + frame)) is None


def test_a_jpeg_is_walked_past_what_cameras_write():
    camera = b"\xff\xe1\xff\xff" + b"\xff\xc0\0\x11\x08\0\1\0\1" * 7281 + b"\0" * 4
    fill, bare = b"\xff\xff\xff\xfe\0\2", b"\xff\xd0"
    assert dimensions(written(jpeg(300, 346, before=camera + fill + bare))) == (300, 346)
    assert dimensions(written(jpeg(300, 346, before=b"\xff\xc4\0\4\0\0"))) == (300, 346)


@pytest.mark.parametrize(
    "base64",
    [
        "",
        "AAA",
        "é" * 80,
        "%%%%",
        written(b"%PDF-1.7" + b"\0" * 60),
        written(png(0, 5)),
        written(png(5, 5)[:18]),
        written(b"\xff\xd8\xff\xd8\0\0\0\0\0\0\0\0\0\0"),
        written(b"\xff\xd8\xff\xe1\xff"),
        written(b"RIFF\0\0\0\0WEBPVP8?" + b"\0" * 30),
        written(jpeg(5, 5, before=b"\xff\xe1\xff\xff" + b"\0" * 65533) * 1)[: JPEG_CHARS // 100],
    ],
)
def test_what_is_no_picture_has_no_size(base64):
    assert dimensions(base64) is None


@given(
    st.binary(max_size=200),
    st.sampled_from([b"\xff\xd8\xff", b"RIFF1234WEBPVP8", b"GIF89a", b"\x89PNG\r\n\x1a\n", b""]),
)
def test_no_bytes_do_harm(data, start):
    found = dimensions(written(start + data))
    assert found is None or min(found) > 0


@pytest.mark.parametrize(
    ("model", "size", "billed"),
    [
        # facts: recorded requests, and the rules that providers publish.
        ("gpt-4o", (640, 480), 425),
        ("gpt-4o", (100, 100), 255),
        ("gpt-4.1", (4096, 2048), 85 + 170 * 6),
        ("gpt-4o", (2048, 4096), 85 + 170 * 6),
        ("gpt-4o-mini", (640, 480), 14_167),
        ("gpt-4o-mini", (1, 1), 8_500),
        ("gpt-5", (640, 480), 350),
        ("gpt-4.1-mini", (300, 346), 179),
        ("gpt-4.1-nano", (540, 360), 502),
        ("gpt-4.1-mini", (9000, 9000), 1536 * 162 // 100),
        ("claude-3-haiku", (128, 128), 25),
        ("claude-3-haiku", (4000, 3000), 1_600),
        ("claude-opus-4-8", (128, 128), 25),
        ("gemini-2.5-flash", (384, 100), 258),
        ("gemini-2.5-flash", (960, 540), 6 * 258),
        ("gemini-2.5-flash", (10_000, 100), 16 * 258),
        ("gemini-3-pro", (100, 100), 2_240),
        ("gemini-flash-latest", (100, 100), 4_128),
        ("llama-4", (100, 100), 16_384),
    ],
)
def test_tokens_of_a_size(model, size, billed):
    assert family_of(model).pictures.of(*size, low=False) == billed


def test_little_detail_costs_the_base_where_there_are_tiles():
    assert family_of("gpt-4o").pictures.of(4000, 4000, low=True) == 85


MODELS = st.sampled_from(
    ["gpt-4o", "gpt-4o-mini", "gpt-5.6-sol", "o4-mini", "claude-3-haiku", "claude-opus-4-8", "gemini-2.5-pro", "x"]
)


@given(MODELS, SIDES, SIDES, st.booleans())
def test_no_picture_is_more_than_the_largest_and_turning_it_changes_nothing(model, width, height, low):
    rule = family_of(model).pictures
    tokens = rule.of(width, height, low=low)
    assert 0 < tokens <= rule.most
    assert tokens == rule.of(height, width, low=low)


def test_pictures_of_unknown_size_count_as_the_largest():
    family = family_of("gpt-4o")
    known, odd = Picture(written(png(640, 480))), Picture("????")
    countable = Countable(images=3, pictures=(known, odd))
    assert count_now(countable, family) == 425 + 2 * family.image
    assert ceiling(countable, family) >= 3 * family.image
