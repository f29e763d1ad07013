"""Random histories of a shop, the same for the same seed, one line for each step.

    walk = Walk(shop, forward=lambda seconds: clock.forward(seconds=seconds))
    for step in random_history(7, steps=200):
        print(play(walk, step))
    assert books == expected_books(shop)

A step holds no target: it picks one by its own seed from what the shop has when
it is played, so steps can be left out to make a failing history shorter.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from fakeshop import events, moves
from fakeshop.goods import Refused
from fakeshop.moves import Move
from fakeshop.walk import Walk

_WEIGHTS: dict[Move, int] = {
    moves.place: 9,
    moves.check_out: 9,
    moves.place_as_guest: 5,
    moves.register: 1,
    moves.sign_up: 1,
    moves.move_on: 2,
    moves.complete: 12,
    moves.bulk_complete: 2,
    moves.revoke: 5,
    moves.refund_pieces: 7,
    moves.refund_line_money: 4,
    moves.refund_money: 4,
    moves.refund_by_status: 2,
    moves.delete_refund: 4,
    events.trash: 3,
    events.restore: 4,
    events.force_delete: 2,
    events.reassign: 4,
    events.edit_quantity: 4,
    events.save: 4,
    events.note: 2,
    events.set_role: 1,
    events.demote_owner: 1,
    events.delete_user: 2,
    events.delete_product: 1,
    events.add_package: 1,
    events.set_tokens: 1,
    events.run_queue: 16,
    events.run_part_of_queue: 6,
    events.outage: 4,
    events.disable: 1,
    events.pause: 1,
    events.repair: 3,
}
MOVES: dict[str, Move] = {move.__name__: move for move in _WEIGHTS}
_OPENING = ("place", "check_out", "place_as_guest", "check_out", "run_queue")
_PAUSES_SECONDS = (0, 0, 1, 1, 2, 30, 600, 86_400)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a history: which move, and the seed it picks by."""

    number: int
    move: str
    seed: int

    def __str__(self) -> str:
        """The step in a line."""
        return f"{self.number:4d} {self.move} ({self.seed})"


def random_history(seed: int, *, steps: int, without: Collection[str] = ()) -> Iterator[Step]:
    """So many steps; moves named in `without` are left out, and all others are as they would be with them.

    The first step makes every product and user known, as a shop's owner does
    who presses Update on each; the next ones see to it that there are orders.
    """
    chance = random.Random(seed)  # noqa: S311 -- the same history for the same seed
    names, weights = list(MOVES), list(_WEIGHTS.values())
    yield Step(0, "introduce", 0)
    for number in range(1, steps + 1):
        move = _OPENING[number - 1] if number <= len(_OPENING) else chance.choices(names, weights)[0]
        step = Step(number, move, chance.randrange(2**32))
        if step.move not in without:
            yield step


def play(walk: Walk, step: Step) -> str:
    """Let a step happen some seconds after the one before; answers what happened, in a line."""
    chance = random.Random(step.seed)  # noqa: S311 -- see above
    if step.move == "introduce":
        return f"{step}: {_introduce(walk)}"
    walk.forward(chance.choice(_PAUSES_SECONDS))
    try:
        told = MOVES[step.move](walk, chance)
    except Refused as refused:
        told = f"the shop refuses: {refused}"
    return f"{step}: {told or 'nothing fits'}"


def _introduce(walk: Walk) -> str:
    for product_id in sorted(walk.shop.products):
        walk.shop.save_product(product_id)
    for user_id in sorted(walk.shop.users):
        walk.shop.save_user(user_id)
    sent = walk.run_queue()
    return f"products and users are saved once, {len(sent)} deliveries"
