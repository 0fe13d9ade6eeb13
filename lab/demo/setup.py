"""What a user does before the first event: publish packs, register the connectors, tell the far sides where to push."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from core.errors import SetupError
from lab.demo.client import Api
from lab.demo.landscape import Landscape
from lab.demo.texts import Speaker

PACKS = ("monitoring", "demo")
FOLDER = Path(__file__).resolve().parents[2] / "packs"
SETTLED_S = 20.0


def connectors(api: Api, landscape: Landscape, speaker: Speaker) -> None:
    """Register what is not there yet; renew address and door of what is. Each is checked before it is saved."""
    there = {one["name"] for one in api.get("/connectors")["items"]}
    for name, (kind, settings, inbound) in landscape.settings().items():
        body = {"settings": settings, **({"inbound": inbound} if inbound else {})}
        if name in there:
            made = api.patch(f"/connectors/{name}", {**body, "rotate": inbound is not None})
            speaker.say("kept", name=name)
        else:
            made = api.post("/connectors", {"name": name, "kind": kind, **body})
            proven = ", ".join(step["name"] for step in made["report"]["steps"] if step["ok"])
            speaker.say("registered", name=name, kind=kind, proven=proven)
        if made["door"] and made["door"]["secret"]:
            landscape.push_to(name, made["door"]["url"], made["door"]["secret"])
    if not there:
        for name in ("monitoring", "tickets"):
            _poll_often(api, name)


def definitions(speaker: Speaker) -> None:
    """Publish the packs by the command that a user would type."""
    for pack in PACKS:
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli", "apply", "--yes", str(FOLDER / pack)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SetupError(
                f"The pack {pack} cannot be published.",
                why=(done.stdout + done.stderr).strip()[-2000:],
                fix=f"tieline plan packs/{pack}",
            )
        speaker.say("applied", pack=pack, said=done.stdout.strip().splitlines()[-1])


def settle(api: Api, landscape: Landscape) -> None:
    """Wait until what the start brought (hosts, stock, problems left over) is handled, so that the story stands alone."""
    landscape.calm()
    until = time.monotonic() + SETTLED_S
    while time.monotonic() < until:
        streams = [stream for one in api.get("/connectors")["items"] for stream in one["streams"]]
        balance = api.get("/accounting")
        if all(one["last_ok_at"] for one in streams) and not (
            balance["deliveries"]["waiting"] or balance["actions"]["waiting"]
        ):
            return
        time.sleep(0.2)


def _poll_often(api: Api, name: str) -> None:
    for stream in api.get(f"/connectors/{name}")["streams"]:
        api.patch(f"/connectors/{name}/streams/{stream['name']}", {"every_s": 15})
