"""From something that happened to somebody who knows it, over real sockets."""

import asyncio
import json
import socket
import sqlite3
import ssl
import threading
from contextlib import closing, suppress

import pytest
import trustme
from hook import Hook

from gateway.alerts import delivering, sending
from gateway.alerts.delivering import WAITING_MAX, Alerts
from gateway.alerts.outbox import FIRST_WAIT_S, Outbox
from gateway.alerts.sending import NotSentError, PublicOnly, Target, is_public, post
from gateway.alerts.shapes import Post, Shape
from gateway.core.alert import Alert, AlertKind


def alert(name="x", kind=AlertKind.BUDGET_EXCEEDED):
    return Alert(name, kind, 1.0, f"sentence of {name}")


@pytest.fixture
def hook():
    found = Hook()
    yield found
    found.stop()


@pytest.fixture
def outbox(tmp_path):
    with closing(Outbox(tmp_path / "alerts.db")) as found:
        yield found


class World:
    """Alerts with a clock that is set by hand."""

    def __init__(self, tmp_path, *targets):
        self.now, self.counts, self.targets = 100.0, [], targets
        self.alerts = Alerts(
            targets, tmp_path / "alerts.db", lambda: self.now, lambda kind, how: self.counts.append(how)
        )

    def turn(self, outbox, *, deliver=True):
        async def once():
            await self.alerts.write_down(outbox)
            if deliver:
                await asyncio.gather(*[self.alerts.deliver(outbox, target) for target in self.targets])

        asyncio.run(once())


def to(hook, shape=Shape.WEBHOOK, name="there", **more):
    return Target(name, shape, hook.url, private=True, **more)


def test_each_is_told_of_what_it_wants(tmp_path, hook, outbox):
    budget = to(hook, name="budget", events=frozenset({"budget"}))
    keys = to(hook, name="keys", events=frozenset({"key.revoked"}))
    world = World(tmp_path, budget, keys, to(hook, name="all"))
    for kind in (AlertKind.BUDGET_EXCEEDED, AlertKind.KEY_CREATED, AlertKind.KEY_REVOKED):
        world.alerts.tell(alert(kind, kind))
    world.turn(outbox)
    world.turn(outbox)
    kinds = sorted(json.loads(body)["type"] for _, body in hook.got)
    assert kinds == ["budget.exceeded"] * 2 + ["key.created"] + ["key.revoked"] * 2
    assert world.counts == ["sent"] * 5


def test_what_did_not_arrive_is_tried_again_until_it_does(tmp_path, hook, outbox):
    """A redirect is no arrival either: nobody is led elsewhere."""
    hook.statuses = [500, 307]
    world = World(tmp_path, to(hook))
    world.alerts.tell(alert())
    for _ in range(4):
        world.turn(outbox)
        world.turn(outbox)  # Too early.
        world.now += 3 * FIRST_WAIT_S
    assert len(hook.got) == 3
    assert len({headers["webhook-id"] for headers, _ in hook.got}) == 1
    assert world.counts == ["failed", "failed", "sent"]
    (one,) = outbox.history(9)
    assert (one.attempts, one.delivered, one.due) == (3, 100.0 + 6 * FIRST_WAIT_S, None)


def test_a_channel_gets_all_that_is_due_in_one_message(tmp_path, hook, outbox):
    world = World(tmp_path, to(hook, Shape.SLACK))
    for number in range(3):
        world.alerts.tell(alert(str(number)))
    world.turn(outbox)
    assert len(json.loads(hook.got[0][1])["text"].splitlines()) == 3
    assert len(hook.got) == 1


def test_another_process_of_the_home_only_writes_down(tmp_path, hook, outbox):
    world = World(tmp_path, to(hook))
    world.alerts.tell(alert())
    world.turn(outbox, deliver=False)
    assert hook.got == []
    World(tmp_path, to(hook)).turn(outbox)
    assert len(hook.got) == 1


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - it comes in another thread
            await asyncio.sleep(0.01)


