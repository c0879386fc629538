"""CPU per small chat call with everything on (key, budget, rate limit, price, journal, ledger, metrics),
beside a plain aiohttp proxy in the same run: these machines are shared, so only the ratio travels.

Method: the program alone on core 0, load by wrk with 32 connections on core 1, nginx as the provider;
CPU time of all the program's threads from the scheduler, divided by answered calls. Alternating rounds,
medians.
"""

from __future__ import annotations

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import record

HERE = Path(__file__).parent
ROUNDS, SECONDS, CONNECTIONS = 5, 4, 32
BODY = (
    '{"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are a helpful assistant."},'
    '{"role":"user","content":"Hello! Please tell me what you can do for me today, in a few words."}],"max_tokens":100}'
)
CONFIG = """
server: {port: @PORT@}
providers: {openai: {key: "${OPENAI_API_KEY}", base_url: "http://127.0.0.1:@UPSTREAM@/v1"}}
limits:
  - {node: "team:*", amount: 1000000 usd, window: month}
  - {node: "key:*", amount: 100000000 requests, window: minute}
  - {node: "key:*", amount: 1000 concurrent}
"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


def cpu_us(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1000


def pinned(arguments: list[str], folder: Path, **env: str) -> subprocess.Popen:
    log = (folder / f"log-{time.time_ns()}.txt").open("wb")
    return subprocess.Popen(
        ["taskset", "-c", "0", *arguments], cwd=folder, env=os.environ | env, stdout=log, stderr=log
    )


def load(port: int, script: Path) -> int:
    done = subprocess.run(
        [
            "taskset",
            "-c",
            str(min(1, os.cpu_count() - 1)),
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{SECONDS}",
            "-s",
            str(script),
            f"http://127.0.0.1:{port}/v1/chat/completions",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(done.stdout)
    return int(re.search(r"(\d+) requests in", done.stdout)[1])


def measure(pid: int, port: int, script: Path) -> float:
    before = cpu_us(pid)
    calls = load(port, script)
    return (cpu_us(pid) - before) / calls


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="fareway-bench-"))
    upstream, plain_port, port = free_port(), free_port(), free_port()
    (folder / "nginx.conf").write_text((HERE / "nginx.conf").read_text().replace("@PORT@", str(upstream)))
    (folder / "fareway.yaml").write_text(CONFIG.replace("@PORT@", str(port)).replace("@UPSTREAM@", str(upstream)))
    nginx = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{upstream}/v1/chat/completions"
    plain = pinned([sys.executable, str(HERE / "plain_proxy.py"), str(plain_port), url], folder)
    ours = pinned(
        [sys.executable, "-m", "gateway", "serve", "--config", "fareway.yaml"],
        folder,
        FAREWAY_HOME=str(folder / "home"),
        OPENAI_API_KEY="x",
        PYTHONPATH=str(HERE.parents[1]),
    )
    try:
        for one in (upstream, plain_port, port):
            listening(one)
        time.sleep(1)
        idle_mb = rss_mb(ours.pid)
        said = "".join(path.read_text() for path in folder.glob("log-*.txt"))
        key = re.findall(r"fw-[0-9a-z]{12}-[\w-]{43}", said)[1]
        script = folder / "post.lua"
        script.write_text(
            'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
            f'wrk.headers["Authorization"] = "Bearer {key}"\nwrk.body = [[{BODY}]]\n'
        )
        for warm in (plain_port, port):
            load(warm, script)
        pairs = [(measure(plain.pid, plain_port, script), measure(ours.pid, port, script)) for _ in range(ROUNDS)]
        figures = {
            "chat_cpu_us": round(statistics.median(mine for _, mine in pairs)),
            "chat_cpu_us_range": [round(min(m for _, m in pairs)), round(max(m for _, m in pairs))],
            "plain_aiohttp_proxy_cpu_us": round(statistics.median(other for other, _ in pairs)),
            "ratio_to_plain_proxy": round(statistics.median(mine / other for other, mine in pairs), 2),
            "rss_idle_mb": round(idle_mb, 1),
            "rss_after_load_mb": round(rss_mb(ours.pid), 1),
        }
        record("overhead", "make bench-overhead", figures)
        if "--first-run" in sys.argv:
            record("first-run", "make bench-first-run", {k: figures[k] for k in ("chat_cpu_us", "rss_idle_mb")})
    finally:
        for process in (ours, plain, nginx):
            process.terminate()
            process.wait()


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


main()
