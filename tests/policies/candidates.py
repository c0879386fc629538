"""Candidates and requests that say only what matters, and what a policy makes of them."""

from gateway.core.money import Money
from gateway.core.request import Facts, Request
from gateway.core.route import Candidate, Context
from gateway.plugins import load_policy


def made(name, **more):
    plain = {"cost_likely": Money(1), "cost_worst": Money(1), "tier": "standard"}
    return Candidate(**{"name": name, "provider": "p", "model": name, "selfhosted": False, **plain, **more})


def asked(name="r", *, tokens=1, **more):
    return Request(name, "k", "openai-chat", Facts(model="m", **more), tokens)


def decided(policy, candidates, request=None, **context):
    return load_policy(f"policies.{policy}").choose(request or asked(), tuple(candidates), Context(**context))


def order(policy, candidates, request=None, **context):
    return [c.name for c in decided(policy, candidates, request, **context).plan]
