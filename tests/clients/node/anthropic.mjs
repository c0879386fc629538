// The official @anthropic-ai/sdk.
import Anthropic from "@anthropic-ai/sdk";
import { LEAVE_AFTER, WEATHER } from "./asked.mjs";

const TOOL = { name: "weather", description: "The weather.", input_schema: WEATHER };

const connect = (call) => new Anthropic({ baseURL: call.base, apiKey: call.key });
const asked = (call) => ({
  model: call.model,
  max_tokens: 4000,
  messages: [{ role: "user", content: call.prompt }],
});
const text = (message) => message.content.map((block) => (block.type === "text" ? block.text : "")).join("");

export async function answer(call) {
  const said = await connect(call).messages.create(asked(call));
  return { text: text(said), output_tokens: said.usage.output_tokens };
}

export async function stream(call) {
  const pieces = [];
  const said = await connect(call)
    .messages.stream(asked(call))
    .on("text", (piece) => pieces.push(piece))
    .finalMessage();
  if (said.stop_reason !== "end_turn") throw new Error(`it stopped because of ${said.stop_reason}`);
  return { text: pieces.join(""), pieces: pieces.length, output_tokens: said.usage.output_tokens };
}

export async function tools(call) {
  const client = connect(call);
  const body = { ...asked(call), tools: [TOOL] };
  const first = await client.messages.create(body);
  const [used] = first.content.filter((block) => block.type === "tool_use");
  const result = { type: "tool_result", tool_use_id: used.id, content: "Sunny." };
  body.messages.push({ role: "assistant", content: first.content }, { role: "user", content: [result] });
  return { tool: used.input, text: text(await client.messages.create(body)) };
}

export async function cancel(call) {
  const events = await connect(call).messages.create({ ...asked(call), stream: true });
  let pieces = 0;
  for await (const event of events) if (event.type === "content_block_delta" && ++pieces === LEAVE_AFTER) break;
  return { pieces };
}
