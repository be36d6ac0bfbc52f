"""Prints, as JSON, what a user, an order and a problem look like to a generated client: call.py http://host:port"""

import json
import sys
import uuid
from typing import TypeVar

from ordermesh_api import AuthenticatedClient
from ordermesh_api.api.account_service import account_service_deposit, account_service_open_account
from ordermesh_api.api.inventory_service import inventory_service_create_item
from ordermesh_api.api.order_service import order_service_get_order, order_service_place_order
from ordermesh_api.api.user_service import (
    user_service_create_user,
    user_service_get_user,
    user_service_list_users,
)
from ordermesh_api.models import (
    AddressInput,
    DepositRequestBody,
    ItemInput,
    MoneyInput,
    OpenAccountRequestBody,
    OrderItemInput,
    PlaceOrderRequestBody,
    Problem,
    UserInput,
)

Answer = TypeVar("Answer")
# The mesh of this program asks nobody for a token.
client = AuthenticatedClient(base_url=sys.argv[1], token="unused")


def answered(answer: Answer | Problem | None) -> Answer:
    """Returns what a call answered. Raises its problem."""
    if answer is None or isinstance(answer, Problem):
        raise RuntimeError(answer)
    return answer


def new_key() -> str:
    return str(uuid.uuid4())


new_user = UserInput(id="pia", name="Pia", email="pia@example.com")
user = answered(user_service_create_user.sync(client=client, body=new_user))
read = answered(user_service_get_user.sync(client=client, id=user.id))

item = ItemInput(sku="lamp", name="Lamp", unit_price=MoneyInput("USD", "1250"), on_hand="10")
answered(inventory_service_create_item.sync(client=client, body=item))
account = OpenAccountRequestBody(account_id=user.id, currency_code="USD")
answered(account_service_open_account.sync(client=client, body=account))
deposit = DepositRequestBody(amount=MoneyInput("USD", "10000"))
answered(
    account_service_deposit.sync(
        client=client, account_id=user.id, body=deposit, idempotency_key=new_key()
    )
)

wanted = PlaceOrderRequestBody(
    user_id=user.id,
    items=[OrderItemInput(sku="lamp", quantity=2)],
    shipping_address=AddressInput("Pia", ["Unter den Linden 1"], "Berlin", "DE"),
)
order = answered(
    order_service_place_order.sync(client=client, body=wanted, idempotency_key=new_key())
)

users = answered(user_service_list_users.sync(client=client))
missing = order_service_get_order.sync_detailed(client=client, id="nothing")
assert isinstance(missing.parsed, Problem)

print(
    json.dumps(
        {
            "user": user.to_dict(),
            "isSame": read == user,
            "order": {
                "state": order.state.value,
                "total": order.total.to_dict() if order.total else None,
                "items": len(order.items),
            },
            "users": [each.id for each in users],
            "problem": {"status": missing.status_code.value, "reason": missing.parsed.reason},
        }
    )
)
