"""Each kind of mistake: where it is said to be, what is said, and what is suggested."""

import pytest

from gateway.config.problems import Problem, closest

LIMIT = "such as 500 usd, $500, 60000 tokens, 600 requests or 8 concurrent"
NODES = (
    "must be all, or one of org:x, team:x, user:x, key:x, tag:x, provider:x, tier:x, model:x, where x may be *, "
    "or several of different kinds: team:research model:gpt-5"
)
URL = "such as https://api.example.com/v1"
LIMIT_KEYS = "node, amount, window, start, timezone, mode, hold, alert, store_outage and on_reached"
OPENAI = {"OPENAI_API_KEY": "k"}

SHAPES = [
    ("server: {prot: 1}", '1:10 server.prot: unknown key; did you mean "port"?'),
    ("sever: {}", '1:1 sever: unknown key; did you mean "server"?'),
    (
        "limits: [{node: all, amount: $5, window: day, x: 1}]",
        f"1:47 limits[0].x: unknown key; limits[0] has {LIMIT_KEYS}",
    ),
    ("server: 4000", '1:9 server: must be a mapping, such as {key: value}, not "4000"'),
    ("server:\n  port: five", '2:9 server.port: must be a whole number, such as 5, not "five"'),
    ("server: {port: 70000}", '1:16 server.port: must be 65535 or less, not "70000"'),
    ("server: {port: true}", '1:16 server.port: must be a whole number, such as 5, not "true"'),
    ("server: {admin_port: 70000}", '1:22 server.admin_port: must be a port between 0 and 65535, or off, not "70000"'),
    ("server: {admin_port: on}", '1:22 server.admin_port: must be a port between 0 and 65535, or off, not "on"'),
    (
        "server: {trusted_proxies: [10.0.0.1/8]}",
        '1:28 server.trusted_proxies[0]: must be a network such as 10.0.0.0/8, or one address, not "10.0.0.1/8"',
    ),
    ("server: {host: 1}", '1:16 server.host: must be a text, not "1"'),
    ("server: {host: ''}", '1:16 server.host: must not be empty, not ""'),
    (
        "server: {drain: 30}",
        '1:17 server.drain: must be a duration with its unit, such as 30s, 5m, 1h, 1d or 50ms, not "30"',
    ),
    ("server: {drain: [1]}", "1:17 server.drain: must be a duration with its unit, such as 30s, 5m, 1h, 1d or 50ms"),
    (
        'home: "a\\0b"',
        "1:7 home: a text must not hold a NUL, with which every path and address would end",
    ),
    (
        "server: {bodies_max: 20MB}",
        "1:1 server: has a bodies_max below its body_max: no room for the largest body",
    ),
    (
        "server: {body_max: 20}",
        '1:20 server.body_max: must be a size with its unit, such as 20MB, 20MiB or 512KB, not "20"',
    ),
    (
        "routing: {guard: {worth: 0.01}}",
        '1:26 routing.guard.worth: must be an amount of dollars, such as 0.01 usd, not "0.01"',
    ),
    ("routing: {retry: {budget: 10}}", '1:27 routing.retry.budget: must be a percentage, such as 10%, not "10"'),
    ("prices: {guard: 3}", '1:17 prices.guard: must be a whole factor with an x, such as 3x, not "3"'),
    ("prices: {unknown: alow}", '1:19 prices.unknown: must be refuse or allow, not "alow"; did you mean "allow"?'),
    (
        "prices: {feed: on}",
        "1:16 prices.feed: must be off, or an http or https URL, such as https://example.com/prices.json",
    ),
    (
        "prices: {feed: 'http://169.254.169.254/latest/meta-data/'}",
        "1:16 prices.feed: must not be an address of the link or of a cloud's metadata, such as 169.254.169.254",
    ),
    ("prices: {feed: 'https://u:hidden@x'}", f"1:16 prices.feed: must have no user or password in it, {URL}"),
    (
        "journal: {sync: never}",
        '1:17 journal.sync: must be os, always, or a duration with its unit, such as 50ms, not "never"',
    ),
    ("limits: {}", "1:9 limits: must be a list, such as [a, b]"),
    ("limits: 5", '1:9 limits: must be a list, such as [a, b], not "5"'),
    ("models: {m: {}}", "1:13 models.m.deployments: is missing"),
    ("models: {m: {deployments: []}}", "1:27 models.m.deployments: must not be empty"),
    ("models: {a b: {deployments: [x/y]}}", "1:10 models.a b: must be a name without spaces, such as gpt-4o-mini"),
    ("tiers: {premum: []}", '1:9 tiers.premum: must be premium, standard or economy; did you mean "premium"?'),
    (
        "state: redis://:hid den@h",
        "1:8 state: must be a file, or an address such as redis://10.0.0.5:6379/0",
    ),
    (
        "state: redis://h/1?cluster=true",
        "1:8 state: must have no path: a cluster has one database, such as redis://10.0.0.5:6379?cluster=true",
    ),
    (
        "limits: [{node: all, amount: 5 usd, window: day, store_outage: allow 5 tokens}]",
        "1:64 limits[0].store_outage: must be in usd, as the amount of the limit is",
    ),
    (
        "state: redis://:hidden@h",
        "1:8 state: must not hold a password in the file; write ${REDIS_URL} and set that variable",
    ),
    (
        "ledger: postgresql://u:hidden@h/d",
        "1:9 ledger: must not hold a password in the file; write ${DATABASE_URL} and set that variable",
    ),
    (
        "ledger: postgresql://u@h/d?PassWord=hidden",
        "1:9 ledger: must not hold a password in the file; write ${DATABASE_URL} and set that variable",
    ),
    (
        "ledger: postgres://",
        "1:9 ledger: must be a file, or an address such as postgresql://fareway@10.0.0.5/fareway",
    ),
    (
        "ledger: redis://h",
        "1:9 ledger: cannot be redis: that is not in this version; write sqlite:///var/lib/fareway/file.db",
    ),
    ("state: sqlite://x.db", "1:8 state: must be a file such as sqlite:///var/lib/fareway/file.db, with three slashes"),
    ("server: {port: 1, port: 2}", '1:19 the key "port" is there twice, first in line 1'),
    ("home: ${NOPE}", "1:7 home: the environment variable NOPE is not set; set it, or give a default: ${NOPE:-…}"),
]

