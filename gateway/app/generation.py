"""What one configuration makes: the names, the ways and the pipeline of the calls that come while it is in use.

Another configuration makes another one, from the same parts that last. A call ends with what it began with.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.app.lasting import Lasting
from gateway.assembly.routing import Signs, catalog, hedging, prompts, router, signers
from gateway.catalog.catalog import Catalog
from gateway.config.settings import Settings
from gateway.front.server import Front
from gateway.front.traced import traced
from gateway.journey.hedging import Hedging
from gateway.journey.routing import Router
from gateway.journey.setting_aside import SettingAside
from gateway.journey.untouched import PassThrough
from gateway.pipeline import Pipeline
from gateway.prompt_cache.prompts import Prompts
from gateway.upstream.signing import Signer


@dataclass(frozen=True)
class Generation:
    """See the module."""

    settings: Settings
    catalog: Catalog
    signing: Mapping[Signs, Signer]
    watching: Prompts | None
    front: Front

    @property
    def pipeline(self) -> Pipeline:
        """The steps of a call."""
        return self.front.pipeline


def generation(settings: Settings, lasting: Lasting, before: Generation | None = None) -> Generation:
    """The one after `before`. Nothing has changed yet. Raises NoSigner."""
    told = lasting.told
    names = catalog(settings, lambda: lasting.pricing.book, lasting.clock, lasting.fleet)
    finding = router(
        settings,
        names,
        told.health,
        lasting.clock,
        lasting.calibration,
        learning=lasting.learning,
        fleet=lasting.fleet,
        seen=lasting.seen,
    )
    signing = signers(settings, {} if before is None else before.signing)
    same = before is not None and before.settings.cache.prompt == settings.cache.prompt
    watching = before.watching if before is not None and same else prompts(settings)
    by_provider = {signs.provider: signer for signs, signer in signing.items()}
    asking = hedging(
        settings,
        lasting.wire,
        told.health,
        lasting.clock,
        signing=by_provider,
        tokens=lasting.tokens,
        retries=lasting.retries,
        watching=watching,
        left_behind=lasting.left_behind,
        tracing=told.tracing,
    )
    front = _front(settings, lasting, _pipeline(settings, lasting, finding, asking), names, by_provider)
    return Generation(settings, names, signing, watching, front)


def _pipeline(settings: Settings, lasting: Lasting, finding: Router, asking: Hedging) -> Pipeline:
    told, money, tokens = lasting.told, lasting.money, lasting.tokens
    refuse_unpriced = settings.prices.unknown == "refuse"
    return Pipeline(
        tenants=money.keyring.tenants,
        router=finding,
        tokens=tokens,
        calibration=lasting.calibration,
        answered=lasting.answered,
        books=money.books,
        setting_aside=SettingAside(money.limits, finding, tokens, told.metrics, refuse_unpriced),
        asking=asking,
        taking=lasting.deferred.taking,
        metrics=told.metrics,
        clock=lasting.clock,
        monotonic=time.perf_counter,
    )


def _front(
    settings: Settings, lasting: Lasting, pipeline: Pipeline, names: Catalog, signing: Mapping[str, Signer]
) -> Front:
    refuse_unpriced, server = pipeline.setting_aside.refuse_unpriced, settings.server
    return Front(
        pipeline,
        names,
        lasting.together,
        PassThrough(lasting.money.books, lasting.wire, signing, refuse_unpriced, time.perf_counter),
        lasting.batches.pages(pipeline),
        lasting.ratings,
        lasting.later,
        lasting.dashboard,
        lasting.ready,
        *(server.body_bytes_max, server.body_timeout_s, server.metrics),
        traced(settings, pipeline, lasting.told.tracing),
    )
