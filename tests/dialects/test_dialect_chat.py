"""Chat completions: what is read, what is refused, and the little that is changed on the way."""

import base64
import json

import pytest
from dialects.lens import OnBytes
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import BadRequest
from gateway.core.money import Money
from gateway.core.usage import Extras, Usage
from gateway.dialects.base import NOTHING_YET, Quirk
from gateway.dialects.openai_chat import CHOICES_MAX, OUTPUT_TOKENS_CREDIBLE_MAX, OpenAIChat
from gateway.dialects.recording_length import BYTES_PER_SECOND_MIN
from gateway.dialects.recordings import ELSEWHERE_MS_MAX
from gateway.dialects.validate import MODEL_NAME_MAX, model_name

CHAT = OnBytes(OpenAIChat())
HI = [{"role": "user", "content": "hi"}]
DEEP = b"[" * 100_000 + b"]" * 100_000
SECRET = "sk-very-secret"


def body(**more):
    return json.dumps({"model": "m", "messages": HI, **more}).encode()


def raw(member):
    return b'{"model": "m", "messages": [{"role": "user", "content": "hi"}], ' + member + b"}"


@pytest.mark.parametrize(
    ("bad", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b"null", None),
        (b"42", None),
        (b'"text"', None),
        (b"{", None),
        (body() + b"x", None),
        (b"\xff" + body(), None),
        (DEEP, None),
        (b'{"model":' * 100_000, "model"),
        (raw(b'"temperature": NaN'), None),
        (raw(b'"temperature": Infinity'), None),
        (raw(b'"user": "\xff"'), None),
        (raw(b'"user": "\\ud800"'), None),
        (raw(b'"metadata": "\\udc00"'), None),
        (raw(b'"metadata": ' + DEEP), None),
        (raw(b'"tools": ' + DEEP), None),
        (b"{}", "model"),
        (b'{"model": "m"}', "messages"),
        (body(model=None), "model"),
        (body(model=5), "model"),
        (body(messages="hi"), "messages"),
        (body(messages=None), "messages"),
        (body(messages=[]), "messages"),
        (body(messages=["hi"]), "messages[0]"),
        (body(messages=[*HI, {"content": {SECRET: 1}}]), "messages[1].content"),
        (body(messages=[{"content": [SECRET]}]), "messages[0].content[0]"),
        (body(messages=[{"content": [{"type": "text", "text": 5}]}]), "messages[0].content[0].text"),
        (body(messages=[{"content": [{"type": [SECRET]}]}]), "messages[0].content[0].type"),
        (body(messages=[{"role": 1, "content": "x"}]), "messages[0].role"),
        (body(messages=[{"name": 1, "content": "x"}]), "messages[0].name"),
        (body(stream=1), "stream"),
        (body(stream="true"), "stream"),
        (body(stream_options=[]), "stream_options"),
        (body(stream_options={"include_usage": SECRET}), "stream_options.include_usage"),
        (body(max_tokens=-1), "max_tokens"),
        (body(max_completion_tokens=-1), "max_completion_tokens"),
        (body(max_tokens=-1, max_completion_tokens=5), "max_tokens"),
        (body(max_tokens=5, max_completion_tokens=-1), "max_completion_tokens"),
        (body(max_tokens=1.5), "max_tokens"),
        (body(max_tokens=SECRET), "max_tokens"),
        (body(max_tokens=True), "max_tokens"),
        (raw(b'"max_tokens": 1e999'), "max_tokens"),
        (raw(b'"max_tokens": ' + b"9" * 5000), "max_tokens"),
        (body(n=0), "n"),
        (body(n=-1), "n"),
        (body(n=CHOICES_MAX + 1), "n"),
        (body(n="2"), "n"),
        (body(response_format=SECRET), "response_format"),
        (body(response_format={"type": 1}), "response_format.type"),
        (body(service_tier=1), "service_tier"),
        (body(user={SECRET: 1}), "user"),
        (body(prompt_cache_key=1), "prompt_cache_key"),
        (body(models=["m", SECRET]), "models"),
        (body(models=SECRET), "models"),
        (body(models={SECRET: 1}), "models"),
        (body(compound_custom={"models": {"answering_model": SECRET}}), "compound_custom.models"),
        (body(compound_custom={"Models": {"answering_model": SECRET}}), "Models"),
        (raw(b'"compound_custom": {"models": "%b\xff"}' % SECRET.encode()), None),
        (raw(b'"compound_custom": {"models": %b}' % (b"9" * 5000)), "models"),
        (body(modalities="audio"), "modalities"),
        (body(modalities=[[SECRET]]), "modalities[0]"),
        (body(model=""), "model"),
        (body(model=SECRET + "m" * MODEL_NAME_MAX), "model"),
        (body(model=SECRET + "\n"), "model"),
        (body(model=SECRET + "\x00"), "model"),
        (body(model=SECRET + "\x1b[31m"), "model"),
        (body(model=SECRET + "\u202e"), "model"),
    ],
)  # fmt: skip
def test_a_wrong_body_is_refused_naming_the_field_and_not_shown(bad, param):
    with pytest.raises(BadRequest) as refused:
        CHAT.read(bad)
    assert refused.value.param == param
    text = str(refused.value)
    assert SECRET not in text
    assert len(text) < 200
    assert param is None or param in text


