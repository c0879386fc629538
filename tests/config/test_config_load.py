"""Loading: defaults, what each key becomes, and which providers are there."""

import sys
import types
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from gateway.assembly.simulated import needs_simulator, with_simulator
from gateway.catalog.providers import KNOWN, Provider
from gateway.config.load import load
from gateway.config.problems import ConfigError
from gateway.config.settings import Cache, PolicyChoice, Prices, Server, Settings, Target, Timeouts, Training
from gateway.core.limit import HoldMode, Limit, Mode, Span, Unit
from gateway.core.money import Money
from gateway.dialects.base import Quirk
from gateway.difficulty.guard import Terms
from gateway.ledger.journal import SYNC_ALWAYS, SYNC_NEVER

HOME = Path("/home/me/.fareway")
GATEWAYS_KEY = f"fw-{'a' * 12}-{'b' * 43}"
DEFAULTS = Settings(HOME, HOME / "state.db", HOME / "ledger.db", HOME / "journal")


@pytest.mark.parametrize("text", ["", "# only a comment", "server:", "{}", "routing: {retry: }\nlimits:\nproviders:"])
def test_an_empty_file_is_all_defaults(configured, text):
    """Which also shows that the defaults of the schema are those of the settings."""
    assert configured(text) == DEFAULTS


def test_no_file_is_all_defaults():
    assert load(None, {"HOME": "/home/me"}) == DEFAULTS


def test_the_home_directory(configured, tmp_path):
    assert load(None, {"FAREWAY_HOME": "/data"}).ledger == Path("/data/ledger.db")
    assert configured("home: ~/x", FAREWAY_HOME="/data").state == Path("/home/me/x/state.db")
    assert configured("home: data").journal == tmp_path / "data" / "journal"
    assert load(None, {}).home == Path.home() / ".fareway"


def test_files(configured, tmp_path):
    settings = configured("state: sqlite:///a/s.db\nledger: sqlite:////b/l.db\njournal: {dir: j}")
    assert (settings.state, settings.ledger) == (Path("/a/s.db"), Path("/b/l.db"))
    assert settings.journal == tmp_path / "j"


@pytest.mark.parametrize(("text", "value"), [("50ms", 0.05), ("2s", 2.0), ("os", SYNC_NEVER), ("always", SYNC_ALWAYS)])
def test_journal_sync(configured, text, value):
    assert configured(f"journal: {{sync: {text}}}").journal_sync_s == value


def test_plain_sections(configured):
    settings = configured(
        """
server: {host: 0.0.0.0, port: 0, workers: 3, body_max: 1MB, header_timeout: 1s, body_timeout: 2s, calls_max: 100,
         bodies_max: 2MB,
         ready_grace: 5s, drain: 0s, trusted_proxies: [10.0.0.0/8, 192.0.2.7],
         admin_host: "::1", admin_port: 5000}
timeouts: {connect: 1s, first_byte: 2s, idle: 3s, total: 1m}
cache: {exact: {ttl: 1d, max: 512MB}}
prices: {feed: "https://example.com/p.json", every: 2h, guard: 5x, unknown: allow}
routing: {policy: policies.sla, params: {first_token: 800ms, explore: 0%}, fallback: 0, retry: {rounds: 0, budget: 5%}}
auto: {policy: policies.fastest}
models: {m: {deployments: [openai/a], policy: policies.weighted}, n: {deployments: [openai/b]}}
providers: {openai: {}}
""",
        OPENAI_API_KEY="k",
    )
    assert settings.server == Server(
        *("0.0.0.0", 0, 3, 10**6, 1.0, 2.0, 5.0, 0.0),
        trusted_proxies=("10.0.0.0/8", "192.0.2.7/32"),
        calls_max=100,
        bodies_bytes_max=2 * 10**6,
        admin_host="::1",
        admin_port=5000,
    )
    assert settings.timeouts == Timeouts(1.0, 2.0, 3.0, 60.0)
    assert settings.cache == Cache(86400.0, 512 * 10**6)
    assert settings.prices == Prices("https://example.com/p.json", 7200.0, 5, "allow")
    assert settings.routing.choice == PolicyChoice("policies.sla", {"first_token": 800.0, "explore": 0.0})
    assert settings.routing.auto == PolicyChoice("policies.fastest")
    assert settings.routing.named == {"m": PolicyChoice("policies.weighted")}
    assert (settings.routing.fallback, settings.routing.retry_rounds, settings.routing.retry_budget) == (0, 0, 0.05)


