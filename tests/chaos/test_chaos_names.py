"""S9: names are shown, and neither run as a script nor read as a formula, a mention or a link.

Everything that somebody may name is named like an attack: keys, teams, orgs, users, tags, models, limits, sessions,
what calls ask for. Then every page of both dashboards is looked at, and every file is read.
"""

import csv
import io
import json
import re
from contextlib import suppress

from api import Api
from browsers import LACKING
from dashboard import CONFIG, PAGES, chat, chromium, look
from openai import APIStatusError
from road import road

from gateway.alerts.shapes import Shape
from gateway.alerts.shapes import chat as message
from gateway.core.alert import Alert, AlertKind
from gateway.export.files import FORMULA_STARTS
from gateway.ledger.reader import DIMENSIONS

SCRIPTS = (
    "<script>window.__xss=1</script>",
    "<img src=x onerror=window.__xss=1>",
    '"><svg onload=window.__xss=1>',
    "'-window.__xss=1-'",
    "javascript:window.__xss=1",
    "</title></textarea><iframe srcdoc='<script>parent.__xss=1</script>'>",
    "{{constructor.constructor('window.__xss=1')()}}",
    "<a href=javascript:window.__xss=1>x</a>",
)
FORMULAS = ("=cmd|'/C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "＝1+1")
MENTIONS = (
    "<!channel>",
    "<https://evil.example|all is well>",
    "[all is well](https://evil.example)",
    "x\n✅ well",
    "@everyone",
)
NUMBER = re.compile(r"-?[0-9.]+")


def named(admin, way, names):
    """Keys, teams, orgs, users, limits, tags, sessions and calls with these names."""
    for number, name in enumerate(names):
        admin.post("/orgs", {"id": f"o{number}", "name": name})
        admin.post("/teams", {"id": f"t{number}", "name": name, "org": f"o{number}"})
        admin.post("/users", {"id": f"u{number}", "name": name, "team": f"t{number}"})
        tag = "".join(name.split()).replace(",", ";").replace("*", "")[:100]
        said = {"alias": name, "user": f"u{number}", "tags": [tag], "metadata": {"note": name}}
        _, token = admin.key(**said)
        admin.put("/limits", {"node": f"tag:{tag}", "amount": "5 usd", "window": "day"})
        admin.put("/limits", {"node": f"model:{tag}", "amount": "5 usd", "window": "day"})
        head = {"x-fareway-session": name.strip(), "x-fareway-tags": tag} if name.isascii() else {}
        with way.client(token) as client:
            chat(client, words=name, user=name, extra_headers=head)
            for model in (name, f"sim/{name}"):
                with suppress(APIStatusError):  # Nobody has such a model.
                    chat(client, model)
    way.rest()


def looked_at(browser, url, token, pages):
    """How many scripts ran, and windows opened, on every page and in every drawer; and what of the names became more
    than text."""
    opened = []
    looked = look(browser, url)
    looked.page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    looked.page.on("popup", lambda page: opened.append(page.url))
    looked.log_in(token)
    seen, alive = 0, 0
    for name in pages:
        looked.open(name)
        looked.page.wait_for_timeout(300)
        for row in looked.page.locator("main tbody tr").all()[:12] if name == "requests" else []:
            row.click()
            looked.page.locator("dialog.drawer dl").first.wait_for()
            seen += 1
            alive += looked.page.locator("dialog img, dialog iframe, dialog script").count()
            looked.page.keyboard.press("Escape")
        seen += 1
        alive += looked.page.locator("main img, main iframe, main script, main a[href^=javascript]").count()
        alive += bool(looked.page.evaluate("window.__xss"))
    violations = looked.violations
    looked.page.context.close()
    return seen, alive + len(opened), violations


def test_names_run_on_no_page(tmp_path, shown):
    how, target = "HTML as names, on every page of both dashboards", "0 executions"
    if LACKING:
        shown.untried("S9", how, target=target, lacking=LACKING)
    with road(tmp_path, CONFIG) as way, chromium() as browser:
        admin = Api.of(way, way.admin)
        named(admin, way, SCRIPTS)
        _, token = admin.key(alias=SCRIPTS[1])
        with way.client(token) as client:
            chat(client, words=SCRIPTS[0], user=SCRIPTS[1])
        way.rest()
        url = admin.url.removesuffix("/admin/v1")
        found = [
            looked_at(browser, f"{url}/dashboard", way.admin, PAGES),
            looked_at(browser, f"{way.url}/dashboard", token, ("overview", "budgets", "requests")),
        ]
    seen, ran = (sum(figures) for figures in list(zip(*found, strict=True))[:2])
    violations = [one for *_, policy in found for one in policy]
    figure = f"{ran} executions and {len(violations)} violations of the policy on {seen} pages, {len(SCRIPTS)} names"
    shown("S9", how, figure, target=target, met=not ran and not violations)


def test_names_are_formulas_in_no_file(tmp_path, shown):
    config = CONFIG.replace("models:", 'models:\n  "=1+1": {deployments: [sim/sim-small]}')
    with road(tmp_path, config) as way:
        named(Api.of(way, way.admin), way, FORMULAS)
        with way.client() as client:
            chat(client, "=1+1")
        way.rest()
        made = [way.command("usage", "--by", by, "--format", "csv") for by in DIMENSIONS]
        made += [way.command("usage", "export", "--format", form) for form in ("csv", "focus")]
    cells = [cell for text in made for row in csv.reader(io.StringIO(text)) for cell in row]
    assert any(cell.startswith("'=") for cell in cells), "else no name of these was told"
    formulas = [cell for cell in cells if cell.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(cell)]
    figure = f"{len(formulas)} of {len(cells):,} cells in {len(made)} files"
    shown("S9", "formulas as names, in CSV", figure, target="0 cells", met=not formulas, formulas=formulas[:5])


def test_names_mention_and_link_nobody_in_chats(shown):
    """Slack takes what stands between angle brackets, Discord square brackets, Teams all of Markdown in a TextBlock."""
    alerts = [Alert("x", AlertKind.KEY_CREATED, 0.0, f"The key k ({name}) was made.") for name in MENTIONS]
    slack = json.loads(message(alerts, Shape.SLACK).body)["text"]
    discord = json.loads(message(alerts, Shape.DISCORD).body)
    teams = json.loads(message(alerts, Shape.TEAMS).body)["attachments"][0]["content"]["body"]
    wrong = [said for said in (slack, discord["content"]) if said.count("\n") != len(MENTIONS) - 1]
    wrong += re.findall(r"<[^>]*>", slack) + re.findall(r"(?<!\\)\[", discord["content"])
    wrong += [block for block in teams if block["type"] != "RichTextBlock"]
    wrong += [discord["allowed_mentions"]] * bool(discord["allowed_mentions"]["parse"])
    assert len(teams) == len(MENTIONS)
    figure = f"{len(wrong)} in 3 chats of {len(MENTIONS)} names"
    shown("S9", "mentions, links and lines in Slack, Teams and Discord", figure, target="0", met=not wrong, wrong=wrong)
