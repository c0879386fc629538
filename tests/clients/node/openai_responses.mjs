// The official openai package, at /v1/responses.
import OpenAI from "openai";
import { LEAVE_AFTER, WEATHER } from "./asked.mjs";

const TOOL = { type: "function", name: "weather", description: "The weather.", parameters: WEATHER, strict: true };

const connect = (call) => new OpenAI({ baseURL: `${call.base}/v1`, apiKey: call.key });

export async function answer(call) {
  const said = await connect(call).responses.create({ model: call.model, input: call.prompt });
  return { text: said.output_text, output_tokens: said.usage.output_tokens };
}

export async function stream(call) {
  const events = await connect(call).responses.create({ model: call.model, input: call.prompt, stream: true });
  const pieces = [];
  let last;
  for await (const event of events) {
    last = event;
    if (event.type === "response.output_text.delta") pieces.push(event.delta);
  }
  if (last.type !== "response.completed") return { error: last.type, message: JSON.stringify(last) };
  return { text: pieces.join(""), pieces: pieces.length, output_tokens: last.response.usage.output_tokens };
}

export async function tools(call) {
  const client = connect(call);
  const input = [{ role: "user", content: call.prompt }];
  const first = await client.responses.create({ model: call.model, input, tools: [TOOL] });
  const [used] = first.output.filter((item) => item.type === "function_call");
  input.push(...first.output, { type: "function_call_output", call_id: used.call_id, output: "Sunny." });
  const last = await client.responses.create({ model: call.model, input, tools: [TOOL] });
  return { tool: JSON.parse(used.arguments), text: last.output_text };
}

export async function cancel(call) {
  const events = await connect(call).responses.create({ model: call.model, input: call.prompt, stream: true });
  let pieces = 0;
  for await (const event of events) {
    if (event.type === "response.output_text.delta" && ++pieces === LEAVE_AFTER) break;
  }
  return { pieces };
}