@pytest.mark.parametrize(
    ("server", "at"),
    [("", 4001), ("port: 8000", 8001), ("port: 0", 0), ("admin_port: 0", 0), ("port: 0, admin_port: 7000", 7000)],
)
def test_the_admin_api_is_at_the_port_after_that_of_calls_unless_it_has_one(configured, server, at):
    found = configured(f"server: {{{server}}}").server
    assert (found.admin, found.admin_at) == (True, at)


@pytest.mark.parametrize("word", ["off", "false"])
def test_the_admin_api_may_be_off(configured, word):
    assert not configured(f"server: {{admin_port: {word}}}").server.admin


def test_training_jobs(configured):
    assert configured("{}").training == Training(None, 300.0, 900.0)
    text = "training: {approve_above: 500 usd, interval: 30s, silent_after: 2m}"
    assert configured(text).training == Training(Money.usd(500), 30.0, 120.0)


def test_breaker(configured):
    routing = configured("routing: {breaker: {failures: 2, open: 1m}}").routing
    assert (routing.breaker_failures, routing.breaker_open_s) == (2, 60.0)


def test_numbers_and_truth_values_may_come_from_references(configured):
    settings = configured(
        'server: {port: "${PORT}"}\nproviders: {l: {base_url: "http://l", selfhosted: "${OWN}"}}', PORT="80", OWN="true"
    )
    assert settings.server.port == 80
    assert settings.providers["l"].selfhosted is True


def test_names(configured):
    settings = configured(
        """
models:
  m: {deployments: [openai/a, {to: openai/b/c, weight: 0, output_tokens_max: 5}]}
aliases: {fast: m, direct: openai/x, clever: premium, any: auto}
tiers: {premium: [m], economy: [openai/x]}
""",
        OPENAI_API_KEY="k",
    )
    assert settings.models == {"m": (Target("openai/a"), Target("openai/b/c", 0, 5))}
    assert settings.aliases == {"fast": "m", "direct": "openai/x", "clever": "premium", "any": "auto"}
    assert settings.tiers == {"premium": ("m",), "economy": ("openai/x",)}


def test_windows_that_roll_that_begin_elsewhere_and_what_is_told(configured):
    settings = configured("""
limits:
  - {node: all, amount: $5, window: rolling 30d, alert: [100%, 50%, 80 %, 80%]}
  - {node: all, amount: $5, window: rolling 5h}
  - {node: all, amount: $5, window: rolling 90 m}
  - {node: all, amount: $5, window: day, start: 10:30}
  - {node: all, amount: $5, window: week, start: sunday}
  - {node: org:a, amount: $5, window: week, start: sunday 06:00}
  - {node: all, amount: $5, window: month, start: 15}
  - {node: all, amount: $5, window: quarter, start: 31 09:00}
""")
    rolling = [limit.rolling_s for limit in settings.limits]
    assert rolling == [30 * 86400, 5 * 3600, 90 * 60, 0, 0, 0, 0, 0]
    assert [limit.window for limit in settings.limits[:4]] == ["rolling 30d", "rolling 5h", "rolling 90m", "day"]
    assert settings.limits[0].alert == (50, 80, 100)
    starts = [(limit.start.day, limit.start.minute) for limit in settings.limits[2:]]
    assert starts == [(0, 0), (0, 630), (6, 0), (6, 360), (14, 0), (30, 540)]


def test_limits(configured):
    settings = configured("""
limits:
  - {node: all, amount: $5000, window: lifetime}
  - {node: team:research, amount: 500 usd, window: month, timezone: Europe/Zurich, mode: soft, hold: strict}
  - {node: "key:*", amount: 60000 tokens, window: minute}
  - {node: "user:a@x.com", amount: 8 concurrent, mode: shadow}
  - {node: "team:*", amount: 50 usd, window: day, store_outage: allow 5 usd per replica}
  - {node: "org:*", amount: 50 usd, window: day, store_outage: refuse}
""")
    assert settings.limits == (
        Limit("all", Unit.USD, 5000 * 10**9, Span.LIFETIME),
        Limit("team:research", Unit.USD, 500 * 10**9, Span.MONTH, "Europe/Zurich", Mode.SOFT, HoldMode.STRICT),
        Limit("key:*", Unit.TOKENS, 60000, Span.MINUTE),
        Limit("user:a@x.com", Unit.CONCURRENT, 8, Span.RUNNING, mode=Mode.SHADOW),
        Limit("team:*", Unit.USD, 50 * 10**9, Span.DAY, outage=5 * 10**9),
        Limit("org:*", Unit.USD, 50 * 10**9, Span.DAY),
    )


