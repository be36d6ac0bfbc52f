"""inventory.v1.InventoryService: checks requests, and runs each change once."""

import functools
import threading
from collections.abc import Callable, Iterator

import grpc
from google.protobuf.message import Message

import items
import reservations
from database import Database
from ordermesh.inventory.v1 import inventory_pb2 as pb
from ordermesh.inventory.v1 import inventory_pb2_grpc
from refusal import Refusal, errors_answered
from validation import refuse_invalid, validate

MAX_ON_HAND = 10**12
PAGE = 500
# A listing keeps its thread until its caller has read it. Half of the threads are for other calls.
THREADS = 16
MAX_LISTINGS = THREADS // 2


def checked(method):
    """Decorates a unary method: refuses requests that break the rules in the contract, and answers errors."""

    @functools.wraps(method)
    def call(self, request, context):
        with errors_answered(method.__name__, context):
            validate(request)
            return method(self, request)

    return call


def checked_listing(method):
    """Does the same for a method that returns an iterator, whose errors come while it is read."""

    @functools.wraps(method)
    def call(self, request, context):
        with errors_answered(method.__name__, context):
            validate(request)
            yield from method(self, request)

    return call


class InventoryService(inventory_pb2_grpc.InventoryServiceServicer):
    def __init__(self, database: Database) -> None:
        self._database = database
        self._listings = threading.BoundedSemaphore(MAX_LISTINGS)

    @checked
    def CreateItem(self, request):
        if request.item.unit_price.minor_units < 0:
            refuse_invalid({"item.unit_price.minor_units": "must not be negative"})
        return self._once("CreateItem", request, pb.Item, lambda tx: items.create(tx, request.item))

    @checked
    def GetItem(self, request):
        with self._database.transaction() as tx:
            return items.get(tx, request.sku)

    @checked
    def BatchGetItems(self, request):
        skus = list(dict.fromkeys(request.skus))
        with self._database.transaction() as tx:
            found = {sku: items.find(tx, sku) for sku in skus}
        return pb.BatchGetItemsResponse(
            items=[found[sku] for sku in skus if found[sku]], missing_skus=[sku for sku in skus if not found[sku]]
        )

    @checked_listing
    def ListItems(self, request):
        return self._pages(items.list_after, request.after_sku, lambda item: item.sku, request.limit)

    @checked
    def AdjustStock(self, request):
        return self._once(
            "AdjustStock", request, pb.Item, lambda tx: items.adjust(tx, request.sku, request.delta, MAX_ON_HAND)
        )

    @checked
    def ReserveStock(self, request):
        skus = [item.sku for item in request.items]
        refuse_invalid(
            {f"items[{index}].sku": "must not come twice" for index, sku in enumerate(skus) if sku in skus[:index]}
        )
        return self._once("ReserveStock", request, pb.Reservation, lambda tx: reservations.reserve(tx, request))

    @checked
    def ReleaseStock(self, request):
        return self._once("ReleaseStock", request, pb.Reservation, lambda tx: reservations.release(tx, request.order_id))

    @checked
    def CommitStock(self, request):
        return self._once("CommitStock", request, pb.Reservation, lambda tx: reservations.commit(tx, request.order_id))

    @checked
    def GetReservation(self, request):
        with self._database.transaction() as tx:
            return reservations.get(tx, request.order_id)

    @checked_listing
    def ListReservations(self, request):
        def page(tx, after: str, size: int):
            return reservations.list_after(tx, after, request.state, request.owner, size)

        return self._pages(page, request.after_order_id, lambda reservation: reservation.order_id, request.limit)

    def _once(self, method: str, request: Message, response_type: type[Message], work: Callable) -> Message:
        return self._database.once(f"inventory.v1.InventoryService/{method}", request, response_type, work)

    def _pages(self, read: Callable, after: str, cursor_of: Callable, limit: int) -> Iterator[Message]:
        """Yields what `read` returns, page by page, so a slow caller does not keep a transaction open."""
        if not self._listings.acquire(blocking=False):
            text = f"{MAX_LISTINGS} listings are being read: call again when one has ended"
            raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_LISTINGS", text)
        try:
            left = limit or 2**63
            while left > 0:
                with self._database.transaction() as tx:
                    page = read(tx, after, min(PAGE, left))
                yield from page
                if len(page) < PAGE:
                    return
                after, left = cursor_of(page[-1]), left - len(page)
        finally:
            self._listings.release()