POLICIES = [
    (
        "routing: {policy: cheapest}",
        (
            "1:19 routing.policy: there is no module 'cheapest': No module named 'cheapest'; "
            'did you mean "policies.cheapest"?'
        ),
    ),
    (
        "auto: {policy: policies.parts}",
        (
            "1:16 auto.policy: 'policies.parts' has no function `choose(request, candidates, "
            'context)`; did you mean "policies.pressure"?'
        ),
    ),
    (
        "auto: {policy: a/b}",
        '1:16 auto.policy: must be a policy by its dotted name, such as policies.cheapest, not "a/b"',
    ),
    ("auto: {params: {a: 1}}", "1:8 auto.params: means nothing without a policy; write policy: policies.tiered"),
    (
        "routing: {params: {a: 1}}",
        "1:11 routing.params: means nothing without a policy; write policy: policies.cheapest",
    ),
    (
        "models: {m: {deployments: [openai/gpt-4o], params: {a: 1}}}",
        "1:44 models.m.params: means nothing without a policy; write policy: policies.cheapest",
    ),
    (
        "models: {m: {deployments: [openai/gpt-4o], policy: policies.weighted, params: {a: 1}}}",
        "1:80 models.m.params.a: there is no such parameter; policies.weighted takes none",
    ),
    (
        "auto: {policy: policies.tiered, params: {standart: 2}}",
        '1:42 auto.params.standart: there is no such parameter; did you mean "standard"?',
    ),
    (
        "auto: {policy: policies.tiered, params: {x: 2}}",
        "1:42 auto.params.x: there is no such parameter; policies.tiered takes standard and premium",
    ),
    (
        "routing: {policy: policies.cheapest, params: {x: 2}}",
        "1:47 routing.params.x: there is no such parameter; policies.cheapest takes none",
    ),
    (
        "routing: {policy: policies.sla, params: {first_token: 800}}",
        '1:55 routing.params.first_token: must be a duration with its unit, such as 800ms or 2s, not "800"',
    ),
]