def test_price_overrides(configured):
    entry = "{model: My-Model, input: 0.10/M, output: 0.40/M, from: 2026-12-01}"
    (override,) = configured(f"prices: {{overrides: [{entry}]}}").prices.overrides
    assert (override.model, override.since, override.rates["input"]) == ("my-model", date(2026, 12, 1), 100_000)


@pytest.mark.parametrize("text", ["", "providers: {mistral: {key: '${M}'}}", "providers: {groq: }"])
def test_the_environment_enables_providers(configured, text):
    settings = configured(text, OPENAI_API_KEY=" sk-1\n", GROQ_API_KEY="gsk", M="m")
    assert settings.providers["openai"] == replace(KNOWN["openai"], key="sk-1")
    assert settings.providers["groq"] == replace(KNOWN["groq"], key="gsk")


@pytest.mark.parametrize("off", ["off", "false"])
def test_the_file_turns_providers_off(configured, off):
    assert set(configured(f"providers: {{groq: {off}}}", OPENAI_API_KEY="k", GROQ_API_KEY="k").providers) == {"openai"}


def test_azure_is_not_found_by_its_key_alone():
    assert load(None, {"AZURE_OPENAI_API_KEY": "k", "GROQ_API_KEY": ""}).providers == {}


def test_a_bad_key_in_the_environment():
    with pytest.raises(ConfigError) as error:
        load(None, {"OPENAI_API_KEY": "two\nlines"})
    assert str(error.value) == "environment: error: OPENAI_API_KEY must be one line of plain characters, as keys are"


def test_a_gateways_own_key_is_no_providers(configured):
    """The quickstart has it put where clients look for OpenAI's: it must not leave the machine from there."""
    environ = {"OPENAI_API_KEY": GATEWAYS_KEY, "GROQ_API_KEY": "gsk-1"}
    found = configured("", **environ)
    assert set(found.providers) == {"groq"}
    (told,) = found.left_alone
    assert told.startswith("OPENAI_API_KEY holds a gateway's key")


def test_nothing_is_said_of_a_key_whose_provider_is_off(configured):
    assert configured("providers: {openai: off}", OPENAI_API_KEY=GATEWAYS_KEY).left_alone == ()


@pytest.mark.parametrize("text", ["openai: {}", 'openai: {key: "${OPENAI_API_KEY}"}'])
def test_a_gateways_own_key_for_a_provider_of_the_file_is_an_error(wrong, text):
    (said,) = wrong(f"providers: {{{text}}}", OPENAI_API_KEY=GATEWAYS_KEY)
    assert "providers.openai: has the key of a gateway" in said
    assert GATEWAYS_KEY not in said


def test_another_gateway_is_shown_its_key(configured):
    """A gateway may stand behind another, at an address that the file says."""
    text = 'providers: {openai: {base_url: "http://gateway:4000/v1", key: "${OPENAI_API_KEY}"}}'
    environ = {"OPENAI_API_KEY": GATEWAYS_KEY}
    found = configured(text, **environ)
    assert found.providers["openai"].key == GATEWAYS_KEY
    assert found.left_alone == ()


def test_the_simulator_needs_nothing(configured):
    assert configured("providers: {sim: }").providers == {"sim": KNOWN["sim"]}


def test_a_provider_may_be_another_one_of_a_kind(configured):
    settings = configured(
        """
providers:
  ours: {kind: openai}
  theirs: {kind: bedrock, key: "${X}", region: eu-west-1}
  claude-sim: {kind: sim, dialects: [anthropic-messages]}
  groq: {kind: groq, key: "${X}"}
models: {claude: {deployments: [claude-sim/sim-large]}}
""",
        OPENAI_API_KEY="k",
        X="x",
    )
    assert settings.providers == {
        "openai": replace(KNOWN["openai"], key="k"),
        "ours": replace(KNOWN["openai"], name="ours", prices="openai", key="k"),
        "theirs": replace(KNOWN["bedrock"], name="theirs", prices="aws", key="x", region="eu-west-1"),
        "claude-sim": replace(
            KNOWN["sim"], name="claude-sim", prices="sim", dialects=frozenset({"anthropic-messages"})
        ),
        "groq": replace(KNOWN["groq"], key="x"),
    }


def test_the_simulator_runs_where_it_is_needed(configured):
    with_address = configured("providers: {sim: {base_url: http://s/v1}, x: {base_url: http://x}}")
    without = configured("providers: {a-sim: {kind: sim}, x: {base_url: http://x}}")
    assert [needs_simulator(found) for found in (configured(""), with_address, without)] == [True, False, True]
    addresses = {name: p.base_url for name, p in with_simulator(without, "http://s").providers.items()}
    assert addresses == {"a-sim": "http://s/v1", "x": "http://x"}
    assert with_simulator(without, "http://s").tiers == {}
    assert list(with_simulator(configured(""), "http://s").tiers) == ["premium", "standard", "economy"]


