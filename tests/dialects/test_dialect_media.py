"""Images, recordings and speech: what is asked, and what was used or is charged by the request itself."""

import base64
import json

import harness
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import BadRequest
from gateway.core.money import Money
from gateway.core.request import Asked
from gateway.core.usage import Extras, Usage
from gateway.dialects.base import Quirk
from gateway.dialects.openai_images import IMAGE_TOKENS_MAX, PARTIAL_TOKENS, OpenAIImages
from gateway.dialects.openai_speech import TOKENS_PER_CHARACTER, OpenAISpeech
from gateway.dialects.openai_transcriptions import OpenAITranscriptions
from gateway.dialects.recording_length import BYTES_PER_SECOND_MIN
from gateway.dialects.spoken import DIALECTS
from gateway.dialects.watch import StreamWatch
from gateway.prices.bundled import price_book
from gateway.tokens import bound
from gateway.tokens.bounds import ceiling
from gateway.tokens.families import family_of

IMAGES, SPEECH, TRANSCRIPTIONS = OpenAIImages(), OpenAISpeech(), OpenAITranscriptions()
NONE = frozenset()
count = st.integers(0, 10**6)
GARBAGE = [b"", b"\xff", b"[]", b'{"usage":3}', b'{"usage":{"input_tokens":1e400}}', b'{"usage":{"input_tokens":-1}}']


def asked(verb="", **fields):
    return Asked(json.dumps({"model": "m"} | fields).encode(), verb=verb)


def form(verb, files=(), **fields):
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]
    parts += [
        f'--b\r\nContent-Disposition: form-data; name="{k}"; filename="f"\r\n\r\n'.encode() + v + b"\r\n"
        for k, v in files
    ]
    return Asked(b"".join(parts) + b"--b--\r\n", verb=verb, content_type="multipart/form-data; boundary=b")


def watch(dialect, events):
    watched = StreamWatch(dialect, NONE, wants_usage=True, price=lambda _: None)
    for name, data in events:
        event = (f"event: {name}\n" if name else "") + f"data: {json.dumps(data, separators=(',', ':'))}\n\n"
        assert watched.feed(event.encode()) == event.encode()
    return watched


@pytest.mark.parametrize("dialect", [IMAGES, SPEECH, TRANSCRIPTIONS])
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_says_nothing(dialect, garbage):
    assert dialect.report(garbage, NONE).usage is None


# Images.


def test_an_image_call_is_read():
    facts = IMAGES.read(asked(prompt="A cat", n=3, user="u"))
    assert (facts.model, facts.prompt, facts.choices, facts.extras) == ("m", "A cat", 3, Extras(images=3))
    assert (facts.output_tokens_max, facts.stream, facts.images, facts.session) == (IMAGE_TOKENS_MAX, False, 0, "u")
    streamed = IMAGES.read(asked(stream=True, partial_images=2))
    assert (streamed.stream, streamed.output_tokens_max) == (True, IMAGE_TOKENS_MAX + 2 * PARTIAL_TOKENS)
    assert IMAGES.read(asked(images=[{"file_id": "a"}])).images == 1


def test_an_edit_is_a_form_whose_pictures_are_no_text():
    edit = form("edits", [("image[]", b"\0" * 10_000), ("mask", b"1")], model="m", prompt="Cut", n="2", stream="false")
    facts = IMAGES.read(edit)
    assert (facts.model, facts.prompt, facts.choices, facts.images) == ("m", "Cut", 2, 2)
    assert facts.input_tokens_max == len(edit.body) - 10_001
    assert bound(len(edit.body), facts, "gpt-image-1") < len(edit.body) + 2 * 12_000
    assert IMAGES.countable(edit).texts == ("Cut",)
    assert IMAGES.countable(asked(prompt="A", images=[{}])).images == 1
    assert IMAGES.countable(asked(prompt="A", images=[{}], mask={"file_id": "a"})).images == 2


