"""The configuration files of the lab's Zabbix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.errors import SetupError
from lab.real.places import HOST

DATABASE_PASSWORD = "zabbix-lab"

POSTGRES = """
# --- the lab ---
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 64MB
max_connections = 60
"""

_SERVER = """
ListenIP={host}
ListenPort={server}
LogType=console
PidFile={run}/zabbix_server.pid
SocketDir={run}
DBHost={host}
DBPort={pg}
DBName=zabbix
DBUser=zabbix
DBPassword={password}
# 1 s instead of 60: what is configured over the API takes effect at once
CacheUpdateFrequency=1
StartPollers=2
# 0 is refused
StartPollersUnreachable=1
StartPingers=0
StartDiscoverers=0
StartHTTPPollers=0
StartTrappers=2
StartPreprocessors=1
StartDBSyncers=2
StartEscalators=1
StartAlerters=2
StartLLDProcessors=1
StartReportWriters=0
StartODBCPollers=0
StartHistoryPollers=1
HousekeepingFrequency=0
CacheSize=16M
Timeout=10
FpingLocation=/usr/bin/fping
StatsAllowedIP={host}
"""

_AGENT = """
PidFile={run}/zabbix_agentd.pid
LogType=console
Server={host}
ServerActive={host}:{server}
ListenIP={host}
ListenPort={agent}
Hostname=Zabbix server
StartAgents=1
"""

_FRONTEND = """<?php
$DB['TYPE']='POSTGRESQL'; $DB['SERVER']='{host}'; $DB['PORT']='{pg}';
$DB['DATABASE']='zabbix'; $DB['USER']='zabbix'; $DB['PASSWORD']='{password}'; $DB['SCHEMA']='';
$DB['ENCRYPTION']=false; $DB['KEY_FILE']=''; $DB['CERT_FILE']=''; $DB['CA_FILE']='';
$DB['VERIFY_HOST']=false; $DB['CIPHER_LIST']='';
$DB['VAULT_URL']=''; $DB['VAULT_DB_PATH']=''; $DB['VAULT_TOKEN']='';
$DB['DOUBLE_IEEE754']=true;
$ZBX_SERVER='{host}'; $ZBX_SERVER_PORT='{server}'; $ZBX_SERVER_NAME='Tieline lab';
$IMAGE_FORMAT_DEFAULT=IMAGE_FORMAT_PNG;
"""


def write(folder: Path, ports: Mapping[str, int]) -> None:
    """Write the configuration of server and agent."""
    for name, template in (("zabbix_server.conf", _SERVER), ("zabbix_agentd.conf", _AGENT)):
        (folder / name).write_text(_filled(template, ports, run=folder / "run"))


def write_frontend(www: Path, ports: Mapping[str, int]) -> None:
    """Write the frontend's own configuration file."""
    (www / "conf" / "zabbix.conf.php").write_text(_filled(_FRONTEND, ports))


def point_frontend(tree: Path, final: Path) -> None:
    """Make the copied frontend read the configuration inside the copy."""
    source = tree / "include" / "classes" / "core" / "CConfigFile.php"
    lines = source.read_text().splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if "const CONFIG_FILE_PATH" in line]
    if len(places) != 1:
        raise SetupError(
            "This frontend of Zabbix is laid out differently.",
            why=f"{source} does not name its configuration file in one place.",
            fix="Use the packages of Debian 12 (Zabbix 6.0).",
        )
    lines[places[0]] = f"\tconst CONFIG_FILE_PATH = '{final}/conf/zabbix.conf.php';\n"
    source.write_text("".join(lines))


def _filled(template: str, ports: Mapping[str, int], run: Path | None = None) -> str:
    return (
        template.replace("{host}", HOST)
        .replace("{pg}", str(ports["ZABBIX_PG"]))
        .replace("{server}", str(ports["ZABBIX_SERVER"]))
        .replace("{agent}", str(ports["ZABBIX_AGENT"]))
        .replace("{password}", DATABASE_PASSWORD)
        .replace("{run}", str(run))
    )
