// @ai-sdk/openai-compatible, which asks /v1/chat/completions.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { client } from "./ai_sdk.mjs";

export const { answer, stream, tools, cancel } = client((call) =>
  createOpenAICompatible({ name: "fareway", baseURL: `${call.base}/v1`, apiKey: call.key, includeUsage: true })(
    call.model,
  ),
);
