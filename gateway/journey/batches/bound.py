"""The most that a batch can cost: the sum over its calls, each read as an ordinary call is, at the price of batches."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.core.caller import Key
from gateway.core.errors import BadRequest, Forbidden, NoPrice, UnknownModel
from gateway.core.limit import Fare
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus
from gateway.core.request import Asked, Facts, Request
from gateway.dialects.batch_requests import BatchCall, within
from gateway.dialects.spoken import DIALECTS
from gateway.journey.carriage import Carrier
from gateway.journey.option import Option
from gateway.journey.question import FARE_CREDIBLE_MAX
from gateway.journey.routing import Router
from gateway.tokens.size import Size


class Bound:
    """Adds up. All calls of a batch have one model and go to one provider, so that one entry can say what it was.

    `provider` may be empty: then the first call decides, among those that take batches of this `style`.
    """

    def __init__(self, router: Router, key: Key, request_id: str, *, style: str, provider: str, betas: str) -> None:
        self._router = router
        self._key = key
        self._request_id = request_id
        self._style = style
        self._provider = provider
        self._betas = betas
        self._option: Option | None = None
        self._picos = 0
        self._priced = True  # Whether all that may run has a price.
        self._given = self._made = 0  # Tokens.
        self.calls = 0
        self.asked_model = ""
        self.dialect = ""
        self.renamed = False  # A call names its model in another way than the provider does.

    def add(self, call: BatchCall) -> bytes:
        """One call more. Returns its body as the provider must get it. Raises BadRequest, UnknownModel or Forbidden."""
        dialect = DIALECTS[call.dialect]
        asked = Asked(call.body, betas=self._betas)
        try:
            facts = _whole(dialect.read(asked))
            option, request = self._placed(call, asked, facts)
            body = call.body
            if option.deployment.model != facts.model:
                self.renamed = True
                body = dialect.aim(asked, option.deployment.model, facts).body
        except BadRequest as error:
            raise within(call.where, error) from None
        self._picos += option.worst_batched(request).picos
        self._priced = self._priced and option.priced
        self._given += request.input_tokens
        self._made += option.output_max
        self.calls += 1
        return body

    def _placed(self, call: BatchCall, asked: Asked, facts: Facts) -> tuple[Option, Request]:
        if not all(map(self._key.may_use, facts.models)):
            raise Forbidden(f"{call.where}: this key may not use that model.")
        size = Size(len(call.body))
        request = Request(self._request_id, self._key.id, call.dialect, facts, input_tokens=0)
        try:
            request = replace(request, input_tokens=self._router.bound(facts, size, proven=True))
            options = self._router.options(request, size, Carrier(asked, lossy=False))
        except UnknownModel as error:
            raise UnknownModel(f"{call.where}: {error}") from None
        known = self._option
        wanted = known.deployment.provider.name if known is not None else self._provider
        for option in options:
            provider = option.deployment.provider
            if option.carried is None and provider.batches == self._style and wanted in ("", provider.name):
                break
        else:
            raise BadRequest("nobody who takes this batch serves this model", "model")
        if known is not None and known.candidate.name != option.candidate.name:
            raise BadRequest("all calls of a batch must have one model: make a batch for each", "model")
        if known is None:
            self._option, self.asked_model, self.dialect = option, facts.model, call.dialect
        return option, request

    @property
    def option(self) -> Option:
        """Where it goes. Raises BadRequest for a batch without calls."""
        if self._option is None:
            raise BadRequest("The batch has no calls.")
        return self._option

    def fare(self, *, needs_price: bool) -> tuple[Fare, Cost]:
        """What to charge while it runs. Raises BadRequest or NoPrice."""
        price, worst = self.option.price, Money(self._picos)
        if worst > FARE_CREDIBLE_MAX:
            raise BadRequest(f"This batch could cost {worst}, which is more than any may: set caps on its output.")
        if needs_price and not self._priced:
            raise NoPrice("A hard budget guards this key, and no price is known for the model.")
        cost = UNPRICED if price is None else Cost(worst, CostStatus.UNCERTAIN, price.id)
        return Fare(cost.known.nanos_up, self._given, self._made, requests=self.calls), cost


def _whole(facts: Facts) -> Facts:
    """Raises BadRequest for a call that no batch can have here."""
    if facts.stream:
        raise BadRequest("a batch does not stream", "stream")
    if facts.unseen:
        raise BadRequest("a batch's calls must hold all that they say: what lies at the provider may be another's")
    return facts