def test_one_that_hangs_holds_up_no_other_nor_what_is_written_down(tmp_path, hook, outbox):
    async def run():
        asked = asyncio.Future()
        silent = await asyncio.start_server(lambda _, writer: asked.set_result(writer), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        world = World(tmp_path, Target("silent", Shape.WEBHOOK, f"http://127.0.0.1:{port}/", private=True), to(hook))
        running = asyncio.create_task(world.alerts.run(deliver=True))
        world.alerts.tell(alert("first"))
        await until(lambda: asked.done() and world.counts == ["sent"])
        world.alerts.tell(alert("second"))
        async with asyncio.timeout(sending.SEND_S_MAX / 2):
            await until(lambda: world.counts == ["sent"] * 2)
        assert {delivery.alert.id for delivery in outbox.history(9)} == {"first", "second"}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        asked.result().close()
        silent.close()
        await silent.wait_closed()

    asyncio.run(run())


@pytest.mark.parametrize("silent", [False, True])
def test_where_nobody_is_there_one_attempt_is_enough_and_the_rest_waits(tmp_path, outbox, monkeypatch, silent):
    monkeypatch.setattr(sending, "SEND_S_MAX", 0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if silent:
            taken.listen()
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        world = World(tmp_path, Target("gone", Shape.WEBHOOK, url, private=True))
        for name in "abc":
            world.alerts.tell(alert(name))
        world.turn(outbox)
    assert world.counts == ["failed"]
    assert {one.alert.id: (one.attempts, one.due) for one in outbox.history(9)} == {
        "a": (1, 100.0 + FIRST_WAIT_S),
        "b": (0, 100.0),
        "c": (0, 100.0),
    }


def test_one_that_refuses_a_message_is_asked_about_the_others(tmp_path, hook, outbox):
    hook.statuses = [400]
    world = World(tmp_path, to(hook))
    for name in "ab":
        world.alerts.tell(alert(name))
    world.turn(outbox)
    assert world.counts == ["failed", "sent"]


def test_a_flood_is_bounded(tmp_path):
    world = World(tmp_path, Target("t", Shape.WEBHOOK, "https://x.example"))
    for _ in range(WAITING_MAX + 2):
        world.alerts.tell(alert())
    assert world.counts == ["dropped"] * 2
    nobody = World(tmp_path)
    nobody.alerts.tell(alert())
    assert nobody.counts == []


def test_it_runs_until_it_is_stopped_and_writes_down_what_is_left(tmp_path, hook):
    async def run():
        world = World(tmp_path, to(hook))
        task = asyncio.create_task(world.alerts.run(deliver=True))
        world.alerts.tell(alert("first"))
        await until(lambda: hook.got)
        world.alerts.tell(alert("last"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    with closing(Outbox(tmp_path / "alerts.db")) as outbox:
        assert {one.alert.id for one in outbox.history(9)} == {"first", "last"}


def test_an_outbox_that_cannot_be_opened_is_waited_for(tmp_path, hook, monkeypatch, caplog):
    """A full disk, say: what there is to tell is told later, and nothing else stops."""
    monkeypatch.setattr(delivering, "OPEN_EVERY_S", 0.01)
    (tmp_path / "alerts.db").mkdir()

    async def run():
        world = World(tmp_path, to(hook))
        task = asyncio.create_task(world.alerts.run(deliver=True))
        world.alerts.tell(alert())
        await until(lambda: "cannot be written down" in caplog.text)
        (tmp_path / "alerts.db").rmdir()
        await until(lambda: hook.got)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_what_cannot_be_written_down_waits(tmp_path, hook, monkeypatch, caplog):
    put, failures = Outbox.put, [sqlite3.OperationalError("database or disk is full")]

    def failing(*told):
        if failures:
            raise failures.pop()
        put(*told)

    monkeypatch.setattr(Outbox, "put", failing)
    monkeypatch.setattr(delivering, "LOOK_EVERY_S", 0.01)

    async def run():
        world = World(tmp_path, to(hook))
        task = asyncio.create_task(world.alerts.run(deliver=True))
        world.alerts.tell(alert())
        await until(lambda: hook.got)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert "disk is full" in caplog.text


class FullDisk(Outbox):
    """An outbox that writes down nothing of what became of messages while `full`."""

    full = True

    def arrived(self, *told):
        self._refuse()
        super().arrived(*told)

    def failed(self, *told):
        self._refuse()
        super().failed(*told)

    def _refuse(self):
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")


@pytest.mark.parametrize(("status", "how"), [(200, "sent"), (500, "failed")])
def test_what_became_of_a_message_is_written_down_before_the_next_is_sent(tmp_path, hook, status, how):
    """On a full disk what was told is still due in the file, and would be told anew every second."""
    hook.statuses = [status]
    world = World(tmp_path, to(hook))
    with closing(FullDisk(tmp_path / "alerts.db")) as outbox:
        world.alerts.tell(alert("first"))
        for _ in range(3):
            with pytest.raises(sqlite3.OperationalError):
                world.turn(outbox)
        assert (len(hook.got), world.counts) == (1, [how])
        outbox.full = False
        world.turn(outbox)
        world.turn(outbox)
        assert len(hook.got) == 1
        (one,) = outbox.history(9)
        assert (one.attempts, one.delivered) == (1, 100.0 if how == "sent" else None)
        world.alerts.tell(alert("second"))
        world.turn(outbox)
        assert world.counts == [how, "sent"]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "0.0.0.0",
     "224.0.0.1", "100.64.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::", "::7f00:1", "fec0::1",
     "168.63.129.16", "192.0.0.192", "64:ff9b:1:a9fe:a9:fe00:808:808", "2002:a83f:8110::"],
)  # fmt: skip
def test_addresses_of_ones_own_are_not_public(address):
    assert not is_public(address)
    assert is_public("8.8.8.8")
    assert is_public("2001:4860:4860::8888")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://8.8.8.8/", "only https"),
        ("https://127.0.0.1/", "no public address"),
        ("https://[::1]/", "no public address"),
        ("https://localhost/", "not reached"),
        ("https://①27.0.0.1/", "no public address"),
        ("https://%31%32%37.0.0.1/", "no public address|not reached"),
        ("https://2130706433/", "not reached|no URL"),
        ("https://[::1", "no URL"),
        ("https://xn--a.com/", "no URL"),
    ],
)
def test_no_address_of_ones_own_is_asked(url, why):
    with pytest.raises(NotSentError, match=why):
        asyncio.run(post(Target("t", Shape.SLACK, url), Post(b"{}", {})))