@pytest.mark.parametrize("call", [asked(n=0), asked(n=11), asked(n=2, stream=True), form("edits", prompt="x")])
def test_what_cannot_be_held_for_is_refused(call):
    with pytest.raises(BadRequest):
        IMAGES.read(call)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"model":"m"', b'{"model":[{', b'{model":"m"}', b'{"a":{"b":[]'])
@pytest.mark.parametrize("dialect", [IMAGES, SPEECH])
def test_what_is_no_json_is_refused(dialect, body):
    with pytest.raises(BadRequest):
        dialect.read(Asked(body))


@pytest.mark.parametrize("name", ["image", "image[]", "image[0]", "images", "reference_image", "mask"])
def test_any_file_of_an_edit_is_an_image(name):
    edit = form("edits", [(name, b"\0" * 10_000)], model="m", prompt="Cut")
    assert (IMAGES.read(edit).images, IMAGES.countable(edit).images) == (1, 1)


@pytest.mark.parametrize("call", [asked("generations"), form("edits", [("image", b"x")], model="m"), asked()])
def test_images_are_aimed_by_the_model_alone(call):
    facts = IMAGES.read(call)
    assert IMAGES.aim(call, "m", facts) == (f"/images/{call.verb or 'generations'}", call.body)
    other = IMAGES.aim(call, "other", facts).body
    assert other in (call.body.replace(b'"m"', b'"other"'), call.body.replace(b"\r\nm\r\n", b"\r\nother\r\n"))
    assert other != call.body


@given(count, count, count, count)
def test_images_are_counted_by_kind(text, seen, written, drawn):
    block = {"input_tokens": text + seen, "input_tokens_details": {"image_tokens": seen, "text_tokens": text}}
    block |= {"output_tokens": written + drawn, "output_tokens_details": {"image_tokens": drawn}}
    report = IMAGES.report(json.dumps({"data": [], "usage": block}).encode(), NONE)
    assert report.usage == Usage(input=text, input_image=seen, output=written, output_image=drawn)
    assert not report.clamped


def test_output_that_is_not_divided_is_image():
    report = IMAGES.report(b'{"usage":{"input_tokens":1,"output_tokens":272},"model":"x"}', NONE)
    assert (report.usage, report.model) == (Usage(input=1, output_image=272), "x")
    assert IMAGES.report(b'{"data":[{}]}', NONE).usage is None
    paid = IMAGES.report(b'{"usage":{"input_tokens":1,"cost":0.5}}', frozenset({Quirk.CHARGES_REPORTED_COST}))
    assert paid.cost == Money.usd("0.5")


def test_a_stream_of_images_tells_its_usage_at_the_end():
    usage = {"input_tokens": 1, "output_tokens": 2}
    watched = watch(
        IMAGES,
        [
            ("image_edit.partial_image", {"type": "image_edit.partial_image", "b64_json": "AA"}),
            ("image_edit.completed", {"type": "image_edit.completed", "b64_json": "AA", "usage": usage}),
        ],
    )
    assert (watched.done, watched.complete, watched.report.usage.tokens) == (True, True, 3)


def test_the_recorded_edit_costs_what_it_cost():
    if (found := harness.shared()) is None:
        pytest.skip("no shared recordings; set FAREWAY_SHARED")
    report = IMAGES.report((found / "data" / "recorded" / "openai_images_edit.json").read_bytes(), NONE)
    price = price_book().price("openai", "gpt-image-1.5", 1_786_572_357)
    assert price.of(report.usage).total == Money.usd("0.040191")


# Recordings.


def test_a_recording_is_as_long_as_its_bytes_can_be():
    call = form("translations", [("file", b"\0" * 60 * BYTES_PER_SECOND_MIN)], model="m", prompt="Names", stream="true")
    facts = TRANSCRIPTIONS.read(call)
    assert (facts.model, facts.stream, facts.extras) == ("m", True, None)
    assert facts.extras_max.audio_ms == 61_000, "in begun seconds"
    assert 600 <= facts.input_tokens_max < 1000
    counted = TRANSCRIPTIONS.countable(call)
    assert (counted.texts, counted.files, counted.unread) == (("Names",), 0, facts.input_tokens_max)
    assert TRANSCRIPTIONS.aim(call, "m", facts) == ("/audio/translations", call.body)
    other = TRANSCRIPTIONS.aim(call, "other", facts).body
    assert other == call.body.replace(b"\r\nm\r\n", b"\r\nother\r\n")


def test_a_prompt_of_a_recording_that_is_no_text_is_refused_at_once():
    call = form("transcriptions", [("file", b"x")], model="m", prompt="NONE")
    with pytest.raises(BadRequest, match="UTF-8"):
        TRANSCRIPTIONS.read(Asked(call.body.replace(b"NONE", b"\xff"), verb=call.verb, content_type=call.content_type))


@pytest.mark.parametrize("name", ["file", "file[]"])
def test_a_recording_is_given_once_whether_it_has_a_name_or_not(name):
    """Who goes by the type of what is in it hears the one without."""
    call = form("transcriptions", [("file", b"OggS")], model="m")
    other = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: application/octet-stream\r\n\r\nx\r\n'
    )
    for body in (other.encode() + call.body, call.body.replace(b"--b--", other.encode() + b"--b--")):
        with pytest.raises(BadRequest, match="file must be given once"):
            TRANSCRIPTIONS.read(Asked(body, verb=call.verb, content_type=call.content_type))


SILENT_FRAME = bytes.fromhex("fff8c408 00 0000 0000 00 00")  # Of FLAC: 4,096 samples in a few bytes.


@pytest.mark.parametrize(
    ("recording", "lasts_s"),
    [
        (b"fLaC" + b"\0" * 38 + SILENT_FRAME * 7031, 3600),  # Of so many samples in all says its header: none.
        (b"ID3" + b"\0" * 100 + b"fLaC" + b"\0" * 38 + SILENT_FRAME * 7031, 3600),
        ((b"OggS" + b"\0" * 570) * 39, 300),  # Vorbis by libvorbis.
    ],
)
def test_silence_is_as_long_as_its_frames_can_be(recording, lasts_s):
    """Whatever the recording says of itself: a few bytes a second is all that it takes."""
    facts = TRANSCRIPTIONS.read(form("transcriptions", [("file", recording)], model="m"))
    assert len(recording) / BYTES_PER_SECOND_MIN < lasts_s / 8
    assert facts.extras_max.audio_ms >= lasts_s * 1000
    assert facts.input_tokens_max >= lasts_s * 10


def in_base64(dialect, recording):
    data = base64.b64encode(recording).decode()
    part = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    said = [{"role": "user", "content": [part]}]
    blob = {"mimeType": "audio/flac", "data": data}
    bodies = {"openai-chat": {"messages": said}, "openai-responses": {"input": said}}
    bodies["gemini"] = {"contents": [{"parts": [{"inlineData": blob}]}]}
    return Asked(json.dumps({"model": "m"} | bodies[dialect]).encode(), model="m", verb="generateContent")


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "gemini"])
def test_silence_in_base64_is_bounded_by_its_length_and_not_by_its_bytes(dialect):
    """Sound at some constant bit rate is bounded by its bytes, as ever."""
    lens = DIALECTS[dialect]
    silent = in_base64(dialect, b"fLaC" + b"\0" * 38 + SILENT_FRAME * 3600)
    seconds = 3600 * 65_535 // 8000
    assert bound(len(silent.body), lens.read(silent), "gemini-2.5-pro") >= seconds * 32 > 10 * len(silent.body)
    assert ceiling(lens.countable(silent), family_of("gemini-2.5-pro")) >= seconds * 32
    plain = in_base64(dialect, b"RIFF" + SILENT_FRAME * 3600)
    assert lens.read(plain).input_tokens_max is None


def test_what_is_like_a_frame_of_flac_is_none_in_other_recordings():
    facts = TRANSCRIPTIONS.read(form("transcriptions", [("file", b"RIFF" + b"\xff\xf8" * 3000)], model="m"))
    assert facts.extras_max.audio_ms == 9000


@pytest.mark.parametrize(
    ("fields", "files"),
    [({"url": "https://x/3h.mp3"}, 0), ({"file": "AAAA"}, 0), ({}, 0), ({}, 2)]
    + [({name: "x"}, 1) for name in ("url", "file_url", "file_id")],
)
def test_a_recording_is_in_the_form_once_and_nowhere_else(fields, files):
    """Nobody could say how long one is that lies elsewhere: nothing would be held for it."""
    with pytest.raises(BadRequest, match="file"):
        TRANSCRIPTIONS.read(form("transcriptions", [("file", b"x")] * files, model="m", **fields))


@pytest.mark.parametrize("call", [form("transcriptions", prompt="x"), asked()])
def test_a_recording_without_a_form_or_a_model_is_refused(call):
    with pytest.raises(BadRequest):
        TRANSCRIPTIONS.read(call)


@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        ({"usage": {"type": "duration", "seconds": 37}}, Usage(extras=Extras(audio_ms=37_000))),
        ({"usage": {"type": "duration", "seconds": 1.2345}}, Usage(extras=Extras(audio_ms=1235))),
        ({"duration": 8.47}, Usage(extras=Extras(audio_ms=8470))),
        (
            {
                "usage": {
                    "type": "tokens",
                    "input_tokens": 11,
                    "input_token_details": {"text_tokens": 1, "audio_tokens": 10},
                    "output_tokens": 5,
                }
            },
            Usage(input=1, input_audio=10, output=5),
        ),
        ({"text": "Hello"}, None),
        ({"duration": "8"}, None),
        ({"usage": {"type": "duration"}}, None),
    ],
)
def test_a_recording_is_charged_by_its_tokens_or_its_length(answer, usage):
    report = TRANSCRIPTIONS.report(json.dumps({"text": "Hi"} | answer).encode(), NONE)
    assert report.usage == usage
    assert report.clamped == (usage is None and "usage" in answer)


