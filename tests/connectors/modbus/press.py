"""A press that speaks Modbus: a real server (of pymodbus) in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any, Self

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

POINTS: dict[str, Any] = {
    "oil_temperature": {"address": 0, "type": "float32", "unit": "°C", "deadband": 0.5},
    "vibration": {"address": 2, "type": "float32", "unit": "mm/s"},
    "pieces": {"address": 4, "type": "uint32", "word_order": "little"},
    "speed": {"address": 6, "type": "int16", "scale": 0.1, "unit": "1/s", "writable": True},
    "wanted_temperature": {"address": 8, "type": "float32", "writable": True},
    "running": {"table": "coil", "address": 0, "writable": True},
    "door_open": {"table": "discrete", "address": 0},
    "ambient": {"table": "input", "address": 0, "type": "int16", "scale": 0.1, "unit": "°C"},
}


class Press:
    """Use as a context manager; ``port`` is where it listens."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def settings(self, port: int | None = None, **more: Any) -> dict[str, Any]:
        """Give the settings that reach it."""
        return {"host": "127.0.0.1", "port": port or self.port, "points": POINTS, **more}

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        coils = [SimData(0, values=[True] * 16, datatype=DataType.BITS)]
        discrete = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
        holding = [
            SimData(0, values=[61.5, 2.5], datatype=DataType.FLOAT32),
            SimData(4, values=[4711, 0, 805, 0], datatype=DataType.REGISTERS),
            SimData(8, values=[60.0], datatype=DataType.FLOAT32),
        ]
        inputs = [SimData(0, values=[214], datatype=DataType.REGISTERS)]
        device = SimDevice(1, simdata=(coils, discrete, holding, inputs))
        self._server = ModbusTcpServer(device, address=("127.0.0.1", self.port))
        await self._server.serve_forever(background=True)