def test_whatever_goes_wrong_it_was_not_sent_and_the_text_holds_no_url(monkeypatch):
    """One message must not end the sending of all others."""

    def broken(**_):
        raise RuntimeError("https://secret.example/")

    monkeypatch.setattr("aiohttp.ClientSession", broken)
    with pytest.raises(NotSentError, match=r"^not reached: RuntimeError$"):
        asyncio.run(post(Target("t", Shape.SLACK, "https://example.com/"), Post(b"{}", {})))


def test_a_name_that_leads_inside_is_refused_when_it_is_looked_up():
    async def look():
        resolver = PublicOnly()
        try:
            await resolver.resolve("localhost", 443)
        finally:
            await resolver.close()

    with pytest.raises(OSError, match="localhost is no public address"):
        asyncio.run(look())


PUBLIC, INSIDE = "93.184.215.14", "127.0.0.1"


@pytest.mark.parametrize(
    ("answers", "connected"),
    [
        ([[PUBLIC], [INSIDE]], [[PUBLIC], None]),
        ([[PUBLIC, INSIDE], [INSIDE, PUBLIC]], [[PUBLIC], [PUBLIC]]),
        ([[INSIDE], [PUBLIC]], [None, [PUBLIC]]),
        ([["169.254.169.254"]], [None]),
    ],
)
def test_what_is_connected_to_is_what_was_looked_at(monkeypatch, answers, connected):
    """A name may lead elsewhere each time it is looked up (DNS rebinding): it is looked up once for each message, and
    nothing is connected to but what was found public."""
    looked_up, reached = [], []

    def look_up(host, port, *_, **__):
        looked_up.append(host)
        found = answers[len(looked_up) - 1] if len(looked_up) <= len(answers) else [INSIDE]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    async def reach(addr_infos, **_):
        reached.append([info[4][0] for info in addr_infos])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", reach)
    for _ in answers:
        with pytest.raises(NotSentError):
            asyncio.run(post(Target("t", Shape.WEBHOOK, "https://rebound.example/"), Post(b"{}", {})))
    assert reached == [addresses for addresses in connected if addresses]
    assert looked_up == ["rebound.example"] * len(answers)


