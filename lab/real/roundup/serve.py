"""Serve one Roundup tracker below /demo/. Runs inside .venv-lab: `python serve.py TRACKER PORT`."""

import sys
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from roundup.cgi.wsgi_handler import RequestDispatcher


class Server(ThreadingMixIn, WSGIServer):
    """One thread per request; threads end with the process."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """One line per request on standard output."""

    def log_message(self, form: str, *values: Any) -> None:
        print(form % values, flush=True)


def main(tracker: str, port: int) -> None:
    """Mount the tracker at /demo/ and serve until the process is ended."""
    inside = RequestDispatcher(tracker)

    def mounted(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith("/demo/"):
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"see /demo/"]
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/demo", path[len("/demo") :]
        answer: Iterable[bytes] = inside(environ, start)
        return answer

    make_server("127.0.0.1", port, mounted, server_class=Server, handler_class=Quiet).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
