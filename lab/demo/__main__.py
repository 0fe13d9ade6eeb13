"""`make run`: Tieline with a demo landscape; an alert becomes a ticket and is closed again; then it stays until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from core.database import Database
from core.errors import SetupError, TielineError
from core.migrations import upgrade
from core.settings import Settings
from gateway import auth
from lab.demo import setup
from lab.demo.client import Api
from lab.demo.landscape import Landscape
from lab.demo.story import Story
from lab.demo.texts import Speaker, language
from lab.demo.tieline import Process


def main() -> int:
    """Run the demo; 0 after Ctrl-C, 1 when something kept it from running."""
    speaker = Speaker(language())
    os.environ["TIELINE_LANGUAGE"] = speaker.chosen
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # `kill` and a closed terminal stop it as cleanly as Ctrl-C;
        signal.signal(other, signal.default_int_handler)  # Ctrl-C also where a script had started it with that ignored
    try:
        run(Settings.from_env(), speaker)
    except KeyboardInterrupt:
        speaker.say("stopped")
        return 0
    except TielineError as error:
        print(f"\n{error.what}\n{error.why}\n{error.fix}".rstrip(), file=sys.stderr)
        return 1
    return 0


def run(settings: Settings, speaker: Speaker) -> None:
    """Start everything, tell the story, stay; whatever happens, stop everything."""
    for port in range(settings.port, settings.port + 4):
        refuse_if_taken(settings.host, port, speaker)
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    again = (settings.folder / "demo.json").exists()
    api = Api(settings.public_url, first_key(settings))
    speaker.say("address", url=api.url, key=api.key)
    speaker.say("starting")
    with Landscape(settings.folder, settings.port + 1) as landscape:
        tieline = Process(settings.folder)
        try:
            tieline.wait_until_ready(api)
            speaker.say("landscape", zabbix=landscape.monitoring_url, roundup=landscape.tickets_url, tryton=landscape.erp_url)
            if again:
                speaker.say("again", home=settings.folder)
            setup.definitions(speaker)
            setup.connectors(api, landscape, speaker)
            setup.settle(api, landscape)
            found = Story(api, landscape, speaker, str(tieline.log)).tell()
            suggest(speaker, api, found, settings)
            threading.Event().wait()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave a process behind
            speaker.say("stopping")
            tieline.stop()


def refuse_if_taken(host: str, port: int, speaker: Speaker) -> None:
    """Say which port is taken before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SetupError(
                speaker.text("port", port=port), why=speaker.text("port_why"), fix=speaker.text("port_fix")
            ) from error


def first_key(settings: Settings) -> str:
    """Return the demo's key: made at the first run, kept in a file that only its owner can read."""
    place: Path = settings.folder / "demo.json"
    if place.exists():
        return str(json.loads(place.read_text())["key"])
    database = Database(settings.database_url)
    upgrade(database)
    with database.write() as conn:
        key = auth.make(conn, "demo", ["admin"], now=database.now(conn))
    database.close()
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump({"key": key}, file)
    return key


def suggest(speaker: Speaker, api: Api, found: dict[str, str], settings: Settings) -> None:
    """Print commands to copy."""
    tieline = ".venv/bin/tieline"
    home = "" if settings.home == ".tieline" else f"TIELINE_HOME={settings.home} "
    speaker.say("next")
    for command in (
        f"{home}{tieline} explain {found['event']}",
        f"{home}{tieline} doctor",
        f"{home}{tieline} plan packs/demo",
        f"curl -H 'Authorization: Bearer {api.key}' {api.url}/api/v1/lineage/values/{found['alert']}/priority",
    ):
        print(f"  {command}", flush=True)
    speaker.say("stay", home=settings.folder)


if __name__ == "__main__":
    sys.exit(main())
