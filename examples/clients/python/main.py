"""Calls a running mesh and prints one line for each behaviour in ../README.md."""

from __future__ import annotations

import os
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import secured
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from ordermesh.calls import details_of, resume_listing
from ordermesh.common.v1.common_pb2 import Address, Money
from ordermesh.events.v1.events_pb2 import START_BEGINNING, EventRecord, Offsets, SubscribeRequest
from ordermesh.events.v1.events_pb2_grpc import EventServiceStub
from ordermesh.inventory.v1.inventory_pb2 import CreateItemRequest, Item
from ordermesh.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from ordermesh.order.v1.order_pb2 import ORDER_STATE_COMPLETED, OrderItem, PlaceOrderRequest, WatchOrderRequest
from ordermesh.order.v1.order_pb2_grpc import OrderServiceStub
from ordermesh.payment.v1.payment_pb2 import DepositRequest, OpenAccountRequest
from ordermesh.payment.v1.payment_pb2_grpc import AccountServiceStub
from ordermesh.user.v1.user_pb2 import CreateUserRequest, GetUserRequest, ImportUsersRequest, ListUsersRequest, User
from ordermesh.user.v1.user_pb2_grpc import UserServiceStub

IMPORTED_USERS = 1000
USER_SERVICE = "user.v1.UserService"
# For streams that would otherwise never end if something is wrong.
TIMEOUT_S = 60


@dataclass(frozen=True)
class Run:
    """What the behaviours share."""

    # Ids of this run begin with it.
    id: str
    config: str
    address: str
    channel: grpc.Channel
    # Through a proxy that cuts connections, if there is one.
    cut: grpc.Channel

    @property
    def users(self) -> UserServiceStub:
        return UserServiceStub(self.channel)


def create_user(run: Run) -> None:
    # With the same request id, the second call returns the response of the first.
    user = User(id=run.id, name="Ada", email=f"{run.id}@example.com")
    request = CreateUserRequest(request_id=new_uuid(), user=user)
    first, second = run.users.CreateUser(request), run.users.CreateUser(request)
    check(first.id == run.id and first.etag and first == second, f"created {first}, then {second}")


def import_users(run: Run) -> None:
    def rows() -> Iterator[ImportUsersRequest]:
        for i in range(IMPORTED_USERS):
            id = f"{run.id}-{i:04}"
            yield ImportUsersRequest(user=User(id=id, name="Imported", email=f"{id}@example.com", role=run.id))

    response = run.users.ImportUsers(rows(), timeout=TIMEOUT_S)
    check(response.imported == IMPORTED_USERS and not response.failures, f"imported {response}")


def list_users(run: Run) -> None:
    cursors: set[str] = set()

    def open_after(cursor: str) -> Iterator[User]:
        cursors.add(cursor)
        request = ListUsersRequest(after_id=cursor, role=run.id)
        return UserServiceStub(run.cut).ListUsers(request, timeout=TIMEOUT_S)

    ids = [user.id for user in resume_listing(open_after, lambda user: user.id)]
    check(ids == [f"{run.id}-{i:04}" for i in range(IMPORTED_USERS)], f"listed {len(ids)} users")
    check_cut(cursors)


def place_and_watch(run: Run) -> None:
    item = Item(sku=run.id, name="Lamp", unit_price=euros(500), on_hand=10)
    InventoryServiceStub(run.channel).CreateItem(CreateItemRequest(request_id=new_uuid(), item=item))
    accounts, orders = AccountServiceStub(run.channel), OrderServiceStub(run.channel)
    accounts.OpenAccount(OpenAccountRequest(request_id=new_uuid(), account_id=run.id, currency_code="EUR"))
    accounts.Deposit(DepositRequest(request_id=new_uuid(), account_id=run.id, amount=euros(10_000)))
    address = Address(recipient="Ada", lines=["Main Street 1"], city="Town", postal_code="12345", country_code="DE")
    placed = orders.PlaceOrder(
        PlaceOrderRequest(
            request_id=new_uuid(),
            user_id=run.id,
            items=[OrderItem(sku=run.id, quantity=2)],
            shipping_address=address,
        )
    )
    # The stream ends after the final state.
    *_, last = orders.WatchOrder(WatchOrderRequest(id=placed.id), timeout=TIMEOUT_S)
    check(last.state == ORDER_STATE_COMPLETED and last.total == euros(1_000), f"the order ended as {last}")


def bad_request(run: Run) -> None:
    user = User(id="not an id", name="Ada", email="nobody")
    details = details_of(error_of(lambda: run.users.CreateUser(CreateUserRequest(request_id=new_uuid(), user=user))))
    fields = [violation.field for violation in details.violations]
    check(details.code == grpc.StatusCode.INVALID_ARGUMENT and fields == ["user.id", "user.email"], str(details))


def error_info(run: Run) -> None:
    unknown = f"{run.id}-unknown"
    details = details_of(error_of(lambda: run.users.GetUser(GetUserRequest(id=unknown))))
    check(details.reason == "USER_NOT_FOUND" and details.metadata["id"] == unknown, str(details))


def deadline(run: Run) -> None:
    # A topic never ends by itself.
    events = EventServiceStub(run.channel).Subscribe(SubscribeRequest(topic="order.events"), timeout=0.3)
    check_code(error_of(lambda: list(events)), grpc.StatusCode.DEADLINE_EXCEEDED)


