"""Claude Code, headless."""

QUIET = {
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}


def command(call, programs):
    """With one tool where tools are tried, else with none."""
    tools = ["--tools", "Bash", "--allowedTools", "Bash"] if call.action == "tools" else ["--tools", ""]
    shown = ["--output-format", "stream-json", "--verbose", "--include-partial-messages"]
    line = [str(programs / "claude"), "-p", call.prompt, "--model", call.model, *tools, *shown]
    return line, {"ANTHROPIC_BASE_URL": call.base, "ANTHROPIC_API_KEY": call.key} | QUIET


def understood(lines):
    """The last line is the result; those before show pieces, and tools as they are used."""
    deltas = [one["event"] for one in lines if one["type"] == "stream_event"]
    pieces = [one for one in deltas if one.get("delta", {}).get("type") == "text_delta"]
    blocks = [block for one in lines if one["type"] == "assistant" for block in one["message"]["content"]]
    used = [block["input"] for block in blocks if block["type"] == "tool_use"]
    told = {"tool": used[0]} if used else {}
    return {"text": lines[-1]["result"], "pieces": len(pieces)} | told
