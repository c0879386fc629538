"""S5, in the process: the names under which answers are kept and found never meet across tenants.

Pairs of callers are drawn so that they nearly meet: one chain of names and another that is the same text, parted
elsewhere; names with the separators, lengths and letters that names are made of; the same letters written otherwise.
"""

import unicodedata

from gateway.cache.asking import question
from gateway.cache.exact import fingerprint
from gateway.cache.scope import Scope, tenant
from gateway.core.caller import Caller, Key
from gateway.core.request import Asked, Facts
from gateway.journey.batches.kept import owns
from gateway.journey.idempotency import _named
from gateway.prompt_cache.warmth import Warmth

SEPARATORS = ("/", ":", "", "\0", "//", "/1:", ",", "\n", "|", ".", " ")
WORDS = ("", "a", "b", "ab", "1", "1:a", "0:", "key/1:a", "team", "org", "/", ":", "\0", "é", "ａ", "A", "a ")
CHAINS = {Scope.KEY: ("key_id",), Scope.USER: ("org", "team", "user"), Scope.TEAM: ("org", "team"), Scope.ORG: ("org",)}
PROMPT = b'{"model":"m","messages":[{"role":"user","content":"Is snow white?"}]}'
FACTS = Facts("m")


def names(dice):
    """Key, org, team, user, a namespace and an Idempotency-Key."""
    return [
        dice.choice(SEPARATORS).join(dice.choice(WORDS) for _ in range(dice.choice((1, 1, 1, 2, 3)))) for _ in range(6)
    ]


def nearly(said, dice):
    """Names that are like these."""
    other = list(said)
    at = dice.randrange(len(other))
    match dice.randrange(5):
        case 0:  # The same text, parted elsewhere.
            between = dice.choice(SEPARATORS)
            text = between.join(other[at : at + 2])
            cut = dice.randrange(len(text) + 1)
            other[at : at + 2] = [text[:cut], text[cut:].removeprefix(between)][: len(other) - at]
            other += [""] * (6 - len(other))
        case 1:  # The same letters for people.
            other[at] = unicodedata.normalize(dice.choice(("NFC", "NFD", "NFKC")), other[at])
        case 2:
            other[at] = dice.choice(
                (other[at].upper(), other[at] + " ", f"{len(other[at])}:{other[at]}", "\0" + other[at])
            )
        case 3:
            second = dice.randrange(len(other))
            other[at], other[second] = other[second], other[at]
        case _:
            other[at] = dice.choice(WORDS)
    return other


def tenant_in(scope, said):
    """Whose the answers are by the documentation, as a tuple of names: what belongs to nobody is the key's own."""
    key_id, org, team, user, space, _ = said
    chain = dict(zip(("key_id", "org", "team", "user"), (key_id, org, team, user), strict=True))
    if scope is Scope.KEY or not chain[scope]:
        return (Scope.KEY, key_id, space)
    return (scope, *(chain[level] for level in CHAINS[scope]), space)


def found_by(scope, said):
    """What each kind finds answers by."""
    key_id, org, team, user, space = said[:5]
    caller = Caller(key_id, org, team, user)
    owner = tenant(scope, caller, space)
    asked = question(owner, "openai-chat", FACTS, Asked(PROMPT))
    assert asked is not None
    return {
        "kept answers and calls in flight": fingerprint(owner, "openai-chat", Asked(PROMPT)),
        "similar questions": asked.around,
        "what is proven for them": owner,
    }


def test_no_two_tenants_find_the_same(shown, full, dice):
    pairs = 100_000 if full else 10_000
    crossed, shared, apart = [], 0, 0
    for _ in range(pairs):
        scope, one = dice.choice(list(Scope)), names(dice)
        other = nearly(one, dice) if dice.random() < 0.9 else names(dice)
        same = tenant_in(scope, one) == tenant_in(scope, other)
        ours, theirs = found_by(scope, one), found_by(scope, other)
        wrong = [kind for kind in ours if (ours[kind] == theirs[kind]) is not same]
        crossed += [(kind, scope, one, other) for kind in wrong]
        shared += same
        apart += not same
    assert min(shared, apart) > pairs // 50, "else nothing was tried"
    figure = f"{len(crossed)} of {pairs:,} pairs, {apart:,} of which must not meet, and {shared:,} must"
    shown("S5", "names of kept answers, three kinds", figure, target="0", met=not crossed, crossed=repr(crossed[:5]))


def test_what_is_a_key_s_own_is_found_by_no_other(shown, full, dice):
    """Idempotency-Keys, where conversations stay, files and batches, requests and their feedback."""
    pairs = 100_000 if full else 10_000
    crossed, own = [], 0
    for _ in range(pairs):
        one = names(dice)
        other = nearly(one, dice)
        ours, theirs = (Key(said[0], b"", Caller(*said[:4])) for said in (one, other))
        same_team = bool(one[2]) and one[1:3] == other[1:3]
        must = {
            "Idempotency-Key": ((one[0], one[5]) == (other[0], other[5]), _once(one) == _once(other)),
            "conversation": ((one[0], one[4]) == (other[0], other[4]) and bool(one[4]), _stays(one, other)),
            "files and batches": (one[0] == other[0] or same_team, owns(theirs, ours.caller)),
            "requests and feedback": (one[0] == other[0], theirs.sees(ours.caller)),
        }
        crossed += [(kind, one, other) for kind, (wanted, found) in must.items() if wanted is not found]
        own += one[0] == other[0]
    assert pairs // 50 < own < pairs
    figure = f"{len(crossed)} of {pairs:,} pairs"
    shown(
        "S5", "names of what is a key's own, four kinds", figure, target="0", met=not crossed, crossed=repr(crossed[:5])
    )


def _once(said):
    return _named(said[0], said[5])


def _stays(one, other):
    """Whether the other's call would go where this one's conversation is."""
    warmth = Warmth()
    warmth.stayed(one[0], one[4], "there")
    return warmth.stays(other[0], other[4]) == "there"