def test_what_a_provider_may_say(configured):
    settings = configured(
        """
providers:
  openai: {base_url: "https://eu.example.com/v1/", bills_after_abort: true}
  xai: {key: "${X}", quirks: []}
  azure: {key: "${X}", base_url: "https://me.openai.azure.com/openai/v1"}
  local: {base_url: "http://10.0.0.5:8000/v1", selfhosted: yes, auth: x-key, key: "${X}", prices: together,
          headers: {X-Team: a, X-Token: "t ${X}"}, quirks: [output_is_the_rest]}
""",
        OPENAI_API_KEY="k",
        X="x",
    )
    assert settings.providers["openai"] == replace(
        KNOWN["openai"], key="k", base_url="https://eu.example.com/v1", bills_after_abort=True
    )
    assert settings.providers["xai"].quirks == frozenset()
    assert settings.providers["azure"].access["openai-chat"].headers == {"api-key": "x"}
    assert settings.providers["local"] == Provider(
        "local",
        "http://10.0.0.5:8000/v1",
        key="x",
        auth="x-key",
        prices="together",
        headers={"X-Team": "a", "X-Token": "t x"},
        quirks=frozenset({Quirk.OUTPUT_IS_THE_REST}),
        selfhosted=True,
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h:5432/d?sslmode=require",
        "postgres://h1:1,h2:2/d?target_session_attrs=read-write",
        "postgresql:///d?host=/run/postgresql",
    ],
)
def test_the_ledger_may_be_a_postgresql_that_gateways_share(configured, url):
    settings = configured("ledger: ${DATABASE_URL}", DATABASE_URL=url)
    assert settings.ledger_url == url
    assert "secret" not in repr(settings)
    assert configured("ledger: postgresql://u@h/d").ledger_url == "postgresql://u@h/d"
    assert configured("").ledger_url is None


def test_state_may_be_a_redis_that_gateways_share(configured):
    settings = configured("state: ${REDIS_URL}\npepper: ${PEPPER}", REDIS_URL="redis://:secret@h:1/0", PEPPER="p" * 8)
    assert settings.shared == "redis://:secret@h:1/0"
    assert settings.pepper == b"p" * 8
    assert settings.state.name == "state.db"
    assert "secret" not in repr(settings)
    assert configured("home: /x").shared is None


