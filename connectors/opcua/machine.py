"""
One session with the server per call, all of it inside one deadline.

asyncua is made for one event loop that lives for ever; our calls come from threads and end. So each call runs a
loop of its own: sessions are few (servers count them), and a hung server costs one call and never a worker.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any, TypeVar

from asyncua import Client, ua
from asyncua.crypto import security_policies as policies
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from connectors.kit.outcomes import CertificateError
from connectors.kit.redact import Redactor
from connectors.opcua.kind import NODE, Node, OpcUaSettings
from core.clock import from_datetime
from core.errors import (
    CredentialsError,
    InputError,
    PermissionDeniedError,
    RefusedError,
    SetupError,
    TielineError,
    TransientError,
    UnreachableError,
)
from core.words import Micros

Result = TypeVar("Result")

_POLICIES: dict[str, Any] = {
    "Basic256Sha256": policies.SecurityPolicyBasic256Sha256,
    "Aes128Sha256RsaOaep": policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256Sha256RsaPss": policies.SecurityPolicyAes256Sha256RsaPss,
}
_TABLE: tuple[tuple[tuple[str, ...], type[TielineError], str], ...] = (
    (
        ("BadIdentityTokenRejected", "BadIdentityTokenInvalid", "BadUserSignatureInvalid"),
        CredentialsError,
        "Correct user name and password.",
    ),
    (
        ("BadUserAccessDenied", "BadNotWritable", "BadNotReadable"),
        PermissionDeniedError,
        "Give our user this right in the server.",
    ),
    (
        ("BadCertificate", "BadSecurityChecksFailed", "BadSecurityPolicyRejected", "BadSecurityModeRejected"),
        CertificateError,
        "Let the server's administrator trust our certificate, and see that both use the same security policy.",
    ),
    (("BadNodeId", "BadAttributeId"), SetupError, "Correct the node in the settings."),
    (("BadTypeMismatch", "BadOutOfRange", "BadWriteNotSupported"), RefusedError, "Send a value that the node takes."),
    (("BadTooMany", "BadServer", "BadOutOfMemory", "BadResource", "BadTimeout", "BadShutdown"), TransientError, ""),
    (("BadConnection", "BadSession", "BadSecureChannel", "BadCommunication", "BadTcp"), UnreachableError, ""),
)
"""What a status code begins with -> family and fix; anything else is a refusal."""


class Machine:
    """What the connector asks of a server; threads may share it."""

    def __init__(self, settings: OpcUaSettings) -> None:
        self._settings = settings
        self._redact = Redactor([settings.password.get_secret_value()] if settings.password else [])

    def read(self, nodes: Mapping[str, Node], timeout_s: float | None = None) -> dict[str, ua.DataValue]:
        """Return each node's value with quality and time; a node that cannot be read carries its bad status."""

        async def ask(client: Client) -> dict[str, ua.DataValue]:
            ids = [await self._found(client, one) for one in nodes.values()]
            known = [one for one in ids if one is not None]
            held = iter(await client.read_attributes([client.get_node(one) for one in known]) if known else [])
            unknown = ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(ua.StatusCodes.BadNodeIdUnknown)))
            return {name: unknown if one is None else next(held) for name, one in zip(nodes, ids, strict=True)}

        return self._run(ask, timeout_s)

    def write(self, node: Node, value: bool | float | str) -> None:
        """Write one node in its own type."""

        async def tell(client: Client) -> None:
            at = await self._found(client, node)
            if at is None:
                raise SetupError(
                    f"The server has no namespace of {node.node}.", why="It is not in its list.", fix="Correct the node."
                )
            place = client.get_node(at)
            kind = (await place.read_data_value(raise_on_bad_status=False)).Value
            declared = kind.VariantType if kind is not None and kind.VariantType is not None else ua.VariantType.Null
            await place.write_value(ua.DataValue(ua.Variant(_typed(value, declared), declared)))

        self._run(tell, None)

    def running(self) -> str:
        """Say that the server runs (its own state node), and of what make it is."""

        async def ask(client: Client) -> str:
            state = await client.get_node(ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerStatus_State))).read_value()
            if int(state) != int(ua.ServerState.Running):
                raise TransientError("The server does not run.", why=f"It says: {ua.ServerState(state).name}.")
            spaces = await client.get_namespace_array()
            return f"It runs; its namespaces: {', '.join(spaces[1:])}."

        return self._run(ask, None)

    async def _found(self, client: Client, node: Node) -> ua.NodeId | None:
        """Return the node's id with the number that its namespace has now; None where there is no such namespace."""
        parts = NODE.fullmatch(node.node)
        if parts is None:
            raise SetupError(f"{node.node!r} is no node.", why="It looks like nsu=…;s=….", fix="Correct the node.")
        index = int(parts["index"] or 0)
        if parts["uri"] is not None:
            try:
                index = await client.get_namespace_index(parts["uri"])
            except ValueError:
                return None
        return ua.NodeId.from_string(f"ns={index};{parts['id']}")

    def _run(self, what: Callable[[Client], Awaitable[Result]], timeout_s: float | None) -> Result:
        wait = min(self._settings.timeout_s, timeout_s if timeout_s is not None else self._settings.timeout_s)

        async def session() -> Result:
            client = await self._client(wait)
            try:
                await self._connect(client)
                try:
                    return await what(client)
                finally:
                    await client.disconnect()
            finally:
                await _hang_up(client)

        async def bounded() -> Result:
            return await asyncio.wait_for(session(), wait)

        try:
            return asyncio.run(bounded())
        except TielineError:
            raise
        except Exception as error:  # the one place where library exceptions become ours
            raise self._translated(error) from None

    async def _connect(self, client: Client) -> None:
        try:
            await client.connect()
        except UaStatusCodeError as error:
            raise self._translated(error, signing_in=True) from None

    async def _client(self, wait: float) -> Client:
        given = self._settings
        client = Client(given.url, timeout=wait)
        client.name = client.application_uri = "urn:tieline:opcua"
        if given.username is not None and given.password is not None:
            client.set_user(given.username)
            client.set_password(given.password.get_secret_value())
        if given.security != "None":
            try:
                for file in (given.certificate_file, given.key_file, given.server_certificate_file):
                    Path(file).stat() if file is not None else None
                await client.set_security(
                    _POLICIES[given.security],
                    certificate=str(given.certificate_file),
                    private_key=str(given.key_file),
                    server_certificate=given.server_certificate_file,
                )
            except (OSError, ValueError, ssl.SSLError) as error:
                if isinstance(error, ConnectionError | TimeoutError):
                    raise
                raise SetupError(
                    "Our certificate or key cannot be used.",
                    why=f"{type(error).__name__}: {error}.",
                    fix="Set certificate_file and key_file to files that belong together and that Tieline may read.",
                ) from error
        return client

    def _translated(self, error: Exception, *, signing_in: bool = False) -> TielineError:
        said = self._redact(f"{type(error).__name__}: {error}")[:500]
        if isinstance(error, UaStatusCodeError):
            word = type(error).__name__
            if signing_in and word == "BadUserAccessDenied":
                word = "BadIdentityTokenRejected"
            for begins, family, fix in _TABLE:
                if word.startswith(begins):
                    more = {"fix": fix} if fix else {}
                    return family(f"The server says {word}.", why=said, foreign=word, **more)
            return RefusedError(
                f"The server says {word}.", why=said, fix="Read its words; then change what is sent.", foreign=word
            )
        if isinstance(error, TimeoutError | asyncio.TimeoutError):
            return UnreachableError(f"The server at {self._settings.url} did not answer in time.", why=said)
        if isinstance(error, OSError | UaError | EOFError | asyncio.CancelledError):
            return UnreachableError(f"The server at {self._settings.url} cannot be reached.", why=said)
        return TransientError(f"The server at {self._settings.url} answers nonsense.", why=said)


