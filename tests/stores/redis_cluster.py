"""A real Redis Cluster on loopback: three primaries, and a replica of the one that keeps Fareway's keys."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from stores.redis_server import RedisServer, free_port

from gateway.stores.redis_leases import META

OPTIONS = ("--cluster-enabled", "yes", "--cluster-node-timeout", "500", "--cluster-require-full-coverage", "no")
PATIENCE_S = 30


class RedisCluster:
    """`owner` keeps our keys, `others` do not; `replica` takes over when the owner dies, after `replicate`."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [self._node(folder / f"node-{n}") for n in range(4)]
        primaries, self.replica = self.nodes[:3], self.nodes[3]
        addresses = [f"127.0.0.1:{node.port}" for node in primaries]
        command = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
        self.slot = _number(primaries[0].say("CLUSTER", "KEYSLOT", META))
        eventually(lambda: all(b"cluster_state:ok" in node.say("CLUSTER", "INFO") for node in primaries))
        self.owner = next(node for node in primaries if b"MOVED" not in node.say("EXISTS", META))
        self.others = [node for node in primaries if node is not self.owner]

    def replicate(self) -> None:
        """From here on the owner has a replica."""
        self.replica.say("CLUSTER", "MEET", "127.0.0.1", str(self.owner.port), str(self.owner.bus_port))
        eventually(lambda: b"+OK" in self.replica.say("CLUSTER", "REPLICATE", self.name(self.owner)))
        eventually(lambda: b"master_link_status:up" in self.replica.say("INFO", "replication"))
        own = self.name(self.replica).encode()
        eventually(lambda: all(re.search(own + b".* slave ", self.view(node)) for node in self.others))

    def _node(self, folder: Path) -> RedisServer:
        bus_port = free_port()
        node = RedisServer(folder, (*OPTIONS, "--cluster-port", str(bus_port))).start()
        node.bus_port = bus_port
        return node

    @property
    def url(self) -> str:
        """By a node that does not keep our keys."""
        return f"{self.others[0].url}?cluster=true"

    @property
    def patient_url(self) -> str:
        return f"{self.others[0].patient_url}&cluster=true"

    def name(self, node: RedisServer) -> str:
        return re.search(rb"[0-9a-f]{40}", node.say("CLUSTER", "MYID"))[0].decode()

    def view(self, node: RedisServer) -> bytes:
        return node.say("CLUSTER", "NODES")

    def begin_to_move_our_slot(self) -> RedisServer:
        """The keys lie with another primary, which is not the slot's owner yet: who asks is sent there by ASK."""
        target, slot = self.others[1], str(self.slot)
        target.say("CLUSTER", "SETSLOT", slot, "IMPORTING", self.name(self.owner))
        self.owner.say("CLUSTER", "SETSLOT", slot, "MIGRATING", self.name(target))
        keys = re.findall(rb"\r\n(\{fareway[^\r]+)", self.owner.say("CLUSTER", "GETKEYSINSLOT", slot, "1000"))
        for key in keys:
            said = self.owner.say("MIGRATE", "127.0.0.1", str(target.port), key.decode(), "0", "5000")
            assert said.startswith(b"+OK"), said
        return target

    def end_moving_our_slot(self, target: RedisServer) -> None:
        for node in (target, self.owner, *self.others):
            node.say("CLUSTER", "SETSLOT", str(self.slot), "NODE", self.name(target))

    def stop(self) -> None:
        for node in self.nodes:
            node.thaw()
            node.kill()


def eventually(true) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def _number(said: bytes) -> int:
    return int(said.strip(b":\r\n"))
