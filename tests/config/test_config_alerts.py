"""Who is told: what the file says, what does not fit, and no secret in either."""

import pytest

from gateway.alerts.sending import Target
from gateway.alerts.shapes import Shape
from gateway.config.load import load
from gateway.config.problems import ConfigError

ENV = {
    "SLACK": "https://hooks.slack.com/services/T/HIDDEN",
    "SIGN": "whsec_c2VjcmV0",
    "SMTP": "smtps://u:p@mail.acme.com",
}


def alerts(tmp_path, text):
    path = tmp_path / "fareway.yaml"
    path.write_text(f"alerts:\n{text}\n")
    return load(path, ENV).alerts


def problems(tmp_path, text):
    with pytest.raises(ConfigError) as found:
        alerts(tmp_path, text)
    return str(found.value)


def test_all_shapes(tmp_path):
    text = """
  - {shape: slack, to: "${SLACK}", events: [budget, price.stale]}
  - {to: https://hooks.acme.com/fareway, secret: "${SIGN}", name: ops}
  - {shape: mail, to: ops@acme.com, sender: fareway@acme.com, server: "${SMTP}"}
  - {shape: discord, to: "http://127.0.0.1:9/", private: true}
"""
    assert alerts(tmp_path, text) == (
        Target("slack-1", Shape.SLACK, ENV["SLACK"], frozenset({"budget", "price.stale"})),
        Target("ops", Shape.WEBHOOK, "https://hooks.acme.com/fareway", secret=ENV["SIGN"]),
        Target("mail-3", Shape.MAIL, "ops@acme.com", server=ENV["SMTP"], sender="fareway@acme.com"),
        Target("discord-4", Shape.DISCORD, "http://127.0.0.1:9/", private=True),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{shape: slack, to: https://hooks.slack.com/services/T/HIDDEN}", "alerts[0].to: is a secret"),
        ("{to: http://hooks.acme.com}", "must begin with https://"),
        ("{to: nonsense}", "must be a URL"),
        ('{to: "https://[host"}', "alerts[0].to: must be a URL"),
        ("{to: https://host:99999}", "alerts[0].to: must be a URL"),
        ("{to: https://host:port}", "alerts[0].to: must be a URL"),
        ("{to: https://a.example, secret: words}", "alerts[0].secret: must not stand in the file"),
        ("{to: https://a.example, sender: a@b}", "alerts[0].sender: is of mail alone"),
        ("{to: https://a.example, events: [budgets]}", "alerts[0].events[0]"),
        ("{shape: mail, to: nobody, sender: a@b.c, server: smtp://x}", "to must be an address of mail"),
        ("{shape: mail, to: a@b.c, server: smtp://x}", "sender must be an address of mail"),
        ("{shape: mail, to: a@b.c, sender: a@b.c}", "server is missing"),
        ("{shape: mail, to: a@b.c, sender: a@b.c, server: mail.acme.com}", "must begin with smtp://"),
        ('{shape: mail, to: a@b.c, sender: a@b.c, server: "smtp://["}', "must begin with smtp://"),
        ("{shape: mail, to: a@b.c, sender: a@b.c, server: smtp://x:99999}", "must begin with smtp://"),
        ("{shape: mail, to: a@b.c, sender: a@b.c, server: smtp://u:HIDDEN@x}", "must not hold a password"),
        ("{to: https://a.example, name: x}\n  - {to: https://b.example, name: x}", "another target is called x"),
    ],
)
def test_what_does_not_fit_is_said_without_the_secret(tmp_path, text, said):
    found = problems(tmp_path, f"  - {text}")
    assert said in found
    assert "HIDDEN" not in found


def test_a_secret_that_is_no_base64_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(ENV, "SIGN", "whsec_???")
    assert "must be base64" in problems(tmp_path, '  - {to: https://a.example, secret: "${SIGN}"}')