def test_no_problem_tells_the_address(tmp_path, outbox):
    """A chat's URL is a secret."""
    world = World(tmp_path, Target("gone", Shape.SLACK, "http://127.0.0.1:9/T00/SECRET", private=True))
    world.alerts.tell(alert())
    world.turn(outbox)
    (one,) = outbox.history(1)
    assert "SECRET" not in one.problem
    assert "SECRET" not in repr(Target("gone", Shape.SLACK, "http://127.0.0.1:9/T00/SECRET"))


ANSWERS = {
    b"EHLO": b"250-here\r\n250 AUTH PLAIN\r\n",
    b"AUTH": b"235 yes\r\n",
    b"DATA": b"354 go\r\n",
    b"QUIT": b"221 bye\r\n",
    b"STAR": b"220 go\r\n",
}


class MailServer:
    """Takes one message over SMTP; with TLS from the beginning, or as it offers after that, where it has a certificate.
    `said` is what came, `sealed` the part of it that came under TLS."""

    def __init__(self, context=None, *, offers=None):
        self.said, self.sealed = [], []
        self._context, self._offers = context, offers
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._ready.wait(30)

    async def _serve(self):
        done = asyncio.Event()

        async def talk(reader, writer):
            writer.write(b"220 here\r\n")
            in_data, secure, answers = False, self._context is not None, ANSWERS
            if self._offers is not None:
                answers = ANSWERS | {b"EHLO": b"250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"}
            while line := await reader.readline():
                self.said.append(line)
                if secure:
                    self.sealed.append(line)
                if in_data:
                    in_data = line != b".\r\n"
                    if not in_data:
                        writer.write(b"250 taken\r\n")
                    continue
                word = line[:4].upper()
                in_data = word == b"DATA"
                writer.write(answers.get(word, b"250 ok\r\n"))
                if word == b"STAR":
                    await writer.start_tls(self._offers)
                    secure, answers = True, ANSWERS
                if word == b"QUIT":
                    break
            await writer.drain()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            done.set()

        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with asyncio.timeout(60):
            await done.wait()
        server.close()
        await server.wait_closed()


def mail_to(server, **more):
    return Target("mail", Shape.MAIL, "ops@acme.com", server=server, sender="fareway@acme.com", **more)


def test_mail_goes_out_by_smtp(tmp_path, outbox):
    server = MailServer()
    world = World(tmp_path, mail_to(f"smtp://127.0.0.1:{server.port}"))
    world.alerts.tell(alert())
    world.turn(outbox)
    said = b"".join(server.said).decode()
    assert "RCPT TO:<ops@acme.com>" in said.upper().replace("OPS@ACME.COM", "ops@acme.com")
    assert "Subject: Fareway: sentence of x" in said
    assert world.counts == ["sent"]


@pytest.fixture
def certified(monkeypatch):
    """What a server with a certificate that is trusted here shows."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    monkeypatch.setattr(sending.ssl, "create_default_context", lambda: trusting)
    return context


@pytest.mark.parametrize("user", ["", "user:p%40ss@"])
def test_tls_is_used_where_the_server_offers_it(tmp_path, outbox, certified, user):
    """With a password, and without: what is told is nobody else's business either."""
    server = MailServer(offers=certified)
    world = World(tmp_path, mail_to(f"smtp://{user}127.0.0.1:{server.port}"))
    world.alerts.tell(alert())
    world.turn(outbox)
    assert world.counts == ["sent"]
    assert [line[:4].upper() for line in server.said[:2]] == [b"EHLO", b"STAR"]
    assert server.said[2:] == server.sealed
    assert any(line.startswith(b"AUTH PLAIN") for line in server.sealed) is bool(user)
    assert any(line.startswith(b"Subject: ") for line in server.sealed)


def test_a_password_travels_under_tls_alone(tmp_path, outbox, certified):
    plain, safe = MailServer(), MailServer(certified)
    world = World(
        tmp_path,
        mail_to(f"smtp://user:p%40ss@127.0.0.1:{plain.port}"),
    )
    world.alerts.tell(alert())
    world.turn(outbox)
    assert world.counts == ["failed"]
    assert not any(line.startswith(b"AUTH") for line in plain.said)
    world = World(tmp_path, mail_to(f"smtps://user:p%40ss@127.0.0.1:{safe.port}"))
    world.alerts.tell(alert("y"))
    world.turn(outbox)
    assert world.counts == ["sent"]
    assert any(line.startswith(b"AUTH PLAIN") for line in safe.said)
