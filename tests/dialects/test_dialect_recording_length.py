"""How long recordings can be, by what their decoders cannot do without.

The four that are kept are tones which ffmpeg 5.1 made for this test, and tells the length of. ID3, title and all.
"""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.recording_length import (
    BYTES_PER_SECOND_MIN,
    FLAC_FRAME_MS_MAX,
    OGG_PAGE_MS_MAX,
    seconds_max,
)

RECORDINGS = Path(__file__).parents[1] / "golden" / "recordings"


def length(recording):
    """The same wherever it lies."""
    seconds = seconds_max(recording, (0, len(recording)))
    around = b"OggSfLaCfmt " * 9
    assert seconds_max(around + recording + around, (len(around), len(around) + len(recording))) == seconds
    return seconds


def by_bytes(size):
    return size // BYTES_PER_SECOND_MIN + 1


@pytest.mark.parametrize(
    ("name", "lasts_s", "at_most"),
    [("tone.mp3", 2.533878, 3), ("tone16.mp3", 2.592, 3), ("tone.wav", 2.5, 3), ("tone.flac", 2.5, 3)],
)
def test_real_recordings_are_not_held_for_as_longer_ones(name, lasts_s, at_most):
    recording = (RECORDINGS / name).read_bytes()
    assert lasts_s <= length(recording) <= at_most < by_bytes(len(recording)) / 4
    assert length(recording * 1000) >= lasts_s * 1000 or name == "tone.wav", "also of many, one after the other"


# WAV.


def wav(*, tag=1, channels=1, rate=8000, bits=16, data=b"\0" * 16_000, extensible=False, before=b""):
    head = struct.pack("<HHIIHH", 0xFFFE if extensible else tag, channels, rate, 1, 1, bits)
    head += struct.pack("<HHIH", 22, bits, 0, tag) + b"\0" * 14 if extensible else b""
    chunks = before + b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", 1) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("tag", [1, 3, 6, 7])
@pytest.mark.parametrize(("channels", "rate", "bits"), [(1, 8000, 8), (2, 44_100, 16), (6, 48_000, 24), (1, 1, 8)])
def test_wav_is_as_long_as_its_samples(extensible, tag, channels, rate, bits):
    """Whatever it says of its length (1 byte): a decoder may read on to the end."""
    a_second = rate * channels * bits // 8
    for before in (b"", b"JUNK\x04\0\0\0abcd"):
        given = {"channels": channels, "rate": rate, "bits": bits, "data": b"\0" * 10 * a_second, "before": before}
        assert 10 < length(wav(tag=tag, extensible=extensible, **given)) <= 11 + 100 // a_second


@pytest.mark.parametrize(
    "recording",
    [
        wav(tag=2),  # ADPCM.
        wav(tag=0x55),  # MP3.
        wav(tag=2, extensible=True),
        wav(bits=0),
        wav(bits=12),
        wav(rate=0),
        wav(channels=0),
        wav(before=b"fmt \0\0\0\0"),  # Which of both counts is not known.
        b"RIFX" + wav()[4:],
        wav().replace(b"WAVE", b"AVI "),
        wav().replace(b"fmt ", b"fmt_"),
        wav(data=b"")[:30] + b"\0" * 9,
        b"RIFF",
    ],
)
def test_what_is_no_plain_wav_is_as_long_as_its_bytes_can_be(recording):
    assert length(recording) == by_bytes(len(recording))


# MP3.

HEADS = {  # Of some frames: their size and how long they last, in microseconds.
    b"\xff\xfb\x90": (417, 26_122.5),
    b"\xff\xfb\x92": (418, 26_122.5),
    b"\xff\xfa\xe4": (960, 24_000),
    b"\xff\xf3\x44": (96, 24_000),
    b"\xff\xe3\x48": (288, 72_000),
    b"\xff\xf3\x14": (24, 24_000),  # Of silence at a variable rate.
}


def mp3(*heads):
    return b"".join(head.ljust(HEADS[head][0], b"\0") for head in heads)


@given(st.lists(st.sampled_from(sorted(HEADS)), min_size=1, max_size=200))
def test_mp3_is_as_long_as_its_frames(heads):
    us = sum(HEADS[head][1] for head in heads)
    assert us / 1e6 <= length(mp3(*heads)) <= us / 1e6 + 1.001


FRAME = b"\xff\xfb\x90"
MINUTE = mp3(*[FRAME] * 2298)  # 60.03 seconds.


@pytest.mark.parametrize(
    ("tag", "skipped"),
    [
        (b"ID3\4\0\0\0\0\x02\x01" + b"\0" * 257, True),
        (b"ID3\4\0\x10\0\0\x02\x01" + b"\0" * 267, True),  # With a footer.
        (b"ID3\4\0\0\0\0\x02\x80" + b"\0" * 257, False),  # No such size.
    ],
)
def test_pictures_before_the_first_frame_are_not_heard(tag, skipped):
    assert length(tag + MINUTE) == (61 if skipped else by_bytes(len(tag + MINUTE)))


