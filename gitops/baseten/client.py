"""Baseten as the drivers see it: a reader, a writer and a prober on one connection pool."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gitops.baseten.archives import Archives
from gitops.baseten.endpoint import Endpoint
from gitops.baseten.inventory import Inventory
from gitops.baseten.prober import Prober
from gitops.baseten.reader import Reader
from gitops.baseten.transport import Patience, Transport
from gitops.baseten.writer import Writer

if TYPE_CHECKING:
    import httpx

    from gitops.apply import ports
    from gitops.state.access import Access

    # What the type checker holds these classes to.
    _READER: type[ports.LiveReader] = Reader
    _WRITER: type[ports.LiveWriter] = Writer
    _PROBER: type[ports.Prober] = Prober


class Baseten:
    """One workspace, reached with one key; a context manager, safe to share between threads.

    ``transport`` replaces the network, for tests. ``tell`` hears, in sentences, that Baseten does
    not answer, or not soon, and that it answers again. ``attend`` is called every now and then
    while something is read: what it raises ends that at once.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        clock: ports.Clock,
        *,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
        tell: Callable[[str], None] | None = None,
        attend: Callable[[], None] | None = None,
    ) -> None:
        self._transport = Transport(
            endpoint, clock, patience=patience, transport=transport, tell=tell, attend=attend
        )
        self.endpoint = endpoint
        self.reader = Reader(self._transport)
        self.inventory = Inventory(self._transport)
        self.archives = Archives(self._transport)
        self.writer = Writer(self._transport)
        self.prober = Prober(self._transport)

    def access(self) -> Access:
        """What the key can see. Raises ``BasetenError``."""
        from gitops.baseten.access import access

        return access(self._transport)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
