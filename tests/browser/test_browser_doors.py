"""Who may come in, what each may do, and what a page of somebody else cannot."""

import pytest
from dashboard import look, told

NASTY = '<img src=x onerror="window.stolen=1">'


def test_a_wrong_token_is_told_so(url, browser):
    looked = look(browser, url)
    looked.page.goto(url)
    looked.page.get_by_label("Token").fill("fw-nobody")
    looked.page.get_by_role("button", name="Log in", exact=True).click()
    looked.page.get_by_text("Incorrect API key provided").wait_for()
    looked.page.context.close()


def test_a_key_without_a_role_is_sent_to_the_port_of_calls(url, keys, browser):
    looked = look(browser, url)
    looked.page.goto(url)
    looked.page.get_by_label("Token").fill(keys["checkout"])
    looked.page.get_by_role("button", name="Log in", exact=True).click()
    looked.page.get_by_text("This key has no role.").wait_for()
    looked.page.context.close()


def test_the_token_is_kept_nowhere_in_the_browser(url, way, open_as):
    looked = open_as(url, way.admin)
    page = looked.page
    stored = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert "fw-" not in stored
    (cookie,) = page.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["path"] == "/dashboard"
    assert way.admin not in cookie["value"]
    assert way.admin.rpartition("-")[2] not in page.content()


def test_logging_out_ends_the_session_and_not_only_the_page(url, way, open_as):
    looked = open_as(url, way.admin)
    page = looked.page
    cookies = page.context.cookies()
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Token").wait_for()
    page.context.add_cookies(cookies)  # Somebody has kept it.
    page.reload()
    page.get_by_label("Token").wait_for()


def test_whoever_is_not_logged_in_any_more_sees_the_door_again(url, admin, open_as):
    """The key is revoked while its holder looks at the pages."""
    key, token = admin.key(alias="leaving", role="viewer")
    looked = open_as(url, token)
    admin.post(f"/keys/{key['id']}/revoke", status=200)
    looked.page.get_by_label("Token").wait_for()


CHANGE = """async ([path, method, headers]) => {
    const session = await (await fetch("/dashboard/session")).json();
    const said = await fetch("/dashboard/api" + path, {
        method,
        headers: Object.fromEntries(headers.map((name) => [name, session.csrf])),
        body: "{}",
    });
    return said.status;
}"""


def test_a_change_that_the_dashboard_did_not_send_is_refused(url, way, open_as):
    page = open_as(url, way.admin).page
    assert page.evaluate(CHANGE, ["/keys", "POST", []]) == 403
    assert page.evaluate(CHANGE, ["/keys", "POST", ["x-fareway-csrf"]]) == 201


@pytest.mark.parametrize("role", ["viewer", "team-admin"])
def test_a_role_sees_and_does_what_it_may(role, url, admin, keys, open_as):
    _, token = admin.key(alias=f"a {role}", role=role, team="research")
    looked = open_as(url, token)
    page = looked.page
    looked.open("keys")
    names = page.locator("main tbody tr").all_inner_texts()
    if role == "viewer":
        assert any("checkout" in name for name in names)
        assert page.get_by_role("button", name="New key").count() == 0
        assert page.get_by_role("button", name="Revoke").count() == 0
        assert page.evaluate(CHANGE, ["/keys", "POST", ["x-fareway-csrf"]]) == 403
        looked.open("prices")
        assert page.get_by_role("button", name="Approve").count() == 0
    else:
        assert names
        assert all("research" in name for name in names)
        looked.open("requests")
        assert page.locator("main tbody tr").count() == 3
        assert "Prices" not in page.locator("nav").inner_text()
        assert page.evaluate(CHANGE, ["/prices/approve", "POST", ["x-fareway-csrf"]]) == 403


def test_a_key_is_made_changed_and_ended(url, way, admin, open_as):
    looked = open_as(url, way.admin)
    looked.open("keys")
    page = looked.page
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name, for people").fill("made in a browser")
    page.get_by_role("button", name="Make it").click()
    token = page.locator("dialog .token").inner_text()
    page.get_by_role("button", name="Done").click()
    with way.client(token) as client:
        assert client.models.list().data
    row = page.locator("main tbody tr", has_text="made in a browser")
    row.get_by_role("button", name="Edit").click()
    page.get_by_label("Models that it may ask for").fill("sim-small")
    page.get_by_role("button", name="Save").click()
    page.locator("main tbody tr", has_text="made in a browser").get_by_text("sim-small").wait_for()
    row.get_by_role("button", name="Revoke").click()
    page.locator("dialog").get_by_role("button", name="Revoke").click()
    page.locator("main tbody tr", has_text="made in a browser").get_by_text("revoked").wait_for()
    assert not looked.errors, told(looked.errors)


def test_a_limit_is_set_and_forgotten(url, way, admin, open_as):
    looked = open_as(url, way.admin)
    looked.open("limits")
    page = looked.page
    page.get_by_role("button", name="Set a limit").click()
    page.get_by_label("Whom it stands over").fill("tag:browser")
    page.get_by_label("Amount").fill("nothing")
    page.get_by_role("button", name="Set it").click()
    page.locator("dialog [role=alert]", has_text="must be").wait_for()
    page.get_by_label("Amount").fill("12.50")
    page.get_by_role("button", name="Set it").click()
    row = page.locator("main tbody tr", has_text="tag:browser")
    row.get_by_text("$12.50").wait_for()
    row.get_by_role("button", name="Forget").click()
    page.locator("dialog").get_by_role("button", name="Forget").click()
    row.wait_for(state="detached")


def test_names_are_shown_and_never_run(url, way, admin, open_as):
    """A key, a team and a tag that are called like markup, and a model that nobody has."""
    admin.post("/teams", {"id": "nasty", "name": NASTY})
    _, token = admin.key(alias=NASTY, team="nasty", tags=["<b>tag</b>"])
    admin.put("/limits", {"node": 'model:"><script>alert(1)</script>', "amount": "5 usd", "window": "day"})
    with way.client(token) as client:
        client.chat.completions.create(model="sim-small", messages=[{"role": "user", "content": NASTY}], user=NASTY)
    way.rest()
    looked = open_as(url, way.admin)
    page = looked.page
    looked.open("keys")
    page.get_by_text(NASTY).first.wait_for()
    looked.open("limits")
    page.get_by_text("<script>alert(1)").first.wait_for()
    for name in ("overview", "budgets", "events", "requests"):
        looked.open(name)
    page.locator("select[name=team]").select_option("nasty")
    page.locator("main tbody tr", has_text="nasty").first.click()
    page.locator("dialog.drawer").get_by_text("<b>tag</b>").wait_for()
    assert page.evaluate("window.stolen") is None
    assert page.locator("main img, dialog img").count() == 0
    assert not looked.violations
    assert not looked.errors, told(looked.errors)