def test_a_tag_that_ends_within_a_frame_leaves_bytes():
    assert length(b"ID3\4\0\0\0\0\x02\x02" + b"\0" * 257 + MINUTE) == by_bytes(len(MINUTE) - 1)


def test_a_tag_that_is_longer_than_the_file_leaves_nothing():
    assert length(b"ID3\4\0\0\x7f\x7f\x7f\x7f" + MINUTE) == length(b"") == 1
    assert length(b"ID3") == length(b"ID3\4\0\0") == 1


@pytest.mark.parametrize("after", [b"TAG" + b"\0" * 125, MINUTE[3:], b"\0" * 70_000, b"\xff\xf3\x00" * 10_000])
def test_what_follows_the_frames_is_as_long_as_its_bytes_can_be(after):
    assert length(MINUTE + after) == int(2298 * 1152 / 44_100 + len(after) / BYTES_PER_SECOND_MIN) + 1


@pytest.mark.parametrize("head", [b"\xff\xfb\x9c", b"\xff\xfb\x00", b"\xff\xfb\xf0", b"\xff\xfd\x90"])
def test_what_is_no_frame_is_as_long_as_its_bytes_can_be(head):
    assert length(head * 10_000) == by_bytes(30_000)


def test_of_very_many_frames_the_last_are_as_long_as_their_bytes_can_be():
    silence = b"\xff\xf3\x14".ljust(24, b"\0")
    assert length(silence * 300_000) == 300_000 * 24 // 1000 + 1
    assert length(silence * 310_000) == 300_000 * 24 // 1000 + 10_000 * 24 // BYTES_PER_SECOND_MIN + 1


# FLAC.


def flac(*heads, size=300, mark=b"fLaC"):
    return mark + b"\0" * 38 + b"".join(bytes.fromhex(head).ljust(size, b"\0") for head in heads)


@pytest.mark.parametrize(
    ("head", "samples", "rate"),
    [
        ("fff8 c5 08 00", 4096, 16_000),
        ("fff9 ca 08 c280", 4096, 48_000),
        ("fff8 19 08 7f", 192, 44_100),
        ("fff8 24 08 e08080", 576, 8000),
        ("fff8 54 08 f0808080", 4608, 8000),
        ("fff8 f1 a8 f880808080", 32_768, 88_200),
        ("fff8 65 08 fc8080808080 1f", 32, 16_000),
        ("fff9 75 08 fe808080808080 0fff", 4096, 16_000),
        ("fff9 7b 08 00 ffff", 65_536, 96_000),
        ("fff8 c0 08 00", 4096, 8000),  # How many a second stands elsewhere.
        ("fff8 cd 08 00 2b11", 4096, 8000),
    ],
)
def test_flac_is_as_long_as_its_frames(head, samples, rate):
    assert 0 <= length(flac(*[head] * 1000)) - samples * 1000 / rate <= 1.01
    assert length(b"ID3\4\0\0\0\0\0\0" + flac(*[head] * 1000)) == length(flac(*[head] * 1000))


@pytest.mark.parametrize("head", ["fff8 05 08 00", "fff8 c5 b8 00", "fff8 c5 08 80", "fff8 c5 08 ff"])
def test_what_no_frame_of_flac_begins_with_is_none(head):
    assert length(flac(*[head] * 1000)) == 1


def test_silence_in_flac_is_as_long_as_its_frames_can_be():
    """For one would have to look at each of very many."""
    assert length(flac(*["fff8 c5 08 00"] * 1000, size=12)) == FLAC_FRAME_MS_MAX + 1


def test_flac_in_another_container_is_as_long_as_its_bytes_or_frames_can_be():
    within = flac(*["fff8 c5 08 00"] * 1000, mark=b"\0\0\0\x20ftypisom fLaC")
    assert length(within) == by_bytes(len(within)) > 256
    longer = flac(*["fff8 f5 08 00"] * 1000, mark=b"\0\0\0\x20ftypisom fLaC")
    assert length(longer) == 32_768 * 1000 // 16_000 + 1 > by_bytes(len(longer))


# Ogg and all others.


def test_others_are_as_long_as_their_bytes_or_pages_can_be():
    assert length(b"\0" * 75_000) == 101
    assert length(b"OggS" * 7 + b"\0" * 100) == 7 * OGG_PAGE_MS_MAX // 1000 + 1


@given(st.binary(max_size=300), st.sampled_from([b"", b"RIFF1234WAVEfmt ", b"ID3\4\0\0\0\0\0", b"fLaC", b"\xff\xfb"]))
def test_whatever_it_is_it_lasts(data, head):
    assert length(head + data) >= 1