def test_a_transcript_may_be_plain_text_or_a_stream():
    assert TRANSCRIPTIONS.signs.opaque
    usage = {"type": "tokens", "input_tokens": 2, "output_tokens": 1}
    watched = watch(
        TRANSCRIPTIONS,
        [
            ("", {"type": "transcript.text.delta", "delta": "Hi"}),
            ("", {"type": "transcript.text.done", "text": "Hi", "usage": usage}),
        ],
    )
    assert (watched.done, watched.complete, watched.text, watched.report.usage.tokens) == (True, True, "Hi", 3)


# Speech.


def test_speech_is_charged_by_the_characters_of_the_request():
    facts = SPEECH.read(asked(input="Hällo", voice="v"))
    assert (facts.extras, facts.stream, facts.hides_output) == (Extras(characters=5), False, True)
    assert facts.output_tokens_max == 5 * TOKENS_PER_CHARACTER
    assert SPEECH.read(asked(input="Hi", speed=0.25)).output_tokens_max >= 4 * 2 * TOKENS_PER_CHARACTER
    assert SPEECH.read(asked(input="Hi", speed=4, stream_format="sse")).stream
    call = asked(input="Hi", instructions="Slowly")
    assert SPEECH.countable(call).texts == ("Hi", "Slowly")
    assert SPEECH.aim(call, "m", SPEECH.read(call)) == ("/audio/speech", call.body)
    assert SPEECH.signs.opaque


@pytest.mark.parametrize("call", [asked(), asked(input="Hi", speed=0), asked(input="Hi", speed=-1)])
def test_speech_that_cannot_be_held_for_is_refused(call):
    with pytest.raises(BadRequest):
        SPEECH.read(call)


def test_speech_in_events_tells_its_tokens():
    usage = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
    watched = watch(
        SPEECH,
        [
            ("", {"type": "speech.audio.delta", "audio": "AAAA"}),
            ("", {"type": "speech.audio.done", "usage": usage}),
        ],
    )
    assert watched.report.usage == Usage(input=14, output_audio=101)
    assert (watched.done, watched.complete) == (True, True)
    assert SPEECH.report(b'{"type":"speech.audio.delta"}', NONE, watched.report).usage == watched.report.usage