@pytest.mark.parametrize(
    "key",
    [
        "web_search_options",
        "model",
        "models",
        "compound_custom",
        "stream",
        "n",
        "max_tokens",
        "max_completion_tokens",
        "service_tier",
        "stream_options",
        "prediction",
        "messages",
        "tools",
    ],
)
def test_a_key_that_money_depends_on_may_stand_there_once_only(key):
    """Parsers disagree on which of two counts: we might price one and the provider serve the other."""
    once = json.loads(body(**{key: json.loads(VALUES[key])}))
    plain = json.dumps(once).encode()[:-1] + b', "%b": %b}' % (key.encode(), VALUES[key].encode())
    hidden = plain.replace(b'"%b"' % key.encode(), b'"\\u%04x%b"' % (ord(key[0]), key[1:].encode()), 1)
    assert CHAT.read(body(**{key: json.loads(VALUES[key])}))
    for twins in (plain, hidden):
        with pytest.raises(BadRequest) as refused:
            CHAT.read(twins)
        assert refused.value.param == key


VALUES = {
    "model": '"m"', "stream": "false", "n": "1", "max_tokens": "5", "max_completion_tokens": "5",
    "service_tier": '"flex"', "stream_options": "{}", "models": "[]", "web_search_options": "{}", "prediction": "{}",
    "compound_custom": "{}", "messages": '[{"role":"user","content":"hi"}]', "tools": "[]",
}  # fmt: skip


def test_a_plain_call_has_the_defaults():
    facts = CHAT.read(body())
    assert (facts.model, facts.stream, facts.wants_usage, facts.output_tokens_max) == ("m", False, True, None)
    assert (facts.choices, facts.needs, facts.turns, facts.prompt) == (1, frozenset(), 1, "hi")
    assert (facts.service_tier, facts.session, facts.images, facts.files) == (None, None, 0, 0)
    assert (facts.reasons, facts.hides_output) == (False, False)


