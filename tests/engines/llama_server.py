"""llama.cpp's server, as the package xllamacpp carries it: `python tests/engines/llama_server.py MODEL [PORT]`.

It says where it is, and runs until it is told to stop. Options are those of llama-server:
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md.
"""

from __future__ import annotations

import signal
import sys

import xllamacpp

SLOTS, CONTEXT = 4, 16_384  # Sequences side by side, and the most tokens of each.


def main(model: str, port: int) -> None:
    """Serve the model as `tiny`, on one thread: several engines share the machine with what tests them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {"tiny"}
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * CONTEXT
    params.n_predict = 256  # Unless a call says otherwise: the model never ends by itself.
    params.endpoint_metrics = True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_gpu_layers = 0
    params.fit_params = False
    params.ui = False
    params.cache_ram_mib = 0  # What is in no slot is forgotten.
    server = xllamacpp.Server(params)
    print(f"The engine is at {server.listening_address}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
