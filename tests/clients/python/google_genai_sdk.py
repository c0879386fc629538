"""The official google-genai package."""

from google import genai
from google.genai import types
from play import LEAVE_AFTER, WEATHER

TOOL = types.Tool(
    function_declarations=[{"name": "weather", "description": "The weather.", "parameters_json_schema": WEATHER}]
)


def connect(call):
    return genai.Client(api_key=call.key, http_options=types.HttpOptions(base_url=call.base))


def answer(call):
    with connect(call) as client:
        said = client.models.generate_content(model=call.model, contents=call.prompt)
    return {"text": said.text, "output_tokens": said.usage_metadata.candidates_token_count}


def stream(call):
    with connect(call) as client:
        came = list(client.models.generate_content_stream(model=call.model, contents=call.prompt))
    pieces = [chunk.text for chunk in came if chunk.text]
    if came[-1].candidates[0].finish_reason != "STOP":
        raise RuntimeError("the stream has no proper end")
    return {
        "text": "".join(pieces),
        "pieces": len(pieces),
        "output_tokens": came[-1].usage_metadata.candidates_token_count,
    }


def tools(call):
    asked = types.Content(role="user", parts=[types.Part(text=call.prompt)])
    config = types.GenerateContentConfig(
        tools=[TOOL], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
    )
    with connect(call) as client:
        first = client.models.generate_content(model=call.model, contents=[asked], config=config)
        (used,) = first.function_calls
        part = types.Part.from_function_response(name=used.name, response={"result": "Sunny."})
        turns = [asked, first.candidates[0].content, types.Content(role="user", parts=[part])]
        last = client.models.generate_content(model=call.model, contents=turns, config=config)
    return {"tool": used.args, "text": last.text}


def cancel(call):
    with connect(call) as client:
        chunks = client.models.generate_content_stream(model=call.model, contents=call.prompt)
        pieces = [chunk for chunk, _ in zip(chunks, range(LEAVE_AFTER), strict=False)]
        chunks.close()
    return {"pieces": len(pieces)}
