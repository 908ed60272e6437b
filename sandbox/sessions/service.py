"""Opens sessions, hands them to their owners alone, ends them in time, and keeps some ready."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from sandbox import errors
from sandbox.config import SandboxLimits
from sandbox.languages import find_language
from sandbox.link import AgentLink
from sandbox.network.access import NetworkAccess, SessionNetworks
from sandbox.network.hosts import HostRule
from sandbox.network.policy import NO_NETWORK, NetworkPolicy
from sandbox.ports import Confined, Sandbox
from sandbox.sessions.session import EndReason, Owner, RunLog, Session
from sandbox.types import Availability, CodeEvent, RunRequest, SessionSpec

LOOK_EVERY_S = 2.0
REAP_EVERY_S = 15.0
PROBE_AGAIN_S = 15.0

OnChange = Callable[[Session], Awaitable[None]]


async def _nothing(session: Session) -> None:
    pass


class SessionService:
    """The sessions of one process. `owner` names the process, `installation` what it belongs to; `living` tells the
    processes that live. Nothing runs and nothing is asked of an engine before the first call."""

    def __init__(
        self,
        adapters: Sequence[Sandbox],
        limits: SandboxLimits,
        *,
        owner: str,
        installation: str,
        living: Callable[[], Awaitable[Collection[str]]] | None = None,
        on_change: OnChange = _nothing,
        off: str = "",
        networks: SessionNetworks | None = None,
    ) -> None:
        self._adapters = adapters
        self.limits = limits
        self._owner = owner
        self._installation = installation
        self._living = living
        self._on_change = on_change
        self._off = off
        self._networks = networks
        self._sessions: dict[str, Session] = {}
        self._opening: Counter[Owner] = Counter()
        self._spare: list[tuple[str, Confined]] = []
        self._filling: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._wanted_at: float | None = None
        self._chosen: Sandbox | None = None
        self._status: Availability | None = None
        self._probed_at = -PROBE_AGAIN_S
        self._probing = asyncio.Lock()

    # --- which engine

    async def status(self) -> tuple[str, Availability]:
        """The adapter in use and what it can, or `off` and why."""
        async with self._probing:
            fresh = time.monotonic() - self._probed_at < PROBE_AGAIN_S
            if self._status is None or not fresh:
                self._chosen, self._status = await self._choose()
                self._probed_at = time.monotonic()
        return (self._chosen.name if self._chosen is not None else "off"), self._status

    @property
    def known_languages(self) -> tuple[str, ...]:
        """The languages of the engine in use, as far as it has been asked; none without one."""
        return self._status.languages if self._status is not None else ()

    async def _choose(self) -> tuple[Sandbox | None, Availability]:
        reasons = [self._off] if self._off else []
        for adapter in self._adapters:
            found = await adapter.probe()
            if found.available:
                return adapter, found
            reasons.append(found.reason)
        return None, Availability(available=False, reason=" ".join(reasons))

    async def _adapter(self) -> Sandbox:
        _, status = await self.status()
        if self._chosen is None:
            raise errors.SandboxUnavailable(status.reason)
        return self._chosen

    # --- sessions

    @property
    def network_policy(self) -> NetworkPolicy:
        """What sessions may ask for of the network."""
        return NO_NETWORK if self._networks is None else self._networks.policy

    async def open(
        self,
        owner: Owner,
        *,
        language: str = "python",
        network: str | Sequence[str] = "off",
        lifetime_s: float | None = None,
    ) -> Session:
        """A new session; `network` as `NetworkPolicy.granted` takes it.

        Raises SandboxUnavailable, SandboxBusy, UnknownLanguage, NetworkRefused, LimitExceeded.
        """
        adapter = await self._adapter()
        language = await self.checked_language(language)
        rules = self.network_policy.granted(network)
        lifetime = self._checked_lifetime(lifetime_s)
        self._check_room(owner)
        self._opening[owner] += 1
        try:
            session_id, confined, access = await self._take(adapter, rules)
        finally:
            self._opening[owner] -= 1
            self._opening = +self._opening  # without those who open nothing any more
        session = Session(
            id=session_id,
            owner=owner,
            adapter=adapter.name,
            language=language,
            confined=confined,
            network=access,
            lifetime_s=lifetime,
            idle_s=self.limits.idle_seconds,
        )
        self._sessions[session.id] = session
        self._keep()
        await self._on_change(session)
        return session

    async def checked_language(self, name: str) -> str:
        """The language of this name, if the image has it. Raises UnknownLanguage."""
        _, status = await self.status()
        language = find_language(name)
        if language is None or language.name not in status.languages:
            raise errors.UnknownLanguage(f"{name[:40]!r} is no language here; there is {', '.join(status.languages)}.")
        return language.name

    def _checked_lifetime(self, lifetime_s: float | None) -> float:
        if lifetime_s is None:
            return self.limits.lifetime_seconds
        if not 0 < lifetime_s <= self.limits.max_lifetime_seconds:
            raise errors.LimitExceeded(f"`lifetime_s` may be up to {self.limits.max_lifetime_seconds:g}.")
        return lifetime_s

    def _check_room(self, owner: Owner) -> None:
        mine = sum(each.owner == owner for each in self._sessions.values()) + self._opening[owner]
        if mine >= self.limits.max_sessions_each:
            raise errors.SandboxBusy(f"You have {mine} sessions open; end one first.")
        if len(self._sessions) + self._opening.total() >= self.limits.max_sessions:
            raise errors.SandboxBusy("Too many sessions are open at the moment; try again later.")

    async def _take(self, adapter: Sandbox, rules: tuple[HostRule, ...]) -> tuple[str, Confined, NetworkAccess | None]:
        if rules and self._networks is not None:
            access = self._networks.access(secrets.token_hex(16), rules)
            return *await self._open(adapter, access), access
        return *await self._take_ready(adapter), None

    async def _take_ready(self, adapter: Sandbox) -> tuple[str, Confined]:
        self._wanted_at = time.monotonic()
        while self._spare:
            session_id, confined = self._spare.pop()
            if not (isinstance(confined, AgentLink) and confined.closed):
                return session_id, confined
        return await self._open(adapter)

    async def _open(self, adapter: Sandbox, network: NetworkAccess | None = None) -> tuple[str, Confined]:
        session_id = secrets.token_hex(16) if network is None else network.log.session_id
        spec = SessionSpec(id=session_id, owner=self._owner, installation=self._installation, network=network)
        return session_id, await adapter.open(spec)

    def find(self, owner: Owner, session_id: str) -> Session:
        """Raises SessionMissing for one that is not there, and for one that is somebody else's."""
        session = self._sessions.get(session_id)
        if session is None or session.owner != owner:
            raise errors.SessionMissing("There is no such session; it may have ended.")
        return session

    def of(self, owner: Owner) -> list[Session]:
        """This owner's sessions, the oldest first."""
        return [each for each in self._sessions.values() if each.owner == owner]

    async def run(self, session: Session, request: RunRequest) -> AsyncGenerator[CodeEvent, None]:
        """The events of a run, the last Finished. Raises SessionBusy, UnknownLanguage, LimitExceeded, SessionLost."""
        if not 0 < request.timeout_s <= self.limits.max_run_seconds:
            raise errors.LimitExceeded(f"`timeout_s` may be up to {self.limits.max_run_seconds:g}.")
        request = replace(request, language=await self.checked_language(request.language))
        if session.busy:
            raise errors.SessionBusy("The session still runs something; wait for it, or interrupt it.")
        session.busy = True
        log, lost = RunLog(session, request.language, request.code), False
        events = session.confined.run(request)
        try:
            async for event in events:
                log.note(event)
                yield event
        except errors.SessionLost:
            lost = True
            raise
        finally:
            with suppress(errors.SandboxError):
                await events.aclose()
            session.busy = False
            session.run_count += 1
            session.touch()
            if lost or (isinstance(session.confined, AgentLink) and session.confined.closed):
                await self.end(session, "lost")
            else:
                await self._on_change(session)

    async def end(self, session: Session, why: EndReason = "closed") -> None:
        """End it and all that runs in it; once it is over, nothing is left."""
        if self._sessions.pop(session.id, None) is None:
            return
        session.ended = why
        await session.confined.close()
        await self._on_change(session)

    # --- in the background

    def start(self) -> None:
        """Look after sessions from now on, and after what dead processes left."""
        self._keep()

    def _keep(self) -> None:
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._look_after())

    async def _look_after(self) -> None:
        next_reap = 0.0
        while True:
            for session in list(self._sessions.values()):
                gone = isinstance(session.confined, AgentLink) and session.confined.closed and not session.busy
                due: EndReason = "lost" if gone else session.due
                if due:
                    await self.end(session, due)
            await self._mind_spares()
            await self.status()
            if time.monotonic() >= next_reap:
                await self.reap()
                next_reap = time.monotonic() + REAP_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)

    async def reap(self) -> int:
        """Remove what processes that died left behind; returns how many."""
        if self._living is None:
            return 0
        living = {*await self._living(), self._owner}
        return sum([await adapter.reap(living, self._installation) for adapter in self._adapters])

    async def _mind_spares(self) -> None:
        wanted = self._wanted_at is not None and time.monotonic() - self._wanted_at < self.limits.idle_seconds
        if not wanted:
            await self._drop_spares()
        elif len(self._spare) < self.limits.pool and (self._filling is None or self._filling.done()):
            self._filling = asyncio.create_task(self._fill())

    async def _fill(self) -> None:
        """Ready means that Python waits for code. What does not open is tried again at the next look."""
        with suppress(errors.SandboxError):
            adapter = await self._adapter()
            while len(self._spare) < self.limits.pool:
                session_id, confined = await self._open(adapter)
                try:
                    if isinstance(confined, AgentLink):
                        await confined.warm()
                except BaseException:  # told to stop while it warms up: nobody else knows of it
                    await asyncio.shield(confined.close())
                    raise
                self._spare.append((session_id, confined))

    async def prefill(self) -> None:
        """Fill the pool now, as if a session had just been asked for."""
        self._wanted_at = time.monotonic()
        await self._fill()

    async def _drop_spares(self) -> None:
        spare, self._spare = self._spare, []
        for _, confined in spare:
            await confined.close()

    async def stop(self) -> None:
        """End everything that is open."""
        for task in (self._keeper, self._filling):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._keeper = self._filling = None
        await self._drop_spares()
        for session in list(self._sessions.values()):
            await self.end(session, "shutdown")
        for adapter in self._adapters:
            await adapter.aclose()
