"""Which regexes of a feed may take too long over a name that a caller makes up."""

import pytest

from gateway.prices.patterns import slow


@pytest.mark.parametrize(
    "regex",
    [
        r"^(typesafe/)?jev-1\.13(-\d{8})?$",
        r"^(?!.*-[tT][tT][sS](?:$|-))",
        r"^composer-2\.5\[fast=true\]$",
        r"^gpt-(a|b|mini)-\d{4}-\d{2,6}$",
        r"[]*+?(|]+\(\)\+\+",
        r"a{}{,20}?(?<=x)(?<!y)(?=z)",
        r"\d{3,}",
    ],
)
def test_what_fits_in_few_ways_is_taken(regex):
    """Of a published kind: one repetition without a bound, some choices, groups that may be missing."""
    assert slow(regex) == ""


@pytest.mark.parametrize(
    ("regex", "why"),
    [
        ("^(z+)+$", "it repeats a group: +"),
        ("(?:a|ab){2,}?", "it repeats a group: {2,}?"),
        ("(a?)*+", "it repeats a group: *+"),
        ("a?" * 10 + "a" * 10, "it may fit a name in 1024 ways"),
        ("(?:a|aa)" * 10 + "$", "it may fit a name in 1024 ways"),
        (".*a.*", "it may fit a name in 66049 ways"),
        ("x{,999}y{0,3}", "it may fit a name in 1028 ways"),
        ("|" * 1000, "it may fit a name in 1001 ways"),
        ("(?i)a", "of what begins with (? it may only group and look around: (?i)"),
        ("(?P<n>a)", "of what begins with (? it may only group and look around: (?P<"),
    ],
)
def test_what_may_take_too_long_is_told(regex, why):
    """What repeats a group, or multiplies repetitions and choices, can keep a process busy for seconds."""
    assert slow(regex) == why


def test_every_published_regex_is_taken(snapshot):
    """The list that ships has dozens, and reading it asks for each; one with a repeated group would not be read."""
    clauses = [model.match for provider in snapshot.providers.values() for model in provider.models]
    every = [inner for clause in clauses for inner in (clause, *(clause.any_of or ()), *(clause.all_of or ()))]
    regexes = [clause.regex for clause in every if clause.regex is not None]
    assert len(regexes) > 50
    assert not any(map(slow, regexes))