async def _hang_up(client: Client) -> None:
    """Close the socket before the loop ends; asyncua leaves one open whose opening did not come to an end."""
    protocol = client.uaclient.protocol
    if protocol is not None and protocol.transport is not None:
        protocol.transport.abort()
    await asyncio.sleep(0)  # the transport closes its socket in the loop's next round
    await asyncio.sleep(0)


def quality(held: ua.DataValue) -> tuple[str, str | None]:
    """Return good, uncertain or bad, and what the server says about it."""
    status = held.StatusCode
    if status is None or status.is_good():
        return "good", None
    return ("uncertain" if status.is_uncertain() else "bad"), status.name


def moment(held: ua.DataValue, now: Micros) -> Micros:
    """Return the machine's own time of a value, else the server's, else ours. OPC UA's times are UTC without saying so."""
    at = held.SourceTimestamp or held.ServerTimestamp
    return now if at is None else from_datetime(at.replace(tzinfo=UTC))


def plain(held: ua.DataValue) -> bool | int | float | str | None:
    """Return a value that a reading can hold."""
    value: Any = held.Value.Value if held.Value is not None else None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    text = getattr(value, "Text", None)
    return text if isinstance(text, str) else str(value)


def _typed(value: bool | float | str, kind: ua.VariantType) -> Any:
    whole = kind.name in ("SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64")
    fits = {
        "Boolean": isinstance(value, bool),
        "String": isinstance(value, str),
        "Float": isinstance(value, int | float) and not isinstance(value, bool),
        "Double": isinstance(value, int | float) and not isinstance(value, bool),
    }.get(kind.name, whole and isinstance(value, int | float) and not isinstance(value, bool) and value == int(value))
    if not fits:
        raise InputError(f"{value!r} is no {kind.name}.", why="That is the node's own type.", fix="Send what the node takes.")
    return int(value) if whole else float(value) if kind.name in ("Float", "Double") else value
