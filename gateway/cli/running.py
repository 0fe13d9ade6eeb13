"""`tieline serve`, `worker`, `beat`, `migrate`: start Tieline, whole or in parts."""

from __future__ import annotations

import click
from rich.console import Console

from core.settings import Settings
from gateway.cli.desk import Desk, Said
from gateway.cli.speech import command, option, word


def _nothing(_console: Console) -> None: ...


@command(
    "serve",
    en="Start Tieline: web server, worker and beat, watched and restarted.",
    zh="启动 Tieline：网页服务、工作进程与定时器。",
)
@option(
    "--web",
    "only_web",
    is_flag=True,
    en="Only the web server; workers and beat run elsewhere, over the same database and broker.",
    zh="仅启动网页服务；工作进程与定时器在别处运行，共用数据库与消息代理。",
)
def serve(desk: Desk, only_web: bool) -> Said:
    """Run until it is told to stop."""
    from core import log
    from gateway.serve import check_port, prepare, take_home
    from gateway.supervisor import become

    settings = desk.settings
    check_port(settings)
    if only_web:
        from gateway.roles.web import run
        from gateway.sharing import share_counters

        _see_the_store(desk)
        log.begin(settings)
        share_counters(settings.folder)
        run(settings)
    else:
        home = take_home(settings)
        prepare(settings)
        key = first_key(settings)
        become("serve", welcome=_welcome(settings, key), keep=(home.fileno(),))
    return Said({"stopped": True}, _nothing)


@command(
    "worker",
    en="Start workers, watched and restarted; on another machine they need a database and a broker that both reach.",
    zh="启动工作进程并自动重启；在其他机器上运行时需共用数据库与消息代理。",
)
@option("--count", type=click.IntRange(1, 64), default=1, en="How many processes.", zh="进程数量。")
def worker(desk: Desk, count: int) -> Said:
    """Run until it is told to stop."""
    from gateway.children import keep_private
    from gateway.supervisor import become

    _see_the_store(desk)
    keep_private(desk.settings)
    become("worker", str(count))


@command("beat", en="Start the beat: it only rings; a second one is harmless.", zh="启动定时器：仅负责唤醒，多启动一个也无妨。")
def beat(desk: Desk) -> Said:
    """Run until it is told to stop."""
    from gateway.roles.beat import run

    desk.settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    run(desk.settings)
    return Said({"stopped": True}, _nothing)


def _see_the_store(desk: Desk) -> None:
    """Refuse to run over tables that are not there or of another release; only ``serve`` and ``migrate`` change them."""
    _ = desk.db
    desk.close()


@command("migrate", en="Bring the tables to the schema of this release.", zh="将数据表升级到本版本的结构。")
def migrate(desk: Desk) -> Said:
    """Upgrade; on a current schema nothing happens."""
    from core.database import Database
    from core.migrations import is_current, upgrade

    settings = desk.settings
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    try:
        before = is_current(database)
        if not before:
            with desk.waiting(word("Migrating …", "升级中 …")):
                upgrade(database)
    finally:
        database.close()
    text = (
        word("The tables were current already.", "数据表已是最新。")
        if before
        else word("The tables are current now.", "数据表已升级。")
    )
    return Said({"changed": not before}, lambda console: console.print(text))


def first_key(settings: Settings) -> str | None:
    """Make the first key of a new Tieline; None when there is one already."""
    from core.database import Database
    from gateway import auth

    database = Database(settings.database_url)
    try:
        with database.write() as conn:
            if auth.any_key(conn):
                return None
            return auth.make(conn, "first key", ["admin"], now=database.now(conn))
    finally:
        database.close()


def _welcome(settings: Settings, key: str | None) -> str:
    """Return what is said when all is started: where it is, and the first key, once."""
    lines = [word(f"Tieline is at {settings.public_url}", f"Tieline 地址：{settings.public_url}")]
    if key is not None:
        lines.append(word(f"The first key, shown this once: {key}", f"首个密钥（仅显示这一次）：{key}"))
    lines.append(word("Ctrl-C stops it.", "按 Ctrl-C 停止。"))
    return "".join(f"{line}\n" for line in lines)
