// @ai-sdk/openai, which asks /v1/responses.
import { createOpenAI } from "@ai-sdk/openai";
import { client } from "./ai_sdk.mjs";

export const { answer, stream, tools, cancel } = client((call) =>
  createOpenAI({ baseURL: `${call.base}/v1`, apiKey: call.key })(call.model),
);
