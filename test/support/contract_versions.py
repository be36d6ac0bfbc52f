"""Calls a mesh as a client whose contract is older or newer. Prints what it got as one JSON object.

Arguments: the version, the address, the id of a completed order.
"""

import json
import sys
import uuid

import grpc
from events.v1 import events_pb2, events_pb2_grpc
from google.protobuf.unknown_fields import UnknownFieldSet
from google.rpc import error_details_pb2, status_pb2
from order.v1 import order_pb2, order_pb2_grpc
from user.v1 import user_pb2, user_pb2_grpc

version, address, order_id = sys.argv[1:]
channel = grpc.insecure_channel(address)
users = user_pb2_grpc.UserServiceStub(channel)
orders = order_pb2_grpc.OrderServiceStub(channel)
events = events_pb2_grpc.EventServiceStub(channel)


def outcome(call):
    """Returns the code, the reason and the invalid fields of a call."""
    try:
        call()
        return {"code": "OK"}
    except grpc.RpcError as error:
        found = {"code": error.code().name}
        for key, value in error.trailing_metadata():
            if key == "grpc-status-details-bin":
                found |= read_details(status_pb2.Status.FromString(value))
        return found


def read_details(status):
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    found = {}
    for detail in status.details:
        if detail.Unpack(info):
            found["reason"] = info.reason
        if detail.Unpack(bad_request):
            found["fields"] = [violation.field for violation in bad_request.field_violations]
    return found


def newer():
    request_id = str(uuid.uuid4())
    draft = user_pb2.User(name="Newer", email="newer@example.com", nickname="new")
    user = users.CreateUser(user_pb2.CreateUserRequest(request_id=request_id, user=draft, dry_run=True))
    draft.ClearField("nickname")
    repeated = users.CreateUser(user_pb2.CreateUserRequest(request_id=request_id, user=draft))
    masked = user_pb2.UpdateUserRequest(user=user_pb2.User(id=user.id, nickname="n"), request_id=str(uuid.uuid4()))
    masked.update_mask.paths.append("nickname")
    unmasked = user_pb2.UpdateUserRequest(user=user_pb2.User(id=user.id, nickname="n"), request_id=str(uuid.uuid4()))
    updated = users.UpdateUser(unmasked)
    paused = order_pb2.ListOrdersRequest(state=order_pb2.ORDER_STATE_PAUSED)
    yesterday = events_pb2.SubscribeRequest(topic="user.events", start=events_pb2.START_YESTERDAY)
    draft.nickname = "new"
    event = {"topic": "versions", "key": "k", "type": "NEWER", "payload": draft.SerializeToString()}
    events.Publish(events_pb2.PublishRequest(request_id=str(uuid.uuid4()), **event))
    return {
        "nickname": user.nickname,
        "repeated": repeated.id == user.id,
        "unchanged": updated.etag == user.etag,
        "masked": outcome(lambda: users.UpdateUser(masked)),
        "filter": outcome(lambda: list(orders.ListOrders(paused))),
        "position": outcome(lambda: next(events.Subscribe(yesterday, timeout=5))),
        "method": outcome(lambda: users.GreetUser(user_pb2.GetUserRequest(id=user.id))),
    }


def older():
    user = users.GetUser(user_pb2.GetUserRequest(id="ada"))
    user.name = "Ada L."
    users.UpdateUser(user_pb2.UpdateUserRequest(user=user, request_id=str(uuid.uuid4())))
    fresh = user_pb2.User(id="ada", name="Ada Lovelace")
    users.UpdateUser(user_pb2.UpdateUserRequest(user=fresh, request_id=str(uuid.uuid4())))
    order = orders.GetOrder(order_pb2.GetOrderRequest(id=order_id))
    beginning = events_pb2.SubscribeRequest(topic="versions", start=events_pb2.START_BEGINNING)
    payload = next(events.Subscribe(beginning, timeout=20)).payload
    return {
        "state": order.state,
        "of the order": numbers(order),
        "of the event": numbers(user_pb2.User.FromString(payload)),
    }


def numbers(message):
    return [field.field_number for field in UnknownFieldSet(message)]


print(json.dumps({"older": older, "newer": newer}[version]()))