def test_nulls_are_the_same_as_nothing():
    """Client libraries write out every field that they know."""
    nulls = ["stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "tools", "functions"]
    nulls += ["response_format", "service_tier", "prompt_cache_key", "user", "models", "modalities"]
    nulls += ["reasoning_effort", "reasoning"]
    assert CHAT.read(body(**dict.fromkeys(nulls))) == CHAT.read(body())


@pytest.mark.parametrize(
    ("options", "wants"),
    [({}, False), ({"stream_options": None}, False), ({"stream_options": {}}, False)]
    + [({"stream_options": {"include_usage": flag}}, bool(flag)) for flag in (True, False, None)],
)
def test_a_stream_wants_usage_only_if_it_says_so(options, wants):
    facts = CHAT.read(body(stream=True, **options))
    assert (facts.stream, facts.wants_usage) == (True, wants)


@pytest.mark.parametrize(
    ("caps", "cap"),
    [({"max_tokens": 5}, 5), ({"max_completion_tokens": 6}, 6), ({"max_tokens": 0}, 0)]
    + [({"max_tokens": a, "max_completion_tokens": b}, 7) for a, b in ((7, 3), (3, 7))],
)
def test_of_two_caps_the_larger_is_held_for(caps, cap):
    """OpenAI refuses both together; other providers take either."""
    assert CHAT.read(body(**caps)).output_tokens_max == cap


def test_an_absurd_cap_is_held_for_as_far_as_any_model_could_go():
    """A cap of 10**30 must not become money that no column holds; the body still says what the caller said."""
    asked = body(max_tokens=10**30)
    facts = CHAT.read(asked)
    assert facts.output_tokens_max == OUTPUT_TOKENS_CREDIBLE_MAX
    assert CHAT.aim(asked, "m", facts) == asked


def test_choices_are_counted():
    assert CHAT.read(body(n=CHOICES_MAX)).choices == CHOICES_MAX


@pytest.mark.parametrize(
    ("more", "needs"),
    [
        ({"tools": [{"type": "function"}]}, {"tools"}),
        ({"functions": [{"name": "f"}]}, {"tools"}),
        ({"tools": None}, set()),
        ({"tools": []}, set()),
        ({"response_format": {"type": "text"}}, set()),
        ({"response_format": {"type": "json_schema"}}, {"json"}),
        ({"messages": [{"content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, {"vision"}),
        (
            {"messages": [{"content": [{"type": "input_audio"}, {"type": "file"}, {"type": "other"}]}]},
            {"audio", "files"},
        ),
    ],
)
def test_what_the_call_needs_is_seen(more, needs):
    assert CHAT.read(body(**more)).needs == needs


def test_parts_are_counted_and_the_last_message_is_the_prompt():
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url"},
        {"type": "file"},
        {"type": "text", "text": "here"},
    ]
    facts = CHAT.read(body(messages=[*HI, {"role": "user", "content": parts}]))
    assert (facts.images, facts.files, facts.turns, facts.prompt) == (1, 1, 2, "look here")


@pytest.mark.parametrize(
    ("kind", "files"),
    [("text", 0), ("image_url", 0), ("input_audio", 0), ("refusal", 0), ("", 0)]
    + [(kind, 1) for kind in ("file", "video_url", "document", "Text", "text ", "x" * 1000)],
)
def test_a_part_that_we_do_not_know_is_held_for_as_a_file(kind, files):
    """What it becomes at the provider, a video for one, no number of bytes bounds."""
    asked = body(messages=[*HI, {"role": "user", "content": [{"type": kind}, {"type": kind}]}])
    assert CHAT.read(asked).files == CHAT.countable(asked).files == 2 * files


def sounding(*recordings):
    return body(messages=[{"role": "user", "content": [{"type": "input_audio", "input_audio": r} for r in recordings]}])


@pytest.mark.parametrize("head", ["", "data:audio/mp3;base64,"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
def test_sound_is_as_long_as_its_bytes_can_be(head, encode):
    """For providers that charge it by the minute, whatever they say of it in tokens: in begun seconds, as they do."""
    written = head + encode(b"\xff\xfb" * (30 * BYTES_PER_SECOND_MIN)).decode()
    facts = CHAT.read(sounding({"data": written, "format": "mp3"}, written))
    assert (facts.extras_max, facts.unseen) == (Extras(audio_ms=2 * 61_000), False)


def test_sound_is_not_hidden_by_a_twin():
    asked = sounding({"data": "T2dnUw==", "url": "x"})
    with pytest.raises(BadRequest) as refused:
        CHAT.read(asked.replace(b'"url"', b'"data"'))
    assert refused.value.param == "data"


LONG = json.dumps({"data": base64.b64encode(b"\xff\xfb" * 90_000).decode()})
SHOWS = '"type":"image_url","image_url":{"url":"https://x.test/a.png"}'


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (f'"type":"input_audio","input_audio":{LONG},"input_audio":{{"data":"T2dnUw=="}}', "input_audio"),
        (f'"type":"input_audio","input_audio":{{"data":"T2dnUw=="}},"input_audio":{LONG}', "input_audio"),
        (f'"type":"input_audio","input_audio":{LONG},"type":"text","text":"x"', "type"),
        (f'"type":"input_audio","input_audio":{LONG},"typ\\u0065":"text","text":"x"', "type"),
        (f'"type":"input_audio","input_audio":{LONG},"input_audio":null', "input_audio"),
        (f'"type":"text","text":"x","input_audio":{LONG},"Type":"input_audio"', "Type"),
        ('"type":"video_url","video_url":{"url":"https://x.test/a.mp4"},"type":"text","text":"x"', "type"),
        ('"type":"input_video","input_video":{},"type":"text","text":"x"', "type"),
        ('"type":"file","file":{"file_id":"x"},"type":"text","text":"x"', "type"),
        ('"type":"document","type":"image_url"', "type"),
        (f'{SHOWS},"image_url":{{"detail":"low"}}', "image_url"),
        (f'{SHOWS},"Image_URL":{{"url":"data:video/mp4;base64,AAAA"}}', "Image_URL"),
        ('"type":"image_url","image_url":{"url":"data:video/mp4;base64,AAAA","url":"data:image/png;base64,A"}', "url"),
        ('"type":"image_url","image_url":{"url":"https://x.test/a.png","URL":"data:video/mp4;base64,AAAA"}', "URL"),
    ],
)
def test_what_a_part_shows_is_not_hidden_by_a_twin(part, named):
    """Who takes the first of twins, or makes one of both, saw a film or heard an hour where a picture was held for."""
    hidden = f'{{"type":"text","text":"x"}},{{{SHOWS}}},{{{part}}}'
    with pytest.raises(BadRequest) as refused:
        CHAT.read(body(messages=[*HI, {"role": "user", "content": []}]).replace(b"[]", f"[{hidden}]".encode()))
    assert refused.value.param == named


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,", " :")])
def test_parts_may_say_more_than_is_read(separators):
    """And in any order; twins of what nobody reads are nobody's."""
    parts = [
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low", "x": 1}, "id": "a"},
        {"image_url": {"detail": "high", "url": "https://x.test/a.png"}, "type": "image_url"},
        {"type": "image_url", "image_url": "https://x.test/a.png"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}, "cache_control": {"type": "x"}},
        {"type": "text", "text": "image_url", "file": None},
        {"type": "file", "file": {"file_id": "x"}},
        {"type": "document", "document": {"type": "text"}},
    ]
    asked = {"model": "m", "messages": [*HI, {"role": "user", "content": parts}, {"role": "tool", "content": parts}]}
    asked = json.dumps(asked, separators=separators).encode().replace(b"cache_control", b"id")
    facts = CHAT.read(asked.replace(b'"id"', b'"id":1,"id"'))
    assert (facts.images, facts.files, facts.unseen) == (6, 4, False)


@pytest.mark.parametrize("data", ["AAAAAA==", "AAAAAA", "AA-_/+A", "AAAA\nAAA="])
def test_sound_in_the_body_may_be_written_in_either_alphabet_padded_or_not(data):
    assert CHAT.read(sounding({"data": data})) == CHAT.read(sounding({"data": "AAAA"}))


@pytest.mark.parametrize(
    "recording",
    [{"data": data} for data in ("https://x/3h.mp3", "data:audio/mp3,AAAA", "AAAA=AAAA", "AAAAA", "", None)]
    + ["https://x/3h.mp3", {"file_id": "x"}, None, 3],
)
def test_sound_that_is_not_in_the_body_may_be_as_long_as_any(recording):
    """And fill the context window."""
    facts = CHAT.read(sounding(recording, "AAAA"))
    assert (facts.extras_max, facts.unseen) == (Extras(audio_ms=ELSEWHERE_MS_MAX + 1000), True)


def test_a_chat_without_sound_is_charged_for_none():
    assert CHAT.read(body(messages=[{"role": "user", "content": [{"type": "text", "text": "Hi"}]}])).extras_max is None


@pytest.mark.parametrize(("kind", "unseen"), [("video_url", True), ("input_video", True), ("file", False)])
def test_only_the_context_window_bounds_film(kind, unseen):
    assert CHAT.read(body(messages=[{"role": "user", "content": [{"type": kind}]}])).unseen is unseen


GOOGLE = {"cached_content": "cachedContents/x"}


@pytest.mark.parametrize(
    ("more", "unseen"),
    [
        ({"google": GOOGLE}, True),
        ({"extra_body": {"google": GOOGLE}}, True),
        ({"extra_body": {"google": {"cachedContent": "cachedContents/x"}}}, True),
        ({"extra_body": {"google": {"cached_content": None, "thinking_config": {"thinking_budget": 1}}}}, False),
        ({"extra_body": "cached_content"}, False),
        ({"data_sources": [{"type": "azure_search"}]}, True),
        ({"data_sources": []}, False),
        ({"chat_template": "{% for i in range(10 ** 6) %}x{% endfor %}"}, True),
        ({"chat_template": None}, False),
    ],
)
def test_only_the_context_window_bounds_what_lies_at_the_provider(more, unseen):
    assert CHAT.read(body(**more)).unseen is unseen
    assert CHAT.read(body(**more).replace(b"cached_c", b"cached\\u005f\\u0063")).unseen is unseen


def test_an_answer_that_was_spoken_is_named_by_its_id_and_may_be_long():
    asked = body(
        messages=[*HI, {"role": "assistant", "audio": {"id": "audio_x"}}, {"role": "assistant", "audio": None}]
    )
    facts = CHAT.read(asked)
    assert (facts.input_tokens_max, facts.unseen) == (len(asked) + 16_384, False)
    assert CHAT.countable(asked).unread >= 16_384
    empty = body(messages=[{"role": "assistant", "audio": nothing} for nothing in ({}, "", False, [], None)])
    assert CHAT.read(empty).input_tokens_max is None


def shown(*urls):
    return body(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": url} for url in urls]}])


@pytest.mark.parametrize("written", [lambda url: url, lambda url: {"detail": "low", "url": url}])
def test_a_picture_that_says_that_it_is_none_is_held_for_as_what_it_is(written):
    mp3 = "data:audio/mp3;base64," + base64.b64encode(b"\xff\xfb" * (30 * BYTES_PER_SECOND_MIN)).decode()
    asked = shown(*map(written, ["data:application/pdf;base64,AAAA", mp3, "data:image/png;base64,AAAA", "data:,x"]))
    facts, countable = CHAT.read(asked), CHAT.countable(asked)
    assert (facts.images, facts.files, facts.extras_max) == (2, 1, Extras(audio_ms=61_000))
    assert (countable.images, countable.files, len(countable.pictures)) == (2, 1, 1)
    assert (facts.needs, facts.unseen) == ({"vision"}, False)
    assert CHAT.read(shown(written(" Data:Video/mp4;base64,AAAA"))).unseen


@pytest.mark.parametrize(
    ("tools", "theirs"),
    [
        (None, False),
        ([], False),
        ([{"type": "function"}, {"type": "custom"}, {"function": {"name": "f"}}], False),
        ([{"type": "function"}, {"type": "browser_search"}], True),
        ([{"type": "code_interpreter"}], True),
        ([{"type": ["function"]}], True),
        ({"type": "function"}, True),
    ],
)
def test_tools_that_the_provider_runs_fetch_and_may_have_a_fee(tools, theirs):
    facts = CHAT.read(body(tools=tools))
    assert (facts.unseen, facts.fees_untold) == (theirs, theirs)


def test_a_part_without_a_type_is_text():
    asked = body(messages=[{"role": "user", "content": [{"text": "hi"}]}])
    assert (CHAT.read(asked).files, CHAT.read(asked).prompt) == (0, "hi")


@pytest.mark.parametrize(
    ("more", "hides"),
    [
        ({"modalities": ["text", "audio"]}, True),
        ({"modalities": ["audio"]}, True),
        ({"modalities": ["text"]}, False),
        ({"modalities": []}, False),
        ({"audio": {"voice": "x"}}, False),
        ({"prediction": {"type": "content", "content": "x"}}, True),
        ({"prediction": None}, False),
    ],
)
def test_a_call_that_asks_for_what_no_stream_shows_says_so(more, hides):
    """Speech; and of a prediction the tokens that the model rejects, which are charged as if it had made them."""
    assert CHAT.read(body(**more)).hides_output is hides


@pytest.mark.parametrize(
    ("more", "reasons"),
    [({"reasoning_effort": effort}, True) for effort in ("minimal", "low", "high", "none at all", 1)]
    + [({"reasoning_effort": "none"}, False)]
    + [({"reasoning": wish}, bool(wish)) for wish in ({"effort": "high"}, {"max_tokens": 5}, True, {}, False)]
    + [({"reasoning_effort": "none", "reasoning": {"max_tokens": 5}}, True)],
)
def test_a_call_that_asks_for_reasoning_says_so(more, reasons):
    assert CHAT.read(body(**more)).reasons is reasons


@pytest.mark.parametrize("nothing", [None, []])
def test_an_empty_list_of_fallbacks_asks_for_none(nothing):
    for asked in (
        body(models=nothing),
        body(compound_custom={"models": nothing, "tools": {}}),
        body(compound_custom={"models": {"answering_model": nothing}}),
        body(compound_custom=nothing),
    ):
        assert CHAT.aim(asked, "m", CHAT.read(asked)) == asked


@pytest.mark.parametrize("name", ["m", "m" * MODEL_NAME_MAX, "org/model-4.1:free@eu", "modèle ü 模型"])
def test_a_name_that_prints_is_a_models_name(name):
    assert CHAT.read(body(model=name)).model == model_name(name) == name


@given(st.text(max_size=MODEL_NAME_MAX + 20))
def test_a_models_name_is_short_and_prints_or_is_refused(name):
    """It is kept, compared, and printed in tables and logs."""
    if 0 < len(name) <= MODEL_NAME_MAX and all(letter.isprintable() for letter in name):
        assert model_name(name) is name
    else:
        with pytest.raises(BadRequest) as refused:
            model_name(name)
        assert refused.value.param == "model"


@pytest.mark.parametrize(
    ("content", "head"), [("a" * 5000 + "z" * 5000, "a" * 1000 + "\n" + "z" * 1000), (None, ""), ([], "")]
)
def test_the_head_of_the_prompt_is_short_or_empty(content, head):
    assert CHAT.read(body(messages=[{"role": "user", "content": content}])).prompt == head


def test_a_conversation_is_named_by_the_cache_key_or_else_the_user():
    assert CHAT.read(body(prompt_cache_key="c", user="u")).session == "c"
    assert CHAT.read(body(user="u")).session == "u"


def test_a_call_for_the_same_model_passes_byte_for_byte():
    asked = b'  {"messages": [{"content": "h\\u0069"}], "x": 1e400,\n"model":"m" }\n'
    assert CHAT.aim(asked, "m", CHAT.read(asked)) is asked


@given(st.text(min_size=1, max_size=10).filter(str.isprintable), st.text(max_size=10))
def test_only_the_model_changes(before, after):
    asked = json.dumps({"messages": HI, "model": before, "metadata": {"model": before}}).encode()
    aimed = CHAT.aim(asked, after, CHAT.read(asked))
    assert json.loads(aimed) == {**json.loads(asked), "model": after}
    assert aimed.startswith(b'{"messages": [{"role": "user", "content": "hi"}], "model": ')
    assert aimed.endswith(asked[asked.index(b', "metadata"') :])


@pytest.mark.parametrize(
    ("options", "aimed"),
    [
        (b"null", b'{"include_usage":true}'),
        (b"{}", b'{"include_usage":true}'),
        (b"{ }", b'{ "include_usage":true}'),
        (b'{"include_usage": false }', b'{"include_usage": true }'),
        (b'{"include_usage": null}', b'{"include_usage": true}'),
        (b'{"x": 1e400, "y": "\xff"}', b'{"x": 1e400, "y": "\xff","include_usage":true}'),
    ],
)
def test_a_stream_is_asked_to_report_usage_and_keeps_its_other_options(options, aimed):
    """Every other byte stays, also what we could not read ourselves."""
    asked = raw(b'"stream": true, "stream_options": ' + options + b', "seed": 1')
    facts = CHAT.read(asked)
    assert CHAT.aim(asked, "m", facts) == asked.replace(options, aimed)


def test_a_stream_without_options_gets_them_at_the_end():
    asked = body(stream=True)
    assert (
        CHAT.aim(asked, "m2", CHAT.read(asked))
        == body(model="m2", stream=True)[:-1] + b',"stream_options":{"include_usage":true}}'
    )


@pytest.mark.parametrize("more", [{"stream": False}, {"stream": True, "stream_options": {"include_usage": True}}])
def test_nothing_is_added_where_usage_comes_anyway(more):
    asked = body(**more)
    assert CHAT.aim(asked, "m", CHAT.read(asked)) == asked


def test_options_given_twice_within_stream_options_are_refused():
    asked = raw(b'"stream": true, "stream_options": {"include_usage": true, "include_usage": false}')
    with pytest.raises(BadRequest) as refused:
        CHAT.aim(asked, "m", CHAT.read(asked))
    assert refused.value.param == "include_usage"


def test_everything_that_becomes_tokens_is_countable():
    call = [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]
    messages = [
        {"role": "system", "content": "be", "name": "boss"},
        {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url"}, {"type": "file"}]},
        {"role": "assistant", "content": None, "tool_calls": call},
        {"role": "assistant", "content": None, "tool_calls": None, "name": None},
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]
    countable = CHAT.countable(body(messages=messages, tools=tools))
    assert sorted(countable.texts) == sorted(["be", "see", "boss", json.dumps(call)])
    assert (countable.messages, countable.names, countable.images, countable.files) == (4, 1, 1, 1)
    assert json.loads(countable.tools) == tools


@pytest.mark.parametrize("nothing", [None, []])
def test_no_tools_become_no_tokens(nothing):
    assert CHAT.countable(body(tools=nothing, functions=nothing)).tools == ""


def test_bytes_that_are_no_text_can_still_be_counted():
    """A field that we pass on unread may hold invalid UTF-8; counting it must not fail."""
    asked = raw(b'"tools": ["\xff"]')
    CHAT.read(asked)
    assert "\ufffd" in CHAT.countable(asked).tools
    asked = b'{"model": "m", "messages": [{"tool_calls": ["\xff"]}]}'
    assert "\ufffd" in CHAT.countable(asked).texts[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[DONE]",
        b"[]",
        b"\xff",
        b'{"usage": 5}',
        b'{"usage": null}',
        DEEP,
        b'{"usage": 1e999}',
        b'{"error": "\xed"}',
    ],
)
def test_an_answer_that_says_nothing_is_no_error(answer):
    report = CHAT.report(answer, frozenset(Quirk))
    assert (report.usage, report.cost, report.clamped) == (None, None, False)


def test_an_answer_tells_model_tier_and_usage():
    answer = {"model": "m-2026", "service_tier": "flex", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    report = CHAT.report(json.dumps(answer).encode(), frozenset())
    assert (report.model, report.service_tier, report.usage.input, report.usage.output) == ("m-2026", "flex", 3, 4)
    odd = CHAT.report(json.dumps({"model": 5, "service_tier": ["flex"]}).encode(), frozenset())
    assert (odd.model, odd.service_tier) == (None, None)


@pytest.mark.parametrize(
    ("error", "failed"),
    [({"message": "boom"}, True), ("boom", True), ({"code": 502}, True), (500, True)]
    + [(nothing, False) for nothing in (None, "", {}, [], False)],
)
@pytest.mark.parametrize("more", [{}, {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}])
def test_an_error_inside_a_good_answer_is_a_failure(error, failed, more):
    """OpenRouter answers 200 with an `error`, alone or beside its other fields, whose usage counts all the same."""
    report = CHAT.report(json.dumps({**more, "error": error}).encode(), frozenset())
    assert report.failed is failed
    assert (report.usage is not None) is bool(more)


def test_an_error_that_stands_deeper_is_no_failure():
    answer = {"choices": [{"message": {"content": '"error": {}'}, "error": {"code": 1}}]}
    assert not CHAT.report(json.dumps(answer).encode(), frozenset()).failed
    assert not CHAT.report(b'{"choices": []}', frozenset()).failed


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["prompt_tokens", "cost", "x"]), inner),
    max_leaves=4,
)
USAGE_KEYS = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
]
USAGE_KEYS += ["cost", "cost_in_usd_ticks", "is_byok", "num_cached_tokens", "prompt_cache_hit_tokens", "cached_tokens"]
USAGE_KEYS += ["reasoning_tokens", "citation_tokens", "num_search_queries", "search_context_size"]


RESEARCH = frozenset({Quirk.COUNTS_RESEARCH})


def test_what_perplexity_counts_beside_the_tokens_is_read():
    """As recorded in https://github.com/bgeneto/open-webui-cost-tracker/issues/6."""
    usage = {"prompt_tokens": 33, "completion_tokens": 7163, "total_tokens": 7196, "citation_tokens": 20016}
    usage |= {"num_search_queries": 18, "reasoning_tokens": 73997, "cost": {"total_cost": 0.409}}
    report = CHAT.report(json.dumps({"usage": usage}).encode(), RESEARCH)
    assert report.usage == Usage(
        input=33, input_tool=20016, output=7163, output_reasoning=73997, extras=Extras(web_searches=18)
    )
    assert (report.rounded, report.cost, report.clamped) == (Money.usd("0.409"), None, False)
    plain = CHAT.report(json.dumps({"usage": usage}).encode(), frozenset())
    assert (plain.usage, plain.rounded) == (Usage(input=33, output=7163), None)


def test_how_much_searches_may_give_to_read_is_asked_and_told():
    def told(size):
        usage = {"prompt_tokens": 8, "completion_tokens": 15, "search_context_size": size}
        return CHAT.report(json.dumps({"usage": usage}).encode(), RESEARCH).service_tier

    def asked(size, **more):
        options = {"search_context_size": size}
        return CHAT.read(body(web_search_options=options, **more)).service_tier

    assert [told(size) for size in ("low", "medium", "high", 7)] == [None, "search:medium", "search:high", None]
    assert [asked(size) for size in ("low", "high", None)] == [None, "search:high", None]
    assert asked("high", service_tier="flex") == "flex,search:high"
    assert CHAT.read(body(web_search_options=7)).service_tier is None


def test_a_counter_of_searches_that_is_none_is_said_to_be_mended():
    def read(before=NOTHING_YET, **more):
        usage = {"prompt_tokens": 8, "completion_tokens": 15} | more
        return CHAT.report(json.dumps({"usage": usage}).encode(), RESEARCH, before)

    for odd in (-1, 1.5, "5", True, 10**10):
        report = read(num_search_queries=odd, cost="0.005")
        assert (report.usage, report.clamped, report.rounded) == (Usage(input=8, output=15), True, None)
    first = read(cost={"total_cost": 0.005})
    assert read(first).rounded == first.rounded == Money.usd("0.005")
    assert read(prompt_tokens="x", num_search_queries=5).usage is None


@given(st.dictionaries(st.sampled_from(USAGE_KEYS), json_values), st.sets(st.sampled_from(list(Quirk))))
def test_no_usage_block_whatsoever_raises(usage, quirks):
    """And what is read from it is whole and not negative, so that it fits every book."""
    report = CHAT.report(json.dumps({"usage": usage}).encode(), frozenset(quirks))
    if report.usage is not None:
        counts = [getattr(report.usage, n) for n in Usage.__match_args__ if n not in {"final", "extras", "prompt"}]
        assert all(isinstance(c, int) and 0 <= c <= 10**10 for c in counts)
    if report.cost is not None:
        assert 0 <= report.cost.picos < 2**63


@pytest.mark.parametrize("message", [b'{"model": "\xff"}', b'{"usage": {"prompt_tokens": "\xff"}}', b"\xff", b""])
def test_bytes_that_are_no_text_say_nothing(message):
    for quirks in (frozenset(), frozenset({Quirk.CHARGES_REPORTED_COST})):
        assert CHAT.report(message, quirks).usage is None
