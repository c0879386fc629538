// @ai-sdk/anthropic.
import { createAnthropic } from "@ai-sdk/anthropic";
import { client } from "./ai_sdk.mjs";

export const { answer, stream, tools, cancel } = client((call) =>
  createAnthropic({ baseURL: `${call.base}/v1`, apiKey: call.key })(call.model),
);
