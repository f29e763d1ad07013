"""modules that the store does not have are refused

Modules that were used or configured before get a row of their own, so that
what works today works after the update.
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_ADD_USED = """
insert into modules (store_id, key, label, is_metered, position)
select used.store_id, used.module,
       upper(substr(replace(used.module, '_', ' '), 1, 1)) || substr(replace(used.module, '_', ' '), 2), true, 1000
from (
    select store_id, module from limits
    union select store_id, module from operations
    union select store_id, module from holds
    union select a.store_id, w.module from window_uses w join accounts a on a.id = w.account_id
    union select a.store_id, u.module from usage_days u join accounts a on a.id = u.account_id
    union select a.store_id, o.module from limit_overrides o join accounts a on a.id = o.account_id
) as used
where not exists (select 1 from modules m where m.store_id = used.store_id and m.key = used.module)
"""


def upgrade() -> None:
    """Bring the schema forward."""
    # Not as a batch: SQLite would make the table again, and other tables refer to it.
    op.execute("alter table stores add column accept_unknown_modules boolean not null default false")
    op.execute(_ADD_USED)


def downgrade() -> None:
    """Bring the schema back; the modules stay, since owners may have named them."""
    op.execute("alter table stores drop column accept_unknown_modules")