LIMITS = [
    ("limits: [{node: team, amount: $5, window: day}]", f'1:17 limits[0].node: {NODES}, not "team"'),
    (
        "limits: [{node: 'tem:x', amount: $5, window: day}]",
        f'1:17 limits[0].node: {NODES}, not "tem:x"; did you mean "team"?',
    ),
    ("limits: [{node: 'team:a*', amount: $5, window: day}]", f'1:17 limits[0].node: {NODES}, not "team:a*"'),
    ("limits: [{amount: $5, window: day}]", "1:10 limits[0].node: is missing"),
    (
        "limits: [{node: all, amount: 5, window: day}]",
        f'1:30 limits[0].amount: must be an amount with its unit, {LIMIT}, not "5"',
    ),
    (
        "limits: [{node: all, amount: $9000001, window: day}]",
        (
            "1:30 limits[0].amount: must be $9000000.00 at most, "
            'which is what shared stores can count, such as 500 usd, not "$9000001"'
        ),
    ),
    (
        "limits: [{node: all, amount: $5}]",
        (
            "1:10 limits[0].window: is missing; usd need one of "
            "second, minute, hour, day, week, month, quarter, lifetime or rolling 30d"
        ),
    ),
    (
        "limits: [{node: all, amount: 8 concurrent, window: day}]",
        "1:44 limits[0].window: calls in flight have no window; leave it out",
    ),
    (
        "limits: [{node: all, amount: $5, window: mnth}]",
        (
            "1:42 limits[0].window: must be second, minute, hour, day, week, month, quarter, "
            'lifetime or rolling 30d, not "mnth"; did you mean "month"?'
        ),
    ),
    (
        "limits: [{node: all, amount: $5, window: rolling month}]",
        (
            "1:42 limits[0].window: must be rolling and a duration, such as rolling 30d, rolling 5h or rolling 10m, "
            'not "rolling month"'
        ),
    ),
    *(
        (
            f"limits: [{{node: all, amount: $5, window: rolling {length}}}]",
            (
                "1:42 limits[0].window: must roll over whole seconds, 10s to 366d, such as rolling 30d, "
                f'not "rolling {length}"'
            ),
        )
        for length in ("9s", "367d", "10.5s", "10500ms")
    ),
    (
        "limits: [{node: all, amount: $5, window: day, start: 25:00}]",
        ('1:54 limits[0].start: must be a time, a day, or both, such as 09:00, sunday, 15 or 15 09:00, not "25:00"'),
    ),
    (
        "limits: [{node: all, amount: $5, window: day, start: true}]",
        '1:54 limits[0].start: must be a time, a day, or both, such as 09:00, sunday, 15 or 15 09:00, not "true"',
    ),
    (
        "limits: [{node: all, amount: $5, window: day, start: sunday}]",
        '1:54 limits[0].start: of a day must be a time, such as 09:00, not "sunday"',
    ),
    (
        "limits: [{node: all, amount: $5, window: week, start: 3}]",
        '1:55 limits[0].start: of a week must be a day, such as sunday or sunday 06:00, not "3"',
    ),
    (
        "limits: [{node: all, amount: $5, window: month, start: 09:00}]",
        '1:56 limits[0].start: of a month must be a day from 1 to 31, such as 15 or 15 09:00, not "09:00"',
    ),
    (
        "limits: [{node: all, amount: $5, window: quarter, start: monday}]",
        '1:58 limits[0].start: of a quarter must be a day of its first month, such as 15 or 15 09:00, not "monday"',
    ),
    (
        "limits: [{node: all, amount: $5, window: rolling 30d, start: 15}]",
        '1:62 limits[0].start: is for windows of a day, week, month or quarter, not "15"; leave it out',
    ),
    (
        "limits: [{node: all, amount: 8 concurrent, alert: [80%]}]",
        "1:44 limits[0].alert: calls in flight are never spent; leave it out",
    ),
    (
        "limits: [{node: all, amount: $5, window: day, alert: [0%]}]",
        '1:55 limits[0].alert[0]: must be from 1% to 1000%, such as 80%, not "0%"',
    ),
    (
        "limits: [{node: all, amount: $5, window: day, alert: [80]}]",
        '1:55 limits[0].alert[0]: must be a whole percentage, such as 80%, not "80"',
    ),
    (
        "limits: [{node: all, amount: $5, window: day, timezone: Europe/Zurch}]",
        (
            "1:57 limits[0].timezone: must be a time zone by its IANA "
            'name, such as Europe/Zurich, not "Europe/Zurch"; did you mean "Europe/Zurich"?'
        ),
    ),
    (
        "limits: [{node: all, amount: $5, window: day, timezone: ../UTC}]",
        (
            "1:57 limits[0].timezone: must be a time zone by its IANA name, such as Europe/Zurich, "
            'not "../UTC"; did you mean "UTC"?'
        ),
    ),
    (
        "limits:\n- {node: all, amount: $5, window: day}\n- {node: all, amount: $6, window: day}",
        "3:3 limits[1]: is for the same node, unit and window as the limit in line 2; keep one of them",
    ),
]

