"""Actions on users: create, promote, change the email, delete; and their REST keys."""

from __future__ import annotations

import hashlib

from fakeshop.model.catalog import ApiKey, User
from fakeshop.model.state import ShopState


class UserActions(ShopState):
    """The user actions of a shop's owner."""

    def create_user(
        self, email: str, *, roles: tuple[str, ...] = ("customer",), first_name: str = "", last_name: str = "Tester"
    ) -> User:
        """Add a user; customer.created is sent for every role."""
        name = email.partition("@")[0]
        user = User(
            id=self.next_number("user"),
            username=name,
            email=email,
            first_name=first_name or name.title(),
            last_name=last_name,
            roles=roles,
            created_at=self.now(),
        )
        self.users[user.id] = user
        self.announce(["customer.created"], user.id)
        return user

    def set_role(self, user_id: int, *roles: str) -> None:
        """Set a user's roles; without a staff role, their webhooks lose the staff's rights too."""
        self.user(user_id).roles = roles
        self.save_user(user_id)

    def set_email(self, user_id: int, email: str) -> None:
        """Change a user's email."""
        self.user(user_id).email = email
        self.save_user(user_id)

    def save_user(self, user_id: int) -> None:
        """Press Update on a user's page."""
        self.user(user_id).modified_at = self.now()
        self.announce(["customer.updated"], user_id)

    def delete_user(self, user_id: int) -> None:
        """Delete a user.

        Their orders get customer 0 without an event and without a new date of
        change. customer.deleted is sent for users with the role customer only.
        Their webhooks pass to the first administrator; their keys are deleted.
        """
        user = self.user(user_id)
        del self.users[user_id]
        for order in self.orders.values():
            if order.customer_id == user_id:
                order.customer_id = 0
                order.version += 1
        for webhook in self.webhooks.values():
            if webhook.user_id == user_id:
                webhook.user_id = 1
        self.keys = {name: key for name, key in self.keys.items() if key.user_id != user_id}
        if "customer" in user.roles:
            self.announce(["customer.deleted"], user_id)

    def add_key(self, *, user_id: int = 1, permissions: str = "read_write", description: str = "") -> ApiKey:
        """Create a REST key; `permissions` is read, write or read_write."""
        number = self.next_number("key")
        pair = [hashlib.sha256(f"{self.word(40)} {part}".encode()).hexdigest()[:40] for part in ("key", "secret")]
        key = ApiKey(number, user_id, f"ck_{pair[0]}", f"cs_{pair[1]}", permissions, description)
        self.keys[key.consumer_key] = key
        return key
