"""Random histories of a shop, reproducible by seed, one line for each step.

    walk = Walk(shop, forward=lambda seconds: clock.forward(seconds=seconds))
    for step in random_history(7, steps=200):
        print(play(walk, step))
    assert books == expected_books(shop)

A step has no fixed target: it selects one by its own seed when it is
played, so steps can be left out to make a failing history shorter.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from fakeshop.model.catalog import Refused
from tests.histories import fault_actions, shop_actions
from tests.histories.history_state import HistoryState
from tests.histories.shop_actions import Move

_WEIGHTS: dict[Move, int] = {
    shop_actions.place: 9,
    shop_actions.check_out: 9,
    shop_actions.place_as_guest: 5,
    shop_actions.register: 1,
    shop_actions.sign_up: 1,
    shop_actions.move_on: 2,
    shop_actions.complete: 12,
    shop_actions.bulk_complete: 2,
    shop_actions.revoke: 5,
    shop_actions.refund_pieces: 7,
    shop_actions.refund_line_money: 4,
    shop_actions.refund_money: 4,
    shop_actions.refund_by_status: 2,
    shop_actions.delete_refund: 4,
    fault_actions.trash: 3,
    fault_actions.restore: 4,
    fault_actions.force_delete: 2,
    fault_actions.reassign: 4,
    fault_actions.edit_quantity: 4,
    fault_actions.save: 4,
    fault_actions.note: 2,
    fault_actions.set_role: 1,
    fault_actions.demote_owner: 1,
    fault_actions.delete_user: 2,
    fault_actions.delete_product: 1,
    fault_actions.add_package: 1,
    fault_actions.set_tokens: 1,
    fault_actions.run_queue: 16,
    fault_actions.run_part_of_queue: 6,
    fault_actions.outage: 4,
    fault_actions.disable: 1,
    fault_actions.pause: 1,
    fault_actions.repair: 3,
}
MOVES: dict[str, Move] = {move.__name__: move for move in _WEIGHTS}
_OPENING = ("place", "check_out", "place_as_guest", "check_out", "run_queue")
_PAUSES_SECONDS = (0, 0, 1, 1, 2, 30, 600, 86_400)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a history: its action, and the seed of its choices."""

    number: int
    move: str
    seed: int

    def __str__(self) -> str:
        """Return the step as a line."""
        return f"{self.number:4d} {self.move} ({self.seed})"


def random_history(seed: int, *, steps: int, without: Collection[str] = ()) -> Iterator[Step]:
    """Return this many steps; actions named in `without` are left out, without effect on the others.

    The first step makes every product and user known, as when the owner
    presses Update on each; the next ones make sure that there are orders.
    """
    rng = random.Random(seed)
    names, weights = list(MOVES), list(_WEIGHTS.values())
    yield Step(0, "introduce", 0)
    for number in range(1, steps + 1):
        move = _OPENING[number - 1] if number <= len(_OPENING) else rng.choices(names, weights)[0]
        step = Step(number, move, rng.randrange(2**32))
        if step.move not in without:
            yield step


def play(history: HistoryState, step: Step) -> str:
    """Play a step some seconds after the one before; return its result as a line."""
    rng = random.Random(step.seed)
    if step.move == "introduce":
        return f"{step}: {_introduce(history)}"
    history.forward(rng.choice(_PAUSES_SECONDS))
    try:
        result = MOVES[step.move](history, rng)
    except Refused as refused:
        result = f"the shop refuses: {refused}"
    return f"{step}: {result or 'nothing fits'}"


def _introduce(history: HistoryState) -> str:
    for product_id in sorted(history.shop.products):
        history.shop.save_product(product_id)
    for user_id in sorted(history.shop.users):
        history.shop.save_user(user_id)
    sent = history.run_queue()
    return f"products and users are saved once, {len(sent)} deliveries"
