"""Google's official client is satisfied with Gemini's dialect, and the bill agrees with what it was told."""

import json
from contextlib import closing

import pytest
from google import genai
from google.genai import errors, types
from simbench import events

from gateway.simulator.seals import seal

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

WEATHER = types.FunctionDeclaration(
    name="weather",
    parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"]),
)
TOOLS = [types.Tool(function_declarations=[WEATHER])]
MANUAL = {"automatic_function_calling": {"disable": True}}


@pytest.fixture
async def models(sim):
    options = types.HttpOptions(base_url=sim.running.url)
    with closing(genai.Client(api_key="any", http_options=options)) as client:
        yield client.aio.models
        await client.aio.aclose()


def ask(models, said="Hello", model="sim-small", **config):
    return models.generate_content(model=model, contents=said, config=config | MANUAL)


async def chunks(models, said="Hello", model="sim-small", **config):
    stream = await models.generate_content_stream(model=model, contents=said, config=config | MANUAL)
    return [chunk async for chunk in stream]


def text(answers, place=0):
    return "".join(c.content.parts[0].text or "" for a in answers for c in a.candidates if (c.index or 0) == place)


async def test_whole_and_stream_say_the_same_and_are_billed(sim, models):
    whole, streamed = await ask(models, candidate_count=2), await chunks(models, candidate_count=2)
    for place in (0, 1):
        assert text([whole], place) == text(streamed, place)
    assert text([whole], 0) != text([whole], 1)
    used = whole.usage_metadata
    assert streamed[-1].usage_metadata == used
    assert used.total_token_count == used.prompt_token_count + used.candidates_token_count
    totals = [chunk.usage_metadata.candidates_token_count for chunk in streamed]
    assert totals == [*range(1, used.candidates_token_count + 1), used.candidates_token_count, totals[-1]]
    assert [c.finish_reason for chunk in streamed[-2:] for c in chunk.candidates] == ["STOP", "STOP"]
    assert [line["id"] for line in sim.bill] == [whole.response_id, streamed[0].response_id]
    assert {line["prompt_tokens"] for line in sim.bill} == {used.prompt_token_count}
    assert {line["completion_tokens"] for line in sim.bill} == {used.candidates_token_count}


@pytest.mark.parametrize("shown", [True, False])
async def test_thoughts_are_counted_apart_and_signed(sim, models, shown):
    config = {"thinking_config": {"thinking_budget": 7, "include_thoughts": shown}}
    whole = await ask(models, "[[sim: tokens=10]]", "sim-large", **config)
    streamed = await chunks(models, "[[sim: tokens=10]]", "sim-large", **config)
    thoughts = [part.thought for part in whole.candidates[0].content.parts]
    assert thoughts == ([True, None] if shown else [None])
    assert streamed[-1].usage_metadata == whole.usage_metadata
    assert (whole.usage_metadata.candidates_token_count, whole.usage_metadata.thoughts_token_count) == (10, 7)
    assert sum(bool(c.candidates[0].content.parts[0].thought) for c in streamed) == (7 if shown else 0)
    assert [line["completion_tokens"] for line in sim.bill] == [17, 17]
    assert whole.candidates[0].content.parts[-1].thought_signature
    signed = streamed[-1].candidates[0].content
    again = [types.UserContent("Hello"), signed, types.UserContent("And?")]
    await ask(models, again, "sim-large", **config)
    signed.parts[0].thought_signature = seal("another").encode()
    with pytest.raises(errors.ClientError, match="signature"):
        await ask(models, again, "sim-large", **config)


@pytest.mark.parametrize(("level", "thought"), [("LOW", 5), ("HIGH", 20)])
async def test_levels_make_it_think(models, level, thought):
    answer = await ask(models, "[[sim: tokens=10]]", "sim-large", thinking_config={"thinking_level": level})
    assert answer.usage_metadata.thoughts_token_count == thought


async def test_functions_are_called_and_their_results_quoted(models):
    said = "[[sim: calls=2]] Use a tool"
    config = {"tools": TOOLS, "thinking_config": {"thinking_budget": 5}}
    whole, streamed = await ask(models, said, "sim-large", **config), await chunks(models, said, "sim-large", **config)
    calls = whole.function_calls
    assert [call for chunk in streamed for call in chunk.function_calls or ()] == calls
    assert [(call.name, list(call.args)) for call in calls] == [("weather", ["city"])] * 2
    turn = whole.candidates[0].content
    assert [bool(part.thought_signature) for part in turn.parts] == [True, False]
    answers = [types.Part.from_function_response(name="weather", response={"result": f"{n} °C"}) for n in (1, 2)]
    talk = [types.UserContent(said), turn, types.UserContent(answers)]
    assert text([await ask(models, talk, "sim-large", **config)]) == "It says: 1 °C, 2 °C"
    with pytest.raises(errors.ClientError, match="number of function response parts"):
        await ask(models, [*talk[:2], types.UserContent(answers[:1])], "sim-large", **config)


