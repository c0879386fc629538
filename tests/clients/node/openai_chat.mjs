// The official openai package, at /v1/chat/completions.
import OpenAI from "openai";
import { LEAVE_AFTER, WEATHER } from "./asked.mjs";

const TOOL = { type: "function", function: { name: "weather", description: "The weather.", parameters: WEATHER } };

const connect = (call) => new OpenAI({ baseURL: `${call.base}/v1`, apiKey: call.key });
const asked = (call) => [{ role: "user", content: call.prompt }];

export async function answer(call) {
  const said = await connect(call).chat.completions.create({ model: call.model, messages: asked(call) });
  return { text: said.choices[0].message.content, output_tokens: said.usage.completion_tokens };
}

export async function stream(call) {
  const options = { stream: true, stream_options: { include_usage: true } };
  const chunks = await connect(call).chat.completions.create({ model: call.model, messages: asked(call), ...options });
  const pieces = [];
  let usage;
  for await (const chunk of chunks) {
    usage = chunk.usage ?? usage;
    if (chunk.choices[0]?.delta.content) pieces.push(chunk.choices[0].delta.content);
  }
  return { text: pieces.join(""), pieces: pieces.length, output_tokens: usage.completion_tokens };
}

export async function tools(call) {
  const client = connect(call);
  const messages = asked(call);
  const first = await client.chat.completions.create({ model: call.model, messages, tools: [TOOL] });
  const message = first.choices[0].message;
  const [used] = message.tool_calls;
  messages.push(message, { role: "tool", tool_call_id: used.id, content: "Sunny." });
  const last = await client.chat.completions.create({ model: call.model, messages, tools: [TOOL] });
  return { tool: JSON.parse(used.function.arguments), text: last.choices[0].message.content };
}

export async function cancel(call) {
  const chunks = await connect(call).chat.completions.create({ model: call.model, messages: asked(call), stream: true });
  let pieces = 0;
  for await (const _ of chunks) if (++pieces === LEAVE_AFTER) break;
  return { pieces };
}
