"""Which names lead to which backends."""

import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Deployment, Provider
from gateway.core.errors import Unavailable, UnknownModel
from gateway.core.tenant import Drain
from gateway.fleet.backend import Backend, State
from gateway.fleet.fleet import Fleet

URLS = ("http://10.0.0.5:8000/v1", "http://10.0.0.6:8000/v1")
HOSTS = ("10.0.0.5:8000", "10.0.0.6:8000")
LOCAL = Provider("local", URLS[0], backends=URLS, selfhosted=True)
API = Provider("api", "https://api/v1")


class Book:
    """Prices of one model at the API, and of another at the own machines."""

    def models(self, provider):
        return ("gpt",) if provider == "api" else ("priced",)

    def price(self, provider, model, at, region=""):
        return None


class Place:
    """A catalogue over two backends that both serve llama."""

    def __init__(self, **names):
        self.fleet = Fleet(Backend("local", host, url) for host, url in zip(HOSTS, URLS, strict=True))
        self.catalog = Catalog({"local": LOCAL, "api": API}, Book, lambda: 0.0, engines=self.fleet, **names)
        for backend in self.fleet.backends:
            backend.seen, backend.models = State.READY, frozenset({"llama", "org/llama"})

    def find(self, name, provider=""):
        self.catalog.forget()
        return [d.name for d in self.catalog.find(name, provider)]


BOTH = [f"local@{host}/llama" for host in HOSTS]


def test_a_name_stands_for_all_backends():
    place = Place()
    assert place.find("local/llama") == place.find("llama") == place.find("llama", "local") == BOTH
    assert {d.group for d in place.catalog.find("local/llama")} == {"local/llama"}
    assert [d.provider.access["openai-chat"].base_url for d in place.catalog.find("llama")] == list(URLS)


def test_a_models_name_may_have_a_slash():
    assert Place().find("org/llama") == [f"local@{host}/org/llama" for host in HOSTS]


def test_without_a_fleet_all_backends_serve_everything():
    catalog = Catalog({"local": LOCAL}, Book, lambda: 0.0)
    assert [d.name for d in catalog.find("local/any")] == [f"local@{host}/any" for host in HOSTS]
    assert catalog.reached(LOCAL).backend == HOSTS[0]


@pytest.mark.parametrize("state", [state for state in State if state not in (State.READY, State.DRAINING)])
def test_only_those_that_are_ready(state):
    place = Place()
    place.fleet.backends[0].seen = state
    assert place.find("llama") == BOTH[1:]
    assert place.catalog.reached(LOCAL).backend == HOSTS[1]


def test_only_those_that_serve_it():
    place = Place()
    place.fleet.backends[1].models = frozenset({"other"})
    assert place.find("local/llama") == BOTH[:1]
    assert place.find("other") == [f"local@{HOSTS[1]}/other"]


def test_only_those_that_are_not_drained():
    place = Place()
    place.fleet.drain({f"local@{HOSTS[0]}": Drain(1.0, "somebody"), "local@gone": Drain(1.0, "somebody")})
    assert place.find("llama") == BOTH[1:]
    assert place.fleet.backends[0].told == "drained by somebody"
    place.fleet.drain({})
    assert place.find("llama") == BOTH


def test_one_that_is_down_is_not_draining():
    backend = Place().fleet.backends[0]
    backend.noticed, backend.seen = "terminate", State.DOWN
    assert backend.state is State.DOWN


def test_where_none_takes_calls_another_provider_does():
    models = {"chat": (Deployment(LOCAL, "llama"), Deployment(API, "gpt"))}
    place = Place(models=models, aliases={"fast": "chat"}, tiers={"economy": ("chat",)})
    assert place.find("fast") == [*BOTH, "api/gpt"]
    assert {d.tier for d in place.catalog.find("chat")} == {"economy"}
    for backend in place.fleet.backends:
        backend.seen = State.DOWN
    assert place.find("chat") == place.find("economy") == ["api/gpt"]


def test_where_nobody_takes_calls():
    place = Place()
    for backend in place.fleet.backends:
        backend.seen = State.DOWN
    for name, provider in (("llama", ""), ("local/llama", ""), ("llama", "local")):
        with pytest.raises(Unavailable, match="None of the backends that serve local/llama takes calls now"):
            place.find(name, provider)
    with pytest.raises(Unavailable, match="None of the backends of local"):
        place.catalog.reached(LOCAL)
    assert place.catalog.reached(API) is API


def test_what_none_of_them_serves():
    place = Place()
    for name in ("local/priced", "local/none"):
        with pytest.raises(UnknownModel, match=f"No backend serves {name}"):
            place.find(name)
    with pytest.raises(UnknownModel, match="No model of that name"):
        place.find("none")
    place.fleet.backends[0].models = None
    place.fleet.backends[0].seen = State.STARTING
    with pytest.raises(Unavailable):
        place.find("local/none")


def test_what_is_listed():
    """What backends serve, in order; what is priced only where they do not say."""
    place = Place()
    assert list(place.catalog.listed()) == [
        *("llama", "org/llama", "gpt"),
        *("local/llama", "local/org/llama", "api/gpt"),
    ]
    for backend in place.fleet.backends:
        backend.models = None
    assert list(place.catalog.listed()) == ["priced", "gpt", "local/priced", "api/gpt"]


def test_a_deployments_backend_is_found_by_its_name():
    place = Place()
    for deployment in (*place.catalog.find("local/org/llama"), *place.catalog.find("llama")):
        assert place.fleet.of(deployment.name).name == deployment.provider.backend
    assert place.fleet.of("api/gpt") is None
    assert place.fleet.named("local@10.0.0.5:8000") is place.fleet.backends[0]
