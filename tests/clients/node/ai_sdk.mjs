// The AI SDK: what its providers have in common.
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { LEAVE_AFTER, WEATHER } from "./asked.mjs";

export const client = (model) => ({
  async answer(call) {
    const said = await generateText({ model: model(call), prompt: call.prompt });
    return { text: said.text, output_tokens: said.usage.outputTokens };
  },

  async stream(call) {
    const failed = [];
    const said = streamText({ model: model(call), prompt: call.prompt, onError: ({ error }) => failed.push(error) });
    const pieces = [];
    for await (const piece of said.textStream) pieces.push(piece);
    if (failed.length) throw failed[0];
    return { text: pieces.join(""), pieces: pieces.length, output_tokens: (await said.usage).outputTokens };
  },

  async tools(call) {
    let used;
    const execute = async (input) => {
      used = input;
      return "Sunny.";
    };
    const weather = tool({ description: "The weather.", inputSchema: jsonSchema(WEATHER), execute });
    const options = { prompt: call.prompt, tools: { weather }, stopWhen: stepCountIs(3) };
    const said = await generateText({ model: model(call), ...options });
    return { tool: used, text: said.text };
  },

  async cancel(call) {
    const leaving = new AbortController();
    const said = streamText({ model: model(call), prompt: call.prompt, abortSignal: leaving.signal });
    let pieces = 0;
    for await (const _ of said.textStream) if (++pieces === LEAVE_AFTER) leaving.abort();
    return { pieces };
  },
});
