"""Codex, headless. It always streams, and shows an answer once it is whole."""


def command(call, programs):
    """The gateway as a provider of its own, with no repeats: Codex takes up a broken stream five times, and asks
    five times where a key is bad."""
    provider = {
        "name": "Fareway",
        "base_url": f"{call.base}/v1",
        "env_key": "FAREWAY_API_KEY",
        "wire_api": "responses",
    }
    settings = [f'model_providers.fareway.{name}="{value}"' for name, value in provider.items()]
    settings += ["model_providers.fareway.request_max_retries=0", "model_providers.fareway.stream_max_retries=0"]
    settings += ['model_provider="fareway"', "analytics.enabled=false", "check_for_update_on_startup=false"]
    options = [word for setting in settings for word in ("-c", setting)]
    line = [str(programs / "codex"), "exec", "--json", "--skip-git-repo-check", "--ephemeral", "-s", "read-only"]
    return [*line, "-m", call.model, *options, call.prompt], {"FAREWAY_API_KEY": call.key}


def understood(lines):
    """What was said last, and the command that was run."""
    items = [one["item"] for one in lines if one["type"] == "item.completed"]
    said = [item["text"] for item in items if item["type"] == "agent_message"]
    used = [item for item in items if item["type"] == "command_execution"]
    return {"text": said[-1] if said else ""} | ({"tool": used[0]} if used else {})
