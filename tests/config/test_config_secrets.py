"""Secrets come from outside of the file, and are shown nowhere."""

import pytest

from gateway.config.findings import Findings
from gateway.config.problems import ConfigError
from gateway.config.references import References
from gateway.config.shape import shaped
from gateway.config.yaml_file import read

SECRET = "sk-hush-hush"
OUTSIDE = "must not stand in the file; write"


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("openai: {key: sk-hush-hush}", f"1:27 providers.openai.key: {OUTSIDE} ${{OPENAI_API_KEY}}"),
        ("openai: {key: '${NO:-sk-hush-hush}'}", f"1:27 providers.openai.key: {OUTSIDE} ${{OPENAI_API_KEY}}"),
        ("openai: {key: 'sk-${S}'}", f"1:27 providers.openai.key: {OUTSIDE} ${{OPENAI_API_KEY}}"),
        (
            "my-llm: {base_url: http://x, key: sk-hush-hush}",
            f"1:47 providers.my-llm.key: {OUTSIDE} ${{MY_LLM_API_KEY}}",
        ),
        (
            "a: {base_url: http://x, headers: {Authorization: Bearer sk-hush-hush}}",
            f"1:62 providers.a.headers.Authorization: {OUTSIDE} ${{A_API_KEY}}",
        ),
        ("a: {base_url: http://x, headers: {x-key: k}}", f"1:54 providers.a.headers.x-key: {OUTSIDE} ${{A_API_KEY}}"),
    ],
)
def test_not_in_the_file(wrong, provider, said):
    (found,) = wrong(f"providers: {{{provider}}}", S="x")
    assert found == f"{said} and set that variable"


@pytest.mark.parametrize(
    "text",
    [
        "providers: sk-hush-hush",
        "providers: {openai: sk-hush-hush}",
        "providers: {openai: {key: [sk-hush-hush]}}",
        "providers: {openai: {headers: sk-hush-hush}}",
        "providers: {openai: {headers: [sk-hush-hush]}}",
        "providers: {openai: {quirks: [sk-hush-hush]}}",
        "providers: {openai: {selfhosted: sk-hush-hush}}",
        "providers: {openai: {base_url: sk-hush-hush}}",
        'providers: {openai: {key: "${TWO_LINES}"}}',
        'providers: {openai: {key: "${S} x y", auht: 1}}',
        "state: redis://:sk-hush-hush@h/0",
        "ledger: sk-hush-hush",
        "ledger: postgresql://u:sk-hush-hush@h/d",
        "prices: {feed: https://u:sk-hush-hush@h}",
        'server: {port: "${S}", host: "${S}"}\nlimits: "${S}"',
        'limits: [{node: "${S}", amount: "${S}", window: "${S}", timezone: "${S}", mode: "${S}"}]',
        'routing: {policy: "${S}!"}\nauto: {policy: "${NAME}"}',
        'limits: [{node: "team:${S}", amount: $5, window: day}, {node: "team:${S}", amount: $5, window: day}]',
        'models: {m: {deployments: ["${S}/x", openai/x, openai/x]}}',
        'models: {m: {deployments: ["${S}"]}}\naliases: {a: "${S}"}\ntiers: {economy: ["${S}"]}',
    ],
)
def test_no_problem_shows_a_value(wrong, text):
    """Neither a reference's value nor what stands where secrets are expected, even if it is misplaced."""
    said = "\n".join(wrong(text, S=SECRET, NAME="sk_hush", TWO_LINES=f"{SECRET}\nx"))
    assert SECRET not in said
    assert "sk_hush" not in said


def test_no_exception_carries_a_value(configured):
    with pytest.raises(ConfigError) as error:
        configured("providers: {openai: {key: '${S}', x: 1}}\nserver: {port: '${S}'}", S=SECRET)
    assert error.value.__suppress_context__ or error.value.__context__ is None
    assert SECRET not in repr(error.value)


def test_no_repr_shows_a_value(configured, tmp_path):
    text = """
providers:
  openai: {key: "${S}"}
  local: {base_url: "http://x", key: "${S}", headers: {Authorization: "Bearer ${S}", X-Team: "${S}"}}
"""
    settings = configured(text, S=SECRET, GROQ_API_KEY=SECRET)
    assert settings.providers["local"].headers["Authorization"] == f"Bearer {SECRET}"
    assert settings.providers["groq"].key == SECRET
    references = References({"S": SECRET}, tmp_path)
    document = read(tmp_path / "fareway.yaml", references)
    found = shaped(Findings(document))
    for thing in (settings, settings.providers, references, document, found, found.file.model_dump()):
        assert SECRET not in repr(thing)
        assert SECRET not in str(thing)


def test_a_key_may_come_from_a_file(configured, tmp_path):
    (tmp_path / "key").write_text(f"{SECRET}\n")
    assert configured("providers: {openai: {key: '${file:key}'}}").providers["openai"].key == SECRET


def test_a_policy_that_quotes_a_value_from_outside_does_not_show_it(wrong, tmp_path, monkeypatch):
    body = "PARAMS = {'calls': int, 'broken': len}\ndef choose(request, candidates, context): ...\n"
    (tmp_path / "quoting_policy.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    said = "routing: {policy: quoting_policy, params: {calls: %s}}"
    quoted = "1:51 routing.params.calls: invalid literal for int() with base 10: '%s'"
    assert wrong(said % "many") == [quoted % "many"]
    assert wrong(said % "'${S}'", S=SECRET) == [quoted % "…"]
    assert wrong("routing: {policy: quoting_policy, params: {broken: 1}}") == [
        "1:52 routing.params.broken: cannot be read: TypeError: object of type 'int' has no len(), not \"1\""
    ]
