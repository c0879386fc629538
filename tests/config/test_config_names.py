"""Mistakes in providers and in names that lead to each other: where, what is said, and what is suggested."""

import pytest

URL = "such as https://api.example.com/v1"
UNKNOWN_MODEL = "define it under models, or write provider/model"

PROVIDERS = [
    (
        "providers: {opnai: {}}",
        f'1:13 providers.opnai: needs a base_url, {URL}, being none that the gateway knows; did you mean "openai"?',
    ),
    ("providers: {azure: {key: '${OPENAI_API_KEY}'}}", f"1:13 providers.azure: needs a base_url, {URL}"),
    (
        "providers: {groq: }",
        "1:13 providers.groq: has no key: set GROQ_API_KEY, or write key: ${NAME}; write groq: off if it is not wanted",
    ),
    (
        "providers: {a: {kind: opnai}}",
        '1:23 providers.a.kind: there is no kind of provider "opnai"; did you mean "openai"?',
    ),
    (
        "providers: {a: {kind: groq}}",
        "1:13 providers.a: has no key: set GROQ_API_KEY, or write key: ${NAME}; write a: off if it is not wanted",
    ),
    ("providers: {a: {kind: azure}}", f"1:13 providers.a: needs a base_url, {URL}"),
    ("providers: {a: {base_url: ftp://x}}", f"1:27 providers.a.base_url: must be an http or https URL, {URL}"),
    ("providers: {a: {base_url: 'http://[x'}}", f"1:27 providers.a.base_url: must be an http or https URL, {URL}"),
    (
        "providers: {a: {base_url: 'http://u:hidden@x'}}",
        f"1:27 providers.a.base_url: must have no user or password in it, {URL}",
    ),
    (
        "providers: {a: {base_url: 'http://x?k=hidden'}}",
        f"1:27 providers.a.base_url: must have no ? or #, {URL}: paths are appended to it",
    ),
    (
        "providers: {a/b: {base_url: http://x}}",
        "1:13 providers.a/b: must be letters, digits, dots, dashes and underscores, such as my-gpus",
    ),
    (
        "providers: {a: {base_url: http://x, auth: a b}}",
        "1:43 providers.a.auth: must be the name of a header, such as api-key",
    ),
    (
        "providers: {a: {base_url: http://x, quirks: [output_is_rest]}}",
        (
            "1:46 providers.a.quirks[0]: must be reasoning_beside_output, output_is_the_rest, audio_beside_input, "
            "charges_reported_cost, charges_cost_ticks, counts_research or caps_completion_tokens; "
            'did you mean "output_is_the_rest"?'
        ),
    ),
    ("providers: {a: {base_url: http://x, selfhosted: perhaps}}", "1:49 providers.a.selfhosted: must be true or false"),
    ("providers: {openai: true}", "1:21 providers.openai: must be a mapping, such as {key: value}"),
]

NAMES = [
    (
        "models: {m: {deployments: [gpt-4o]}}",
        '1:28 models.m.deployments[0]: must be provider/model, such as openai/gpt-4o-mini, not "gpt-4o"',
    ),
    (
        "models: {m: {deployments: [{to: opnai/x}]}}",
        '1:33 models.m.deployments[0].to: there is no provider "opnai"; did you mean "openai"?',
    ),
    (
        "models: {m: {deployments: [zzz/x]}}",
        '1:28 models.m.deployments[0]: there is no provider "zzz"; name it under providers',
    ),
    (
        "models: {m: {deployments: [groq/x]}}",
        (
            '1:28 models.m.deployments[0]: the provider "groq" is not enabled; '
            "set GROQ_API_KEY, or name it under providers"
        ),
    ),
    (
        "models: {m: {deployments: [sim/x]}}",
        '1:28 models.m.deployments[0]: the provider "sim" is not enabled; write providers: {sim: {}}',
    ),
    (
        "models: {m: {deployments: [openai/x]}}\nproviders: {openai: off}",
        '1:28 models.m.deployments[0]: the provider "openai" is off; turn it on under providers',
    ),
    (
        "models: {m: {deployments: [openai/x, openai/x]}}",
        "1:38 models.m.deployments[1]: is listed twice; give it a weight instead",
    ),
    ("models: {auto: {deployments: [openai/x]}}", "1:10 models.auto: is a name with a meaning of its own; rename it"),
    ("aliases: {a: gpt}", f'1:14 aliases.a: there is no model "gpt"; {UNKNOWN_MODEL}'),
    (
        "models: {gpt-4o: {deployments: [openai/x]}}\naliases: {a: gpt4o}",
        '2:14 aliases.a: there is no model "gpt4o"; did you mean "gpt-4o"?',
    ),
    (
        "models: {m: {deployments: [openai/x]}}\naliases: {m: openai/x}",
        '2:11 aliases.m: an alias must not hide a model, as "m" does; rename it',
    ),
    (
        "aliases: {premium: openai/x}",
        '1:11 aliases.premium: an alias must not hide a name with a meaning of its own, as "premium" does; rename it',
    ),
    ("aliases: {a: openai/x, b: a}", '1:27 aliases.b: must lead to a model; "a" is an alias itself'),
    (
        "aliases: {a: groq/x}",
        '1:14 aliases.a: the provider "groq" is not enabled; set GROQ_API_KEY, or name it under providers',
    ),
    ("tiers: {economy: [m]}", f'1:19 tiers.economy[0]: there is no model "m"; {UNKNOWN_MODEL}'),
    (
        "tiers: {economy: [a]}\naliases: {a: openai/x}",
        '1:19 tiers.economy[0]: must be a model; "a" is an alias; write what it stands for',
    ),
    (
        "tiers: {economy: [openai/x], premium: [openai/x]}",
        "1:40 tiers.premium[0]: is in the tier economy already",
    ),
]


@pytest.mark.parametrize(("text", "said"), PROVIDERS + NAMES)
def test_one_mistake_is_one_problem_at_its_place(wrong, text, said):
    assert wrong(text, OPENAI_API_KEY="k") == [said]