async def test_newer_models_want_their_signatures_back(models):
    said, config = "[[sim: calls=2]] Use a tool", {"tools": TOOLS}
    turn = (await ask(models, said, "gemini-3-flash-preview", **config)).candidates[0].content
    answers = [types.Part.from_function_response(name="weather", response={"result": "18 °C"}) for _ in range(2)]
    talk = [types.UserContent(said), turn, types.UserContent(answers)]
    await ask(models, talk, "gemini-3-flash-preview", **config)
    turn.parts[0].thought_signature = None
    with pytest.raises(errors.ClientError, match="missing a thought_signature"):
        await ask(models, talk, "gemini-3-flash-preview", **config)
    turn.parts[0].thought_signature = b"skip_thought_signature_validator"
    await ask(models, talk, "gemini-3-flash-preview", **config)
    turn.parts[0].thought_signature = None
    await ask(models, [*talk, types.UserContent("Next.")], "gemini-3-flash-preview", **config)


async def test_functions_by_mode(models):
    def calling(mode, *names):
        return {
            "tools": TOOLS,
            "tool_config": {"function_calling_config": {"mode": mode, "allowed_function_names": names or None}},
        }

    required = await ask(models, **calling("ANY"))
    named = await ask(models, **calling("ANY", "weather"))
    none = await ask(models, "Use a tool", **calling("NONE"))
    assert [bool(answer.function_calls) for answer in (required, named, none)] == [True, True, False]


async def test_json_answers_fit(models):
    config = {"response_mime_type": "application/json"}
    free = await ask(models, **config)
    fitted = await ask(models, response_schema=WEATHER.parameters, **config)
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    by_json_schema = await ask(models, response_json_schema=schema, **config)
    assert [list(json.loads(answer.text)) for answer in (free, fitted, by_json_schema)] == [["answer"], ["city"], ["n"]]


async def test_counting_agrees_and_is_free(sim, models):
    counted = await models.count_tokens(model="sim-small", contents="Hello there")
    assert sim.bill == []
    assert counted.total_tokens == (await ask(models, "Hello there")).usage_metadata.prompt_token_count


async def test_a_repeated_beginning_is_cached(models):
    long = "the quick brown fox jumps over the lazy dog and then " * 150
    first, second = await ask(models, long + "one"), await ask(models, long + "two")
    assert first.usage_metadata.cached_content_token_count is None
    assert second.usage_metadata.cached_content_token_count >= 1024


async def test_it_stops_for_a_cap_and_for_a_filter(models):
    capped = await ask(models, "[[sim: tokens=50]]", max_output_tokens=3)
    cut = await ask(models, '[[sim: args={"city":"a_long_name_of_a_city"}]] tool', tools=TOOLS, max_output_tokens=3)
    filtered = await chunks(models, "[[sim: filtered]]")
    assert (capped.candidates[0].finish_reason, capped.usage_metadata.candidates_token_count) == ("MAX_TOKENS", 3)
    assert (cut.candidates[0].finish_reason, cut.function_calls) == ("MAX_TOKENS", None)
    assert filtered[-1].candidates[0].finish_reason == "SAFETY"


@pytest.mark.parametrize(("status", "word"), [(429, "RESOURCE_EXHAUSTED"), (500, "INTERNAL"), (503, "UNAVAILABLE")])
async def test_errors_are_in_shape(sim, models, status, word):
    with pytest.raises(errors.APIError) as error:
        await ask(models, f"[[sim: fail={status} retry_after=2]]")
    assert (error.value.code, error.value.status) == (status, word)
    assert error.value.details["error"]["details"][0]["retryDelay"] == "2s"
    with pytest.raises(errors.ClientError) as unknown:
        await ask(models, model="gemini-9")
    assert unknown.value.status == "NOT_FOUND"
    assert sim.bill == []


ASKED = {"contents": [{"parts": [{"text": "[[sim: tokens=3]]"}]}]}


async def stream(sim, query="?alt=sse", words=""):
    url = f"{sim.running.url}/v1beta/models/sim-small:streamGenerateContent{query}"
    async with sim.http.post(url, json=ASKED, headers={"x-goog-api-key": "any", "x-sim": words}) as answer:
        return await answer.read()


async def test_a_stream_without_alt_is_one_array(sim):
    array, said = json.loads(await stream(sim, "")), events(await stream(sim))
    assert len(array) == len(said) == 3 + 1
    assert [a["candidates"] for a in array] == [json.loads(one)["candidates"] for one in said]


async def test_faults_inside_streams(sim):
    assert json.loads(events(await stream(sim, words="error_after=2"))[-1])["error"]["status"] == "INTERNAL"
    assert json.loads(await stream(sim, "", "error_after=2"))[-1]["error"]["code"] == 500
    assert len(events(await stream(sim, words="eof=2"))) == 2
    assert b"usageMetadata" not in await stream(sim, words="nousage")
    last = json.loads(events(await stream(sim, words="badusage=strings"))[-1])
    assert last["usageMetadata"]["candidatesTokenCount"] == "3"
