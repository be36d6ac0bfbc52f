"""inventory.v1.InventoryService: checks requests, and runs each change once."""

from collections.abc import Callable, Iterator

from google.protobuf.message import Message

import items
import reservations
from database import Database
from ordermesh.inventory.v1 import inventory_pb2 as pb
from ordermesh.inventory.v1 import inventory_pb2_grpc
from refusal import answers_errors
from validation import CURRENCY, ID, OPTIONAL_ID, OPTIONAL_UUID, OWNER, Checks

MAX_ON_HAND = 10**12
PAGE = 500


class InventoryService(inventory_pb2_grpc.InventoryServiceServicer):
    def __init__(self, database: Database) -> None:
        self._database = database

    @answers_errors
    def CreateItem(self, request, context):
        item = request.item
        with Checks() as checks:
            checks.match(OPTIONAL_UUID, request.request_id, "request_id")
            checks.match(ID, item.sku, "item.sku")
            checks.between(1, len(item.name), 200, "item.name", " characters")
            checks.match(CURRENCY, item.unit_price.currency_code, "item.unit_price.currency_code")
            checks.between(0, item.unit_price.minor_units, 2**63 - 1, "item.unit_price.minor_units")
            checks.between(0, item.on_hand, MAX_ON_HAND, "item.on_hand")
        return self._once("CreateItem", request, pb.Item, lambda tx: items.create(tx, item))

    @answers_errors
    def GetItem(self, request, context):
        with Checks() as checks:
            checks.match(ID, request.sku, "sku")
        with self._database.transaction() as tx:
            return items.get(tx, request.sku)

    @answers_errors
    def BatchGetItems(self, request, context):
        with Checks() as checks:
            checks.between(1, len(request.skus), 1000, "skus", " skus")
            for index, sku in enumerate(request.skus):
                checks.match(ID, sku, f"skus[{index}]")
        skus = list(dict.fromkeys(request.skus))
        with self._database.transaction() as tx:
            found = {sku: items.find(tx, sku) for sku in skus}
        return pb.BatchGetItemsResponse(
            items=[found[sku] for sku in skus if found[sku]], missing_skus=[sku for sku in skus if not found[sku]]
        )

    @answers_errors
    def ListItems(self, request, context):
        with Checks() as checks:
            checks.match(OPTIONAL_ID, request.after_sku, "after_sku")
            checks.between(0, request.limit, 2**31 - 1, "limit")
        return self._pages(items.list_after, request.after_sku, lambda item: item.sku, request.limit)

    @answers_errors
    def AdjustStock(self, request, context):
        with Checks() as checks:
            checks.match(OPTIONAL_UUID, request.request_id, "request_id")
            checks.match(ID, request.sku, "sku")
            checks.between(-MAX_ON_HAND, request.delta, MAX_ON_HAND, "delta")
            checks.require(request.delta != 0, "delta", "must not be 0")
            checks.between(0, len(request.reason), 500, "reason", " characters")
        return self._once(
            "AdjustStock", request, pb.Item, lambda tx: items.adjust(tx, request.sku, request.delta, MAX_ON_HAND)
        )

    @answers_errors
    def ReserveStock(self, request, context):
        with Checks() as checks:
            check_order(checks, request)
            checks.match(OWNER, request.owner, "owner")
            checks.between(1, len(request.items), 100, "items", " items")
            seen = set()
            for index, item in enumerate(request.items):
                checks.match(ID, item.sku, f"items[{index}].sku")
                checks.require(item.sku not in seen, f"items[{index}].sku", "must not come twice")
                checks.between(1, item.quantity, 1_000_000, f"items[{index}].quantity")
                seen.add(item.sku)
        return self._once("ReserveStock", request, pb.Reservation, lambda tx: reservations.reserve(tx, request))

    @answers_errors
    def ReleaseStock(self, request, context):
        with Checks() as checks:
            check_order(checks, request)
        return self._once("ReleaseStock", request, pb.Reservation, lambda tx: reservations.release(tx, request.order_id))

    @answers_errors
    def CommitStock(self, request, context):
        with Checks() as checks:
            check_order(checks, request)
        return self._once("CommitStock", request, pb.Reservation, lambda tx: reservations.commit(tx, request.order_id))

    @answers_errors
    def GetReservation(self, request, context):
        with Checks() as checks:
            checks.match(ID, request.order_id, "order_id")
        with self._database.transaction() as tx:
            return reservations.get(tx, request.order_id)

    @answers_errors
    def ListReservations(self, request, context):
        with Checks() as checks:
            checks.match(OPTIONAL_ID, request.after_order_id, "after_order_id")
            checks.between(0, request.limit, 2**31 - 1, "limit")
            checks.match(OWNER, request.owner, "owner")
            checks.require(request.state in pb.ReservationState.values(), "state", "is not a state")

        def page(tx, after: str, size: int):
            return reservations.list_after(tx, after, request.state, request.owner, size)

        return self._pages(page, request.after_order_id, lambda reservation: reservation.order_id, request.limit)

    def _once(self, method: str, request: Message, response_type: type[Message], work: Callable) -> Message:
        return self._database.once(f"inventory.v1.InventoryService/{method}", request, response_type, work)

    def _pages(self, read: Callable, after: str, cursor_of: Callable, limit: int) -> Iterator[Message]:
        """Yields what `read` returns, page by page, so a slow caller does not keep a transaction open."""
        left = limit or 2**63
        while left > 0:
            with self._database.transaction() as tx:
                page = read(tx, after, min(PAGE, left))
            yield from page
            if len(page) < PAGE:
                return
            after, left = cursor_of(page[-1]), left - len(page)


def check_order(checks: Checks, request) -> None:
    checks.match(OPTIONAL_UUID, request.request_id, "request_id")
    checks.match(ID, request.order_id, "order_id")
