"""Who is measured: how each is installed, started and asked. Every peer lives in an environment of its own.

What is off in a peer is what it does not do, or cannot without more servers; in Fareway everything is on.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from process import GATEWAY_CORE, Program, free_port, size_mb

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "build" / "peers"
HERE = Path(__file__).parent
TOKEN = re.compile(r"fw-[0-9a-z]{12}-[\w-]{43}")

NOTHING = "no keys, limits, prices or books"

NGINX = """
worker_processes 1; daemon off; pid nginx.pid; error_log nginx.err; events { worker_connections 4096; }
http { access_log off; client_max_body_size 100m; client_body_buffer_size 1m;
  keepalive_requests 1000000000; keepalive_timeout 1h;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  upstream up { server 127.0.0.1:@UPSTREAM@; keepalive 512; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:@PORT@ backlog=4096;
    location / { proxy_pass http://up; proxy_http_version 1.1; proxy_buffering @BUFFERED@;
                 proxy_set_header Connection ""; } } }
"""
LITELLM = """
model_list:
  - model_name: gpt-4o-mini
    litellm_params: {model: openai/gpt-4o-mini, api_base: "http://127.0.0.1:@UPSTREAM@/v1", api_key: sk-x}
  - model_name: text-embedding-3-small
    litellm_params: {model: openai/text-embedding-3-small, api_base: "http://127.0.0.1:@UPSTREAM@/v1", api_key: sk-x}
general_settings: {disable_spend_logs: true, dangerously_permit_weak_or_unset_master_key: true}
litellm_settings: {num_retries: 0, telemetry: false}
"""
FAREWAY = """
server: {port: @PORT@, admin_port: 0, workers: @WORKERS@}
providers: {openai: {key: "${OPENAI_API_KEY}", base_url: "http://127.0.0.1:@UPSTREAM@/v1"}}
limits:
  - {node: "team:*", amount: 1000000 usd, window: month}
  - {node: "team:broke", amount: 0.000001 usd, window: month}
  - {node: "key:*", amount: 1000000000 requests, window: minute}
  - {node: "key:*", amount: 4000 concurrent}
"""


@dataclass
class Gateway:
    """One of them, once it runs."""

    name: str
    off: str  # What it does not do.
    install: Callable[[Path], None]
    command: Callable[[Path, int, int], list[str]]  # Of its environment, its port and the upstream's.
    files: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    headers: Callable[[int], dict[str, str]] = lambda _: {"Authorization": "Bearer sk-x"}
    weighs: bool = True
    workers: int = 1

    def start(self, home: Path, port: int, upstream: int, core: str = GATEWAY_CORE) -> Program:
        home.mkdir(parents=True, exist_ok=True)
        values = {"@PORT@": str(port), "@UPSTREAM@": str(upstream), "@WORKERS@": str(self.workers)}
        for name, text in self.files.items():
            (home / name).write_text(re.sub("@[A-Z]+@", lambda mark: values[mark[0]], text))
        return Program(self.command(PEERS / self.name, port, upstream), home, self.env | {"HOME": str(home)}, core)

    @property
    def install_mb(self) -> float | None:
        return round(size_mb(PEERS / self.name), 1) if self.weighs else None


def run(*arguments: str, cwd: Path | None = None) -> None:
    subprocess.run(arguments, cwd=cwd, check=True, stdout=subprocess.DEVNULL, timeout=900)


def pip(*wanted: str) -> Callable[[Path], None]:
    def install(folder: Path) -> None:
        if not (folder / "installed").exists():
            run(sys.executable, "-m", "venv", str(folder))
            run(str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *wanted)
            (folder / "installed").touch()

    return install


def npm(wanted: str) -> Callable[[Path], None]:
    def install(folder: Path) -> None:
        if not (folder / "node_modules").exists():
            folder.mkdir(parents=True, exist_ok=True)
            run("npm", "install", "--silent", "--prefix", str(folder), wanted)

    return install


def this_checkout(folder: Path) -> None:
    """As a user would install it: nothing editable."""
    if not (folder / "bin").exists():
        run(sys.executable, "-m", "venv", str(folder))
    run(str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--upgrade", str(ROOT))


def nothing(_: Path) -> None:
    """It is there."""


def router(program: str, *first: str) -> Callable[[Path, int, int], list[str]]:
    """The three routers in Rust take the same options."""

    def command(folder: Path, port: int, upstream: int) -> list[str]:
        where = ["--host", "127.0.0.1", "--port", str(port), "--worker-urls", f"http://127.0.0.1:{upstream}"]
        quiet = ["--policy", "round_robin", "--log-level", "error", "--prometheus-port", str(free_port())]
        return [str(folder / "bin" / program), *first, *where, *quiet]

    return command


def fareway(workers: int = 1) -> Gateway:
    return Gateway(
        "fareway",
        "nothing: keys, budget, rate and concurrency limits, prices, journal, ledger, metrics",
        this_checkout,
        lambda folder, _, __: [str(folder / "bin" / "fareway"), "serve", "--config", "fareway.yaml"],
        {"fareway.yaml": FAREWAY},
        {"OPENAI_API_KEY": "sk-x", "FAREWAY_HOME": "home"},
        workers=workers,
    )


def fareway_keys(gateway: Gateway, program: Program, home: Path) -> dict[str, str]:
    """The key that it made at its start, and one of a team without money."""
    made = TOKEN.findall(program.said)
    create = [str(PEERS / "fareway" / "bin" / "fareway"), "keys", "create", "--config", "fareway.yaml"]
    done = subprocess.run(
        [*create, "--team", "broke"],
        cwd=home,
        env=gateway.env | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return {"first": made[1], "broke": TOKEN.findall(done.stdout)[0]}


NODE_HEADERS = {"Authorization": "Bearer sk-x", "x-portkey-provider": "openai"}

GATEWAYS = (
    Gateway(
        "nginx",
        f"{NOTHING}: it forwards",
        nothing,
        lambda _, __, ___: ["nginx", "-p", ".", "-c", "nginx.conf"],
        {"nginx.conf": NGINX.replace("@BUFFERED@", "off")},
        weighs=False,
    ),
    fareway(),
    Gateway("vllm-router", NOTHING, pip("vllm-router"), router("vllm-router")),
    Gateway("sglang-router", NOTHING, pip("sglang-router"), router("sglang-router", "launch")),
    Gateway("smg", NOTHING, pip("smg"), router("smg", "launch")),
    Gateway(
        "portkey",
        NOTHING,
        npm("@portkey-ai/gateway"),
        lambda folder, port, _: [
            *("node", str(folder / "node_modules" / ".bin" / "gateway"), "--headless", f"--port={port}"),
        ],
        headers=lambda upstream: NODE_HEADERS | {"x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1"},
    ),
    Gateway(
        "litellm",
        "keys, budgets, spend logs (they need PostgreSQL)",
        pip("litellm[proxy]"),
        lambda folder, port, _: [
            *(str(folder / "bin" / "litellm"), "--config", "lite.yaml", "--port", str(port), "--host", "127.0.0.1"),
            *("--num_workers", "1", "--telemetry", "False"),
        ],
        {"lite.yaml": LITELLM},
        {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        },
    ),
)
