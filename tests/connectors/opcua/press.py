"""A press that speaks OPC UA: a real server (of asyncua) in a thread of its own, with a user and a password."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import socket
import threading
from collections.abc import Coroutine
from datetime import UTC
from typing import Any, Self

from asyncua import Server, ua
from asyncua.crypto.permission_rules import SimpleRoleRuleset, User, UserRole
from asyncua.server.user_managers import UserManager

URI = "http://plant.example/press"
USER, PASSWORD = "tieline", "ua-pass-2026"
NODES: dict[str, Any] = {
    "temperature": {"node": f"nsu={URI};s=press-07.Temperature", "unit": "°C", "deadband": 0.5, "writable": True},
    "running": {"node": f"nsu={URI};s=press-07.Running", "writable": True},
    "serial": {"node": f"nsu={URI};s=press-07.Serial", "writable": True},
    "pieces": {"node": f"nsu={URI};s=press-07.Pieces", "writable": True},
}

KINDS: dict[str, tuple[Any, str]] = {
    "Temperature": (61.5, "Double"),
    "Running": (True, "Boolean"),
    "Serial": ("SN-7781", "String"),
    "Pieces": (4711, "UInt32"),
}


def _id(name: str, index: int) -> ua.NodeId:
    return ua.NodeId(ua.String(name), ua.Int16(index))


class _People(UserManager):
    def __init__(self) -> None:
        self.password = PASSWORD

    def get_user(self, iserver: Any, username: Any = None, password: Any = None, certificate: Any = None) -> User | None:
        right = (username, password) == (USER, self.password)
        return User(role=UserRole.User, name=username) if right else None


class Press:
    """Use as a context manager; ``port`` is where it listens."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.people = _People()
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        self._loop.close()

    def settings(self, port: int | None = None, **more: Any) -> dict[str, Any]:
        """Give the settings that reach it."""
        url = f"opc.tcp://127.0.0.1:{port or self.port}/plant/"
        return {"url": url, "username": USER, "password": PASSWORD, "nodes": NODES, **more}

    def say(self, name: str, value: Any, *, status: int | None = None) -> None:
        """Let a node say something, with a quality."""
        node = self._server.get_node(_id(f"press-07.{name}", self._index))

        async def write() -> None:
            held = ua.DataValue(ua.Variant(value, ua.VariantType[KINDS[name][1]]), ua.StatusCode(ua.UInt32(status or 0)))
            held = dataclasses.replace(held, SourceTimestamp=ua.DateTime.now(UTC))
            await self._server.write_attribute_value(node.nodeid, held)

        self._wait(write())

    def _wait(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _serve(self) -> None:
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)
        self._server = Server(user_manager=self.people)
        await self._server.init()
        self._server.set_endpoint(f"opc.tcp://127.0.0.1:{self.port}/plant/")
        self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity], permission_ruleset=SimpleRoleRuleset())
        self._server.set_identity_tokens([ua.UserNameIdentityToken])
        self._index = await self._server.register_namespace(URI)
        press = await self._server.nodes.objects.add_object(_id("press-07", self._index), f"{self._index}:press-07")
        for name, (value, kind) in KINDS.items():
            at = _id(f"press-07.{name}", self._index)
            node = await press.add_variable(at, f"{self._index}:{name}", value, ua.VariantType[kind])
            if name != "Serial":
                await node.set_writable()
        async with self._server:
            self._ready.set()
            await self._over.wait()
        with contextlib.suppress(Exception):
            await asyncio.sleep(0)