PRICES = [
    (
        "prices: {overrides: [{model: m, inptu: 1/M}]}",
        '1:33 prices.overrides[0].inptu: unknown key; did you mean "input"?',
    ),
    (
        "prices: {overrides: [{model: m, input: 1}]}",
        "1:40 prices.overrides[0].input: must be US dollars such as '0.10/M', not 1",
    ),
    ("prices: {overrides: [{input: 1/M}]}", "1:22 prices.overrides[0].model: is missing"),
    ("prices: {overrides: [{model: m}]}", "1:22 prices.overrides[0]: sets no rate"),
    ("prices: {overrides: [x]}", '1:22 prices.overrides[0]: must be a mapping, such as {key: value}, not "x"'),
]


@pytest.mark.parametrize(("text", "said"), SHAPES + POLICIES + LIMITS + PRICES)
def test_one_mistake_is_one_problem_at_its_place(wrong, text, said):
    assert wrong(text, **OPENAI) == [said]


def test_everything_at_once_by_line(wrong):
    """One bad entry hides nothing about the others, and causes no second complaint about itself."""
    said = wrong(
        """
limits:
  - {node: all, amount: 5, window: day}
  - {node: all, amount: $5}
  - {node: all, amount: $5, window: day}
  - {node: all, amount: $6, window: day}
models:
  m: {deployments: [openai/x], wieght: 1}
  n: {deployments: [groq/x]}
aliases: {a: m, b: opnai/x}
providers:
  openai: {key: "${NOPE}", auht: x}
  mistral: {}
server: {prot: 1}
prices: {guard: 1, overrides: [{model: m}]}
"""
    )
    assert [line.split(":")[0] for line in said] == ["3", "4", "6", "8", "9", "10", "12", "12", "13", "14", "15", "15"]


def test_a_policy_that_fails_to_load(wrong, tmp_path, monkeypatch):
    (tmp_path / "broken_policy.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    said = "1:19 routing.policy: the policy broken_policy cannot be loaded: ZeroDivisionError: division by zero"
    assert wrong("routing: {policy: broken_policy}") == [said]
    assert wrong("routing: {policy: broken_policy, params: {calls: 3}}") == [said], "nothing is said of params"


def test_a_value_is_shown_only_if_it_stands_in_the_file(wrong):
    assert wrong("server: {port: '${P}'}", P="hidden") == ["1:16 server.port: must be a whole number, such as 5"]
    entry = "{model: m, input: '${P}'}"
    assert wrong(f"prices: {{overrides: [{entry}]}}", P="hidden") == [
        "1:40 prices.overrides[0].input: is not what it must be"
    ]


def test_long_values_are_cut(wrong):
    (said,) = wrong(f"server: {{port: {'x' * 100}}}")
    assert said.endswith(f'not "{"x" * 40}…"')


def test_rendering():
    assert str(Problem("f.yaml", 12, 5, "a", "b")) == "f.yaml:12:5: error: a; b"
    assert str(Problem("environment", 0, 0, "a")) == "environment: error: a"
    assert closest("OPENAI", ["openai", "groq"]) == "openai"
