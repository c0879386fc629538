"""What receivers get: signed requests for programs, one readable message for people."""

import base64
import hashlib
import hmac
import json

import pytest

from gateway.alerts.shapes import LINES_MAX, Shape, chat, mail, webhook
from gateway.core.alert import Alert, AlertKind

SPENT = Alert(
    "budget.threshold/x 80%", AlertKind.BUDGET_THRESHOLD, 5.0, "team:red has spent 80 %", {"node": "team:red"}
)
BACK = Alert("provider.recovered/y", AlertKind.PROVIDER_RECOVERED, 6.0, "sim/y answers again.")


@pytest.mark.parametrize(
    ("secret", "key"), [("plain words", b"plain words"), ("whsec_" + base64.b64encode(b"\x00key").decode(), b"\x00key")]
)
def test_a_webhook_can_be_verified_as_standard_webhooks_says(secret, key):
    post = webhook(SPENT, secret, 1_794_398_400.9)
    assert json.loads(post.body) == {
        "type": "budget.threshold",
        "timestamp": "1970-01-01T00:00:05Z",
        "data": {"sentence": "team:red has spent 80 %", "node": "team:red"},
    }
    signed = b"%b.%b.%b" % (post.headers["webhook-id"].encode(), post.headers["webhook-timestamp"].encode(), post.body)
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert post.headers["webhook-signature"] == f"v1,{right}"
    assert (post.headers["webhook-id"], post.headers["webhook-timestamp"]) == (SPENT.id, "1794398400")


def test_without_a_secret_nothing_is_signed():
    assert "webhook-signature" not in webhook(SPENT, "", 0.0).headers


def test_a_channel_gets_one_message_that_mentions_nobody():
    shouting = Alert("x", AlertKind.KEY_CREATED, 0.0, "The key <!channel> & <@U1> @everyone was made.")
    slack = json.loads(chat([SPENT, shouting, BACK], Shape.SLACK).body)["text"].splitlines()
    assert slack[0] == "⚠️ team:red has spent 80 %"
    assert slack[1] == "⚠️ The key &lt;!channel&gt; &amp; &lt;@U1&gt; @everyone was made."
    assert slack[2] == "✅ sim/y answers again."
    discord = json.loads(chat([shouting], Shape.DISCORD).body)
    assert discord["allowed_mentions"] == {"parse": []}
    card = json.loads(chat([SPENT], Shape.TEAMS).body)["attachments"][0]["content"]
    assert (card["type"], card["body"][0]["inlines"][0]["text"]) == ("AdaptiveCard", "⚠️ team:red has spent 80 %")


LINKED = Alert(
    "x", AlertKind.KEY_CREATED, 0.0, "The key k (\\[all is well](https://evil.example)\n✅ and more) was made."
)


def test_a_name_becomes_no_link_and_no_line_of_its_own():
    """Teams reads Markdown in a TextBlock, not in a RichTextBlock; Discord reads it wherever no backslash is before."""
    said = "⚠️ The key k (\\[all is well](https://evil.example) ✅ and more) was made."
    (block,) = json.loads(chat([LINKED], Shape.TEAMS).body)["attachments"][0]["content"]["body"]
    assert block == {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": said}]}
    discord = json.loads(chat([LINKED], Shape.DISCORD).body)["content"]
    assert discord == said.replace("\\[", "\\\\\\[")
    assert json.loads(chat([LINKED], Shape.SLACK).body)["text"] == said
    assert mail([LINKED], "a@x", "b@x").get_content() == f"{said}\n"


def test_a_bad_day_is_one_message_that_says_how_much_more_there_was():
    many = [Alert(str(number), AlertKind.KEY_CREATED, 0.0, f"key {number}") for number in range(LINES_MAX + 3)]
    lines = json.loads(chat(many, Shape.SLACK).body)["text"].splitlines()
    assert (len(lines), lines[-1]) == (LINES_MAX + 1, "… and 3 more")


def test_discord_takes_no_more_than_it_can():
    """And says how much of it there is more, in whole lines, however long its way of writing makes them."""

    def told(*sentences):
        alerts = [Alert(str(n), AlertKind.KEY_CREATED, 0.0, said) for n, said in enumerate(sentences)]
        return json.loads(chat(alerts, Shape.DISCORD).body)["content"]

    lines = told(*["[" * 68] * 25).splitlines()
    assert (len(lines), len(set(lines[:-1])), lines[-1]) == (15, 1, "… and 11 more")
    assert len(told("k" * 1994, "k").splitlines()) == 2
    full = told("k" * 1995, "k" * 3)
    assert (len(full), full[-15:]) == (2000, "k…\n… and 1 more")
    alone = told("k" * 3000)
    assert (len(alone), alone[-2:]) == (2000, "k…")
    assert told("k" * 1997) == f"⚠️ {'k' * 1997}"


def test_mail_has_no_header_that_an_alert_could_smuggle_in():
    evil = Alert("x", AlertKind.KEY_CREATED, 0.0, "The key a\nBcc: b@c was made.")
    message = mail([evil, SPENT], "fareway@acme.com", "ops@acme.com")
    assert message["Subject"] == "Fareway: The key a Bcc: b@c was made. (and 1 more)"
    assert message["Bcc"] is None
    assert "team:red has spent 80 %" in message.get_content()
