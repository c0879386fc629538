"""What a simulated vLLM says of itself at /metrics, by the names, types, labels and buckets of vLLM 0.32.

Source: https://docs.vllm.ai/en/v0.32.0/usage/metrics/ and vllm/v1/metrics/{loggers,buckets}.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.simulator.engine import Engine, Job, Step

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
REASONS = ("stop", "length", "abort", "error", "repetition")
_FIRST_TOKEN_S = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
_TOKEN_S = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
_REQUEST_S = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
_STEP_TOKENS = tuple(1 if power == 0 else 2 ** (power + 2) for power in range(13))

_SECONDS = {
    "time_to_first_token": ("Histogram of time to first token in seconds.", _FIRST_TOKEN_S),
    "inter_token_latency": ("Histogram of inter-token latency in seconds.", _TOKEN_S),
    "request_time_per_output_token": ("Histogram of time_per_output_token_seconds per request.", _TOKEN_S),
    "e2e_request_latency": ("Histogram of e2e request latency in seconds.", _REQUEST_S),
    "request_queue_time": ("Histogram of time spent in WAITING phase for request.", _REQUEST_S),
    "request_inference_time": ("Histogram of time spent in RUNNING phase for request.", _REQUEST_S),
    "request_prefill_time": ("Histogram of time spent in PREFILL phase for request.", _REQUEST_S),
    "request_decode_time": ("Histogram of time spent in DECODE phase for request.", _REQUEST_S),
}


class EngineMetrics(Collector):
    """All of it: gauges and totals are read from the engine when somebody looks, the rest is told."""

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine = engine
        self._labels = {"engine": "0", "model_name": model}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._seconds = {
            name: self._histogram(f"{name}_seconds", text, bounds) for name, (text, bounds) in _SECONDS.items()
        }
        sizes = _one_two_five(engine.settings.max_model_len)
        self._prompt = self._histogram("request_prompt_tokens", "Number of prefill tokens processed.", sizes)
        self._made = self._histogram("request_generation_tokens", "Number of generation tokens processed.", sizes)
        self._step = self._histogram(
            "iteration_tokens_total", "Histogram of number of tokens per engine_step.", _STEP_TOKENS
        )
        self._ended = Counter(
            "vllm:request_success",
            "Count of successfully processed requests.",
            [*self._labels, "finished_reason"],
            registry=self._registry,
        )
        for reason in REASONS:
            self._ended.labels(*self._labels.values(), reason)

    def page(self) -> bytes:
        """As it is scraped."""
        return generate_latest(self._registry)

    def stepped(self, step: Step, last: dict[Job, float]) -> None:
        """A step has ended. `last` says when those that have made a token made the one before it."""
        self._step.observe(step.tokens)
        for job in step.made:
            if job.made == 1:
                self._seconds["time_to_first_token"].observe(step.ends - job.arrived)
            elif job in last:
                self._seconds["inter_token_latency"].observe(step.ends - last[job])

    def ended(self, job: Job, reason: str) -> None:
        """A sequence has come to its end, or was given up."""
        self._ended.labels(*self._labels.values(), reason).inc()
        if job.ended is None or job.began is None or job.first_token is None:
            return
        spans = {
            "e2e_request_latency": job.ended - job.arrived,
            "request_queue_time": job.began - job.arrived,
            "request_inference_time": job.ended - job.began,
            "request_prefill_time": job.first_token - job.began,
            "request_decode_time": job.ended - job.first_token,
            "request_time_per_output_token": (job.ended - job.first_token) / max(1, job.made - 1),
        }
        for name, span in spans.items():
            self._seconds[name].observe(span)
        self._prompt.observe(job.prompt_tokens)
        self._made.observe(job.made)

    def collect(self) -> Iterator[Metric]:
        """What the engine itself knows."""
        engine, waiting = self._engine, len(self._engine.waiting)
        gauges = {
            "num_requests_running": ("Number of requests in model execution batches.", len(engine.running)),
            "num_requests_waiting": ("Number of requests waiting to be processed.", waiting),
            "kv_cache_usage_perc": ("KV-cache usage. 1 means 100 percent usage.", engine.cache.usage),
        }
        for name, (text, value) in gauges.items():
            yield self._family(GaugeMetricFamily, name, text, {"": value})
        by_reason = {"capacity": waiting, "deferred": 0}
        yield self._family(
            GaugeMetricFamily, "num_requests_waiting_by_reason", "Waiting requests by reason.", by_reason, "reason"
        )
        states = {"awake": 1, "weights_offloaded": 0, "discard_all": 0}
        yield self._family(GaugeMetricFamily, "engine_sleep_state", "Engine sleep state.", states, "sleep_state")
        yield from self._totals()
        yield self._cache_config()

    def _totals(self) -> Iterator[Metric]:
        totals = self._engine.totals
        counters = {
            "prefix_cache_queries": ("Prefix cache queries, in terms of number of queried tokens.", totals.queries),
            "prefix_cache_hits": ("Prefix cache hits, in terms of number of cached tokens.", totals.hits),
            "num_preemptions": ("Cumulative number of preemption from the engine.", totals.preemptions),
            "prompt_tokens": ("Number of prefill tokens processed.", totals.prompt),
            "prompt_tokens_cached": ("Number of cached prompt tokens (local + external).", totals.prompt_cached),
            "generation_tokens": ("Number of generation tokens processed.", totals.generated),
        }
        for name, (text, value) in counters.items():
            yield self._family(CounterMetricFamily, name, text, {"": value})
        sources = {
            "local_compute": totals.prompt - totals.prompt_cached,
            "local_cache_hit": totals.prompt_cached,
            "external_kv_transfer": 0,
        }
        yield self._family(
            CounterMetricFamily, "prompt_tokens_by_source", "Number of prompt tokens by source.", sources, "source"
        )

    def _family(
        self,
        kind: type[GaugeMetricFamily | CounterMetricFamily],
        name: str,
        text: str,
        values: Mapping[str, float],
        label: str = "",
    ) -> Metric:
        """One sample, or one for each value of a label."""
        family = kind(f"vllm:{name}", text, labels=[*self._labels, label] if label else [*self._labels])
        for named, value in values.items():
            family.add_metric([*self._labels.values(), named] if label else [*self._labels.values()], value)
        return family

    def _cache_config(self) -> Metric:
        settings = self._engine.settings
        said = {
            "block_size": str(settings.block_size),
            "enable_prefix_caching": str(settings.enable_prefix_caching),
            "engine": "0",
            "num_gpu_blocks": str(settings.num_gpu_blocks),
        }
        family = GaugeMetricFamily(
            "vllm:cache_config_info", "Information of the LLMEngine CacheConfig", labels=list(said)
        )
        family.add_metric(list(said.values()), 1)
        return family

    def _histogram(self, name: str, text: str, bounds: Sequence[float]) -> Histogram:
        made = Histogram(f"vllm:{name}", text, list(self._labels), buckets=bounds, registry=self._registry)
        return made.labels(*self._labels.values())


def _one_two_five(most: int) -> list[float]:
    """1, 2, 5, 10, 20, … up to `most`."""
    return [
        float(step * 10**power) for power in range(len(str(most))) for step in (1, 2, 5) if step * 10**power <= most
    ]
