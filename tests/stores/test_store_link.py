"""The connections to a real Redis or Valkey, and what breaks them."""

import asyncio

import pytest
from chaos_proxy import ChaosProxy
from stores.redis_server import KINDS, RedisServer

from gateway.stores.redis_link import Link


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    binary = KINDS[request.param]
    if binary is None:
        pytest.skip(f"{request.param}-server is not installed")
    running = RedisServer(tmp_path / "redis", binary=binary).start()
    yield running
    running.kill()


async def met(connection, told):
    """Nothing to say to a new one."""


@pytest.mark.parametrize("how", ["reset", "closed"])
async def test_connections_that_have_ended_while_they_rested_are_not_used(server, how):
    async def ping(client):
        await asyncio.sleep(0.01)
        return await client.ping()

    with ChaosProxy(server.port) as proxy:
        link = Link(f"redis://127.0.0.1:{proxy.port}?socket_timeout=5&socket_connect_timeout=5", met)
        try:
            for _ in range(3):
                answers = await asyncio.gather(*(link.ask("ping", ping) for _ in range(4)))
                assert all(answers)
                if how == "reset":
                    await asyncio.to_thread(proxy.drop)
                else:
                    await asyncio.to_thread(server.say, "CLIENT", "KILL", "TYPE", "normal")
                await asyncio.sleep(0.1)
        finally:
            await link.close()
