"""Every client that is run, how it is pointed at the gateway, and what it makes of what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.translate.edges import EDGES


class Deployment(NamedTuple):
    """A model of the gateway's, at a simulated provider that speaks this dialect and no other."""

    name: str
    dialect: str


DEPLOYMENTS = (
    Deployment("chat-sim", "openai-chat"),
    Deployment("claude-sim", "anthropic-messages"),
    Deployment("gemini-sim", "gemini"),
    Deployment("responses-sim", "openai-responses"),
    Deployment("converse-sim", "bedrock-converse"),
    Deployment("invoke-sim", "bedrock-invoke"),
)


@dataclass(frozen=True)
class Client:
    """One client. `errors` has, by feature, the class that it must fail with, or the exit status of a command."""

    name: str
    packages: tuple[str, ...]  # On PyPI or npm.
    kind: str  # "python", "node" or "agent".
    module: str  # The file that drives it.
    dialect: str  # What it speaks to the gateway.
    pointed: str  # How, in one line.
    errors: dict[str, str | int]
    translated_errors: dict[str, str] = field(default_factory=dict)  # Where those differ over a translation.
    home: str = "python"  # The environment it is installed in, below build/clients.
    insists: int = 0  # How often it repeats a refused call, although it is told not to.
    orders: str = ""  # What the simulated model is told where tools are tried: to call one of the agent's own.
    asks_again: bool = False  # When a stream has failed, without a stream.
    skips: dict[str, str] = field(default_factory=dict)  # By feature, why it cannot be.

    @property
    def deployments(self) -> list[Deployment]:
        """Its own dialect's first, then those that an edge leads to."""
        led = {edge.outbound for edge in EDGES if edge.inbound == self.dialect}
        own = [one for one in DEPLOYMENTS if one.dialect == self.dialect]
        return own + [one for one in DEPLOYMENTS if one.dialect in led]

    def failure(self, feature: str, to: Deployment) -> str | int | None:
        """What it must fail with; None where it must not."""
        own = self.errors.get(feature)
        return own if to.dialect == self.dialect else self.translated_errors.get(feature, own)


def classes(budget: str | int, key: str | int, stream: str | int) -> dict[str, str | int]:
    """What the client fails with, by feature."""
    return {"budget refusal": budget, "bad key": key, "error in a stream": stream}


_OPENAI = classes("RateLimitError", "AuthenticationError", "APIError")
_AI = classes("RetryError", "APICallError", "StreamProviderError")

CLIENTS: tuple[Client, ...] = (
    Client(
        "openai (Python), chat", ("openai",), "python", "openai_chat_sdk", "openai-chat",
        'OpenAI(base_url="{base}/v1", api_key=key)', _OPENAI,
    ),
    Client(
        "openai (Python), responses", ("openai",), "python", "openai_responses_sdk", "openai-responses",
        'OpenAI(base_url="{base}/v1", api_key=key)',
        classes("RateLimitError", "AuthenticationError", "ResponseErrorEvent"),
        translated_errors={"error in a stream": "APIError"},
    ),
    Client(
        "anthropic (Python)", ("anthropic",), "python", "anthropic_sdk", "anthropic-messages",
        'Anthropic(base_url="{base}", api_key=key)',
        classes("EnforcedSpendLimitReachedError", "AuthenticationError", "APIStatusError"),
    ),
    Client(
        "google-genai", ("google-genai",), "python", "google_genai_sdk", "gemini",
        'genai.Client(api_key=key, http_options=HttpOptions(base_url="{base}"))',
        classes("ClientError", "ClientError", "ServerError"),
    ),
    Client(
        "langchain-openai", ("langchain-openai",), "python", "langchain_openai_model", "openai-chat",
        'ChatOpenAI(base_url="{base}/v1", api_key=key)',
        classes("OpenAIRateLimitError", "OpenAIAuthenticationError", "APIError"),
    ),
    Client(
        "langchain-anthropic", ("langchain-anthropic",), "python", "langchain_anthropic_model", "anthropic-messages",
        'ChatAnthropic(base_url="{base}", api_key=key)',
        classes("AnthropicRateLimitError", "AnthropicAuthenticationError", "APIStatusError"),
    ),
    Client(
        "litellm, as a client", ("litellm",), "python", "litellm_sdk", "openai-chat",
        'completion("openai/<model>", api_base="{base}/v1", api_key=key)',
        classes("RateLimitError", "AuthenticationError", "MidStreamFallbackError"), home="litellm",
    ),
    Client(
        "pydantic-ai", ("pydantic-ai-slim",), "python", "pydantic_ai_agents", "openai-chat",
        'OpenAIChatModel(model, provider=OpenAIProvider(base_url="{base}/v1", api_key=key))',
        classes("ModelQuotaExceededError", "ModelAuthenticationError", "ModelServerError"),
    ),
    Client(
        "openai (Node), chat", ("openai",), "node", "openai_chat", "openai-chat",
        'new OpenAI({baseURL: "{base}/v1", apiKey})', _OPENAI,
    ),
    Client(
        "openai (Node), responses", ("openai",), "node", "openai_responses", "openai-responses",
        'new OpenAI({baseURL: "{base}/v1", apiKey})', _OPENAI,
    ),
    Client(
        "@anthropic-ai/sdk", ("@anthropic-ai/sdk",), "node", "anthropic", "anthropic-messages",
        'new Anthropic({baseURL: "{base}", apiKey})',
        classes("EnforcedSpendLimitReachedError", "AuthenticationError", "APIError"),
    ),
    Client(
        "ai + @ai-sdk/openai", ("ai", "@ai-sdk/openai"), "node", "ai_openai", "openai-responses",
        'createOpenAI({baseURL: "{base}/v1", apiKey})', _AI, insists=2,
    ),
    Client(
        "ai + @ai-sdk/openai-compatible", ("ai", "@ai-sdk/openai-compatible"), "node", "ai_openai_compatible",
        "openai-chat",
        'createOpenAICompatible({name: "fareway", baseURL: "{base}/v1", apiKey})', _AI, insists=2,
    ),
    Client(
        "ai + @ai-sdk/anthropic", ("ai", "@ai-sdk/anthropic"), "node", "ai_anthropic", "anthropic-messages",
        'createAnthropic({baseURL: "{base}/v1", apiKey})', _AI, insists=2,
    ),
    Client(
        "Claude Code", ("@anthropic-ai/claude-code",), "agent", "claude_code", "anthropic-messages",
        'ANTHROPIC_BASE_URL={base} ANTHROPIC_API_KEY=… claude -p "…"', classes(1, 1, 1), asks_again=True,
        orders=r'tool=Bash args={"command":"echo\u0020Sunny."}',
    ),
    Client(
        "Codex", ("@openai/codex",), "agent", "codex", "openai-responses",
        'model_provider = "fareway"; model_providers.fareway = '
        '{name = "Fareway", base_url = "{base}/v1", wire_api = "responses", env_key = "FAREWAY_API_KEY"}',
        classes(1, 1, 1), orders=r'tool=exec_command args={"cmd":"echo\u0020Sunny."}',
    ),
)  # fmt: skip