def cancel(run: Run) -> None:
    request = SubscribeRequest(topic="user.events", start=START_BEGINNING)
    events = EventServiceStub(run.channel).Subscribe(request, timeout=TIMEOUT_S)
    next(events)
    events.cancel()
    check_code(error_of(lambda: list(events)), grpc.StatusCode.CANCELLED)


def health(run: Run) -> None:
    stub = health_pb2_grpc.HealthStub(run.channel)
    for service in ("", USER_SERVICE):
        status = stub.Check(health_pb2.HealthCheckRequest(service=service)).status
        check(status == health_pb2.HealthCheckResponse.SERVING, f"{service!r} has status {status}")
    unknown = error_of(lambda: stub.Check(health_pb2.HealthCheckRequest(service="unknown")))
    check_code(unknown, grpc.StatusCode.NOT_FOUND)


def reflection(version: str) -> Callable[[Run], None]:
    def list_services(run: Run) -> None:
        # grpcio-reflection has only v1alpha. The messages of v1 are the same.
        list_services = run.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        [response] = list_services(requests, timeout=TIMEOUT_S)
        names = [service.name for service in response.list_services_response.service]
        check(USER_SERVICE in names, f"reflection lists {names}")

    return list_services


def subscribe(run: Run) -> None:
    """Follows the events of the imported users. Each opened stream starts after the last event of each partition."""
    next_offsets: dict[int, int] = {}
    seen: set[str] = set()
    cursors: set[str] = set()

    def open_after(cursor: str) -> Iterator[EventRecord]:
        cursors.add(cursor)
        start = Offsets(by_partition=next_offsets)
        request = SubscribeRequest(topic="user.events", types=["USER_CREATED"], offsets=start)
        return EventServiceStub(run.cut).Subscribe(request, timeout=TIMEOUT_S)

    for event in resume_listing(open_after, lambda event: event.id):
        check(event.offset >= next_offsets.get(event.partition, 0), f"event {event.id} came twice")
        next_offsets[event.partition] = event.offset + 1
        if event.key.startswith(f"{run.id}-"):
            seen.add(event.key)
        if len(seen) == IMPORTED_USERS:
            break
    check_cut(cursors)


def service_config(run: Run) -> None:
    """Makes a call without a timeout on a channel whose config allows next to no time."""
    run.users.GetUser(GetUserRequest(id=run.id))
    short_timeouts = re.sub(r'"timeout": "[^"]*"', '"timeout": "0.001s"', run.config)
    with connect(run.address, short_timeouts) as channel:
        error = error_of(lambda: UserServiceStub(channel).GetUser(GetUserRequest(id=run.id)))
    check_code(error, grpc.StatusCode.DEADLINE_EXCEEDED)


def connect(address: str, config: str) -> grpc.Channel:
    """Returns a channel with the deadlines and retries of the contracts."""
    return grpc.insecure_channel(address, options=[("grpc.service_config", config)])


def error_of(call: Callable[[], object]) -> grpc.RpcError:
    try:
        result = call()
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"the call returned {result}")


def check(is_right: object, problem: str) -> None:
    if not is_right:
        raise AssertionError(problem)


def check_cut(cursors: set[str]) -> None:
    """Raises if every stream began at the same place: the first one was not cut, or received nothing before."""
    check(len(cursors) > 1, "the stream was not cut")


def check_code(error: grpc.RpcError, expected: grpc.StatusCode) -> None:
    check(error.code() == expected, f"got {error.code()}, not {expected}")


def euros(minor_units: int) -> Money:
    return Money(currency_code="EUR", minor_units=minor_units)


def new_uuid() -> str:
    return str(uuid.uuid4())


BEHAVIOURS: dict[str, Callable[[Run], None]] = {
    "create-user": create_user,
    "import-1000": import_users,
    "list-resume": list_users,
    "place-and-watch": place_and_watch,
    "bad-request": bad_request,
    "error-info": error_info,
    "deadline": deadline,
    "cancel": cancel,
    "health": health,
    "reflection-v1": reflection("v1"),
    "reflection-v1alpha": reflection("v1alpha"),
    "subscribe-resume": subscribe,
    "service-config": service_config,
}


def main() -> int:
    address = os.environ.get("ADDRESS") or "localhost:50051"
    if sys.argv[1:] == ["credentials"]:
        if missing := secured.missing_setting():
            sys.exit(f"set {missing}: examples/clients/README.md shows how")
        results = [show(name, lambda behave=behave: behave(address)) for name, behave in secured.BEHAVIOURS.items()]
        return 0 if all(results) else 1
    cut_address = os.environ.get("CUT_ADDRESS")
    default_config = Path(__file__).parents[3] / "gen/service-config/ordermesh.json"
    config = Path(os.environ.get("SERVICE_CONFIG") or default_config).read_text()
    failed = False
    with connect(address, config) as channel, connect(cut_address or address, config) as cut:
        run = Run(f"py-{uuid.uuid4().hex[:12]}", config, address, channel, cut)
        for name, behave in BEHAVIOURS.items():
            if name.endswith("-resume") and not cut_address:
                print(f"skipped {name}: CUT_ADDRESS is not set")
                continue
            failed = not show(name, lambda behave=behave: behave(run)) or failed
    return 1 if failed else 0


def show(name: str, behave: Callable[[], None]) -> bool:
    """Runs a behaviour, prints a line, and returns whether it succeeded."""
    try:
        behave()
        print(f"ok {name}", flush=True)
    except (AssertionError, grpc.RpcError) as error:
        print(f"FAILED {name}: {error}", flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