def test_vertex_needs_a_place_and_no_key(configured):
    for region, host in (
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
    ):
        vertex = configured(f"providers: {{vertex: {{region: {region}, project: p}}}}").providers["vertex"]
        access = vertex.access["gemini"]
        assert access.base_url == f"https://{host}/v1/projects/p/locations/{region}/publishers/google"
        assert (access.signed, access.headers) == ("google", {})
    with pytest.raises(ConfigError) as error:
        configured("providers: {vertex: {region: global}}")
    assert "needs a project" in str(error.value)
    assert "needs a region" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "environ", "region"),
    [
        ("providers: {bedrock: {region: eu-west-1}}", {"AWS_REGION": "us-east-1"}, "eu-west-1"),
        ("providers: {bedrock: {}}", {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-west-2"}, "us-east-1"),
        ("providers: {bedrock: {}}", {"AWS_REGION": " ", "AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
        ("", {"AWS_BEARER_TOKEN_BEDROCK": "x", "AWS_REGION": "us-east-1"}, "us-east-1"),
    ],
)
def test_bedrock_is_where_aws_tools_would_look(configured, text, environ, region):
    bedrock = configured(text, **environ).providers["bedrock"]
    access = bedrock.access["bedrock-converse"]
    assert access.base_url == f"https://bedrock-runtime.{region}.amazonaws.com"
    bearer = "AWS_BEARER_TOKEN_BEDROCK" in environ
    assert (access.signed, access.headers) == (("", {"authorization": "Bearer x"}) if bearer else ("sigv4", {}))


@pytest.mark.parametrize(
    "region", ["169.254.169.254/", "evil.example.com/#", "eu-west-1@x", "EU", "us_east", "a\u0661"]
)
@pytest.mark.parametrize("provider", ["vertex: {project: p, ", "bedrock: {", 'theirs: {kind: bedrock, key: "${X}", '])
def test_a_region_leads_to_no_other_host(configured, provider, region):
    """What calls show there would go along."""
    with pytest.raises(ConfigError, match=r"region: must be lower-case letters, digits and hyphens") as error:
        configured(f'providers: {{{provider}region: "{region}"}}}}', X="x")
    assert "example.com" not in str(error.value)


@pytest.mark.parametrize("project", ["p/../q", "p?x=", "p#", "..", "-p", "p q"])
def test_a_project_leads_to_no_other_path(configured, project):
    with pytest.raises(ConfigError, match=r"vertex\.project: must be letters, digits"):
        configured(f'providers: {{vertex: {{region: global, project: "{project}"}}}}')


@pytest.mark.parametrize("project", ["p", "my-project-1", "example.com:my-project", "123456789"])
def test_projects_of_every_form(configured, project):
    vertex = configured(f'providers: {{vertex: {{region: global, project: "{project}"}}}}').providers["vertex"]
    assert f"/projects/{project}/" in vertex.access["gemini"].base_url


@pytest.mark.parametrize("text", ["", "providers: {bedrock: {}}"])
def test_a_region_of_the_environment_leads_to_no_other_host_either(configured, text):
    with pytest.raises(ConfigError, match="must be lower-case letters, digits and hyphens"):
        configured(text, AWS_BEARER_TOKEN_BEDROCK="x", AWS_REGION="evil.example.com/")


def test_a_region_that_is_in_no_address_is_whatever_prices_call_it(configured):
    text = 'providers: {local: {base_url: "http://x", region: "EU (Paris)"}}'
    assert configured(text).providers["local"].region == "EU (Paris)"


@pytest.mark.parametrize("more", ["", "base_url: http://x"])
def test_bedrock_without_a_region_is_told_of(configured, more):
    """Also at an address of one's own, for a signature says the region; a key of one's own needs none there."""
    with pytest.raises(ConfigError, match=r"needs a region.*us-east-1"):
        configured(f"providers: {{bedrock: {{{more}}}}}")


def test_a_key_of_bedrocks_alone_is_not_enough(configured):
    with pytest.raises(ConfigError, match="AWS_REGION or AWS_DEFAULT_REGION"):
        configured("", AWS_BEARER_TOKEN_BEDROCK="x")
    own = configured("providers: {bedrock: {base_url: http://x}}", AWS_BEARER_TOKEN_BEDROCK="x").providers["bedrock"]
    assert own.access["bedrock-converse"].base_url == "http://x"


def test_a_guard_is_there_only_where_it_is_written(configured):
    assert configured("routing: {}").routing.guard is None
    assert configured("routing: {guard: {}}").routing.guard == Terms()
    text = "routing: {baseline: openai/gpt-4o, guard: {hold_back: 10%, worth: $0.5}}"
    routing = configured(text, OPENAI_API_KEY="k").routing
    assert (routing.baseline, routing.guard) == ("openai/gpt-4o", Terms(0.1, 0.5, "openai/gpt-4o"))


def test_what_routing_is_compared_with_must_be_there(wrong):
    assert wrong("routing: {baseline: nobody/gpt-4o}") == [
        '1:21 routing.baseline: there is no provider "nobody"; name it under providers'
    ]


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("routing: {guard: {}}", 0.01),
        ("routing: {guard: {}}\nauto: {policy: own_policy, params: {worth: 0.2}}", 0.2),
        ("routing: {guard: {worth: 3 usd}}\nauto: {policy: own_policy, params: {worth: 0.2}}", 3.0),
        ("routing: {guard: {}, policy: own_policy, params: {worth: much}}", 0.01),
    ],
)
def test_a_guard_judges_by_what_the_policy_says_an_answer_is_worth(configured, monkeypatch, text, worth):
    own = types.ModuleType("own_policy")
    own.choose = lambda *_: None
    monkeypatch.setitem(sys.modules, "own_policy", own)
    assert configured(text).routing.guard.worth == worth


def test_a_difficulty_model_is_the_one_that_comes_along_or_a_file_beside_the_configuration(configured, tmp_path):
    assert configured("routing: {}").routing.difficulty is None
    assert configured("routing: {difficulty: {model: default}}").routing.difficulty is None
    path = tmp_path / "model.json"
    path.write_bytes(files("gateway.difficulty").joinpath("default.json").read_bytes())
    assert configured(f"routing: {{difficulty: {{model: {path}}}}}").routing.difficulty == path


@pytest.mark.parametrize("body", [None, "{}"])
def test_a_difficulty_model_that_cannot_be_used_is_an_error_at_the_start(configured, tmp_path, body):
    path = tmp_path / "model.json"
    if body is not None:
        path.write_text(body)
    with pytest.raises(ConfigError, match=r"routing\.difficulty\.model: cannot be used"):
        configured(f"routing: {{difficulty: {{model: {path}}}}}")
