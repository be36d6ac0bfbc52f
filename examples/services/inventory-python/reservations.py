"""Stock reserved for orders. Each function runs in the transaction of its caller.

An order has one reservation. Its record decides what a later call gets, whatever its request id.
"""

import sqlite3

import grpc

import items
from database import now_ms
from ordermesh.inventory.v1 import inventory_pb2 as pb
from refusal import Refusal

RESERVED, COMMITTED, RELEASED = pb.RESERVATION_STATE_RESERVED, pb.RESERVATION_STATE_COMMITTED, pb.RESERVATION_STATE_RELEASED


def reserve(tx: sqlite3.Connection, request: pb.ReserveStockRequest) -> pb.Reservation:
    """Reserves all items or none. The same items again return the existing reservation."""
    wanted = {item.sku: item.quantity for item in request.items}
    existing = find(tx, request.order_id)
    if existing is not None:
        if existing.state == RELEASED:
            raise released_before(request.order_id)
        if existing.owner != request.owner or wanted != {item.sku: item.quantity for item in existing.items}:
            text = f'order "{request.order_id}" already has a reservation of other items or for another owner: place another order'
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "RESERVATION_EXISTS", text)
        return existing

    stock = {sku: items.find(tx, sku) for sku in wanted}
    missing = [sku for sku, item in stock.items() if item is None]
    if missing:
        raise items.items_not_found(missing)
    available = {sku: item.on_hand - item.reserved for sku, item in stock.items()}
    short = {sku: (quantity, available[sku]) for sku, quantity in wanted.items() if quantity > available[sku]}
    if short:
        raise items.insufficient_stock(short)
    for sku, quantity in wanted.items():
        items.change(tx, sku, reserved=quantity)
    insert(tx, request.order_id, RESERVED, request.owner)
    for position, (sku, quantity) in enumerate(wanted.items()):
        tx.execute("INSERT INTO reservation_items VALUES (?, ?, ?, ?)", (request.order_id, position, sku, quantity))
    return get(tx, request.order_id)


def release(tx: sqlite3.Connection, order_id: str) -> pb.Reservation:
    """Releases the stock. An order without a reservation gets a released one, so a ReserveStock that arrives late is refused."""
    existing = find(tx, order_id)
    if existing is None:
        insert(tx, order_id, RELEASED, owner="")
    elif existing.state == COMMITTED:
        text = f'stock of order "{order_id}" was already taken out, which is final: adjust the stock to put it back'
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "RESERVATION_COMMITTED", text)
    elif existing.state == RESERVED:
        for item in existing.items:
            items.change(tx, item.sku, reserved=-item.quantity)
        move(tx, order_id, RELEASED)
    return get(tx, order_id)


def commit(tx: sqlite3.Connection, order_id: str) -> pb.Reservation:
    """Takes the reserved stock out of the stock on hand, once."""
    existing = get(tx, order_id)
    if existing.state == RELEASED:
        raise released_before(order_id)
    if existing.state == RESERVED:
        for item in existing.items:
            items.change(tx, item.sku, on_hand=-item.quantity, reserved=-item.quantity)
        move(tx, order_id, COMMITTED)
    return get(tx, order_id)


def get(tx: sqlite3.Connection, order_id: str) -> pb.Reservation:
    reservation = find(tx, order_id)
    if reservation is None:
        text = f'order "{order_id}" has no reservation: reserve stock for it first'
        raise Refusal(grpc.StatusCode.NOT_FOUND, "RESERVATION_NOT_FOUND", text)
    return reservation


def find(tx: sqlite3.Connection, order_id: str) -> pb.Reservation | None:
    row = tx.execute("SELECT * FROM reservations WHERE order_id = ?", (order_id,)).fetchone()
    return None if row is None else reservation_of(tx, row)


def list_after(tx: sqlite3.Connection, order_id: str, state: int, owner: str, limit: int) -> list[pb.Reservation]:
    """Returns the next reservations in order of their order ids. State 0 and owner '' match any."""
    rows = tx.execute(
        """SELECT * FROM reservations WHERE order_id > ? AND ? IN (0, state) AND ? IN ('', owner)
           ORDER BY order_id LIMIT ?""",
        (order_id, state, owner, limit),
    )
    return [reservation_of(tx, row) for row in rows.fetchall()]


def insert(tx: sqlite3.Connection, order_id: str, state: int, owner: str) -> None:
    now = now_ms()
    tx.execute("INSERT INTO reservations VALUES (?, ?, ?, ?, ?)", (order_id, state, owner, now, now))


def move(tx: sqlite3.Connection, order_id: str, state: int) -> None:
    tx.execute("UPDATE reservations SET state = ?, update_time = ? WHERE order_id = ?", (state, now_ms(), order_id))


def reservation_of(tx: sqlite3.Connection, row: sqlite3.Row) -> pb.Reservation:
    reservation = pb.Reservation(order_id=row["order_id"], state=row["state"], owner=row["owner"])
    reservation.create_time.FromMilliseconds(row["create_time"])
    reservation.update_time.FromMilliseconds(row["update_time"])
    lines = tx.execute("SELECT sku, quantity FROM reservation_items WHERE order_id = ? ORDER BY position", (row["order_id"],))
    for sku, quantity in lines:
        reservation.items.add(sku=sku, quantity=quantity)
    return reservation


def released_before(order_id: str) -> Refusal:
    text = f'reservation of order "{order_id}" was released, which is final: place another order'
    return Refusal(grpc.StatusCode.FAILED_PRECONDITION, "RESERVATION_RELEASED", text)
