"""The service's jobs between the steps of a shop's history, with REST failing at times."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.domain.shop.reconciliation import Report
from fakeshop.rest.faults import Kind
from schedulers import jobs
from schedulers.context import JobContext
from tests.support.connected_shop import DAY, ConnectedShop

_TROUBLES = (
    Kind.UNAUTHORIZED,
    Kind.NOT_FOUND,
    Kind.TOO_MANY,
    Kind.ERROR_PAGE,
    Kind.TRUNCATED,
    Kind.REDIRECT,
)
_PATHS = ("", "", "", "/orders", "/refunds", "webhooks")


@dataclass
class BackgroundJobs:
    """The service's side of one history; `done` counts actions by name."""

    connected_shop: ConnectedShop
    seed: int
    done: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Use random numbers of its own, so that the shop's history is the same without it."""
        self._rng = random.Random(f"upkeep {self.seed}")
        self.is_troubled = False
        self._turns: tuple[tuple[float, Callable[[], str]], ...] = (
            (0.10, self._poll),
            (0.06, self._watch),
            (0.05, self._scan),
            (0.08, self._retry),
            (0.06, self._lose_rest),
        )

    def between(self) -> list[str]:
        """Run random jobs after a step of the shop, and return one line for each."""
        lines = []
        if self.is_troubled and self._rng.random() < 0.25:
            self._end_trouble()
            lines.append("REST answers again")
        return lines + [self._note(turn) for share, turn in self._turns if self._rng.random() < share]

    def finish(self) -> list[str]:
        """Move on a day without faults: repair the webhooks, process the deliveries, sync.

        Failed deliveries may be processed before or after the sync: the ledger must be the same.
        """
        self._end_trouble()
        self.connected_shop.shop.fail_next(0)
        self.connected_shop.later(DAY)
        turns = [self._watch, self._poll, self._scan, self._retry, self._settle]
        if self.seed % 2:
            turns = [self._watch, self._retry, self._poll, self._scan, self._settle]
        return [self._note(turn) for turn in turns]

    def _note(self, turn: Callable[[], str]) -> str:
        name = turn.__name__.removeprefix("_")
        self.done[name] = self.done.get(name, 0) + 1
        return f"       {name}: {turn()}"

    def _poll(self) -> str:
        return self._describe(self.connected_shop.poll())

    def _scan(self) -> str:
        total, is_through = Report(), False
        while not is_through and not total.interruption:
            report, is_through = self.connected_shop.run_full_scan()
            total.join(report)
        return self._describe(total)

    def _describe(self, report: Report) -> str:
        """Check and describe a report; where REST answers, no order may fail to be applied."""
        trouble = [*report.failures, *([report.interruption] if report.interruption else [])]
        assert self.is_troubled or not trouble, trouble
        return f"{report.seen} orders read, {report.changed} changed{''.join(f', {fault}' for fault in trouble)}"

    def _watch(self) -> str:
        watched = self.connected_shop.watch()
        repaired = {fault.code for fault in watched.found} - {fault.code for fault in watched.left}
        for code in repaired:
            self.done[code] = self.done.get(code, 0) + 1
        return f"found {', '.join(fault.key for fault in watched.found) or 'nothing'}; repaired {watched.repaired}"

    def _retry(self) -> str:
        return jobs.retry_deliveries(self._shift, shops=self.connected_shop.shops)

    def _settle(self) -> str:
        return jobs.settle_open_orders(self._shift)

    def _lose_rest(self) -> str:
        kind, path = self._rng.choice(_TROUBLES), self._rng.choice(_PATHS)
        times = self._rng.choice((None, None, self._rng.randrange(1, 20)))
        self.connected_shop.served.faults.add(kind, path=path, times=times, seconds=3600)
        self.is_troubled = True
        return f"{kind} for {times or 'all'} requests of {path or 'any path'}"

    def _end_trouble(self) -> None:
        self.connected_shop.served.faults.clear()
        self.is_troubled = False

    @property
    def _shift(self) -> JobContext:
        return JobContext(self.connected_shop.database, lambda: self.connected_shop.now)
