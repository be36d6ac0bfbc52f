"""Items and their stock. Each function runs in the transaction of its caller."""

import sqlite3

import grpc

from database import now_ms
from ordermesh.inventory.v1 import inventory_pb2 as pb
from refusal import Refusal


def create(tx: sqlite3.Connection, item: pb.Item) -> pb.Item:
    if find(tx, item.sku):
        text = f'sku "{item.sku}" is taken by another item: choose another or adjust the stock of that item'
        raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "SKU_TAKEN", text)
    price = item.unit_price
    values = (item.sku, item.name, price.currency_code, price.minor_units, item.on_hand, now_ms())
    tx.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?, 0, 1, ?)", values)
    return get(tx, item.sku)


def adjust(tx: sqlite3.Connection, sku: str, delta: int, max_on_hand: int) -> pb.Item:
    """Adds to the stock on hand. Refuses to leave less than is reserved, and to exceed the limit."""
    item = get(tx, sku)
    if item.on_hand + delta < item.reserved:
        raise insufficient_stock({sku: (-delta, item.on_hand - item.reserved)})
    if item.on_hand + delta > max_on_hand:
        text = f'item "{sku}" would have more than {max_on_hand} on hand: its stock is unchanged; add less'
        raise Refusal(grpc.StatusCode.OUT_OF_RANGE, "STOCK_LIMIT", text)
    change(tx, sku, on_hand=delta)
    return get(tx, sku)


def change(tx: sqlite3.Connection, sku: str, *, on_hand: int = 0, reserved: int = 0) -> None:
    tx.execute(
        """UPDATE items SET on_hand = on_hand + ?, reserved = reserved + ?, version = version + 1, update_time = ?
           WHERE sku = ?""",
        (on_hand, reserved, now_ms(), sku),
    )


def get(tx: sqlite3.Connection, sku: str) -> pb.Item:
    item = find(tx, sku)
    if item is None:
        raise items_not_found([sku])
    return item


def find(tx: sqlite3.Connection, sku: str) -> pb.Item | None:
    row = tx.execute("SELECT * FROM items WHERE sku = ?", (sku,)).fetchone()
    return None if row is None else item_of(row)


def list_after(tx: sqlite3.Connection, sku: str, limit: int) -> list[pb.Item]:
    """Returns the next items in sku order."""
    rows = tx.execute("SELECT * FROM items WHERE sku > ? ORDER BY sku LIMIT ?", (sku, limit))
    return [item_of(row) for row in rows]


def item_of(row: sqlite3.Row) -> pb.Item:
    item = pb.Item(
        sku=row["sku"], name=row["name"], on_hand=row["on_hand"], reserved=row["reserved"], etag=str(row["version"])
    )
    item.unit_price.currency_code = row["currency_code"]
    item.unit_price.minor_units = row["unit_price"]
    item.update_time.FromMilliseconds(row["update_time"])
    return item


def items_not_found(skus: list[str]) -> Refusal:
    names = ", ".join(f'"{sku}"' for sku in skus)
    text = f"item {names} not found: check the sku or create the item"
    return Refusal(grpc.StatusCode.NOT_FOUND, "ITEM_NOT_FOUND", text)


def insufficient_stock(shortages: dict[str, tuple[int, int]]) -> Refusal:
    """`shortages` has the requested and the available quantity of each sku."""
    names = ", ".join(f'{requested} of "{sku}" ({available} available)' for sku, (requested, available) in shortages.items())
    text = f"not enough stock for {names}: nothing was taken; request less or add stock"
    metadata = {sku: f"{requested}/{available}" for sku, (requested, available) in shortages.items()}
    return Refusal(grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_STOCK", text, metadata)
