"""Checks requests by the rules in their contract."""

from importlib import resources

import grpc
import protovalidate
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from refusal import Refusal

# The generated messages have no rules. These descriptors of the same contracts have them.
CONTRACTS = descriptor_pool.DescriptorPool()
for file in FileDescriptorSet.FromString(resources.files("ordermesh").joinpath("descriptors.binpb").read_bytes()).file:
    CONTRACTS.Add(file)


def validate(request: Message) -> None:
    """Raises INVALID_ARGUMENT with every field that breaks a rule."""
    with_rules = message_factory.GetMessageClass(CONTRACTS.FindMessageTypeByName(request.DESCRIPTOR.full_name))
    violations = protovalidate.collect_violations(with_rules.FromString(request.SerializeToString()))
    refuse_invalid({path_of(violation): violation.proto.message for violation in violations})


def path_of(violation: protovalidate.Violation) -> str:
    """Returns the path of the invalid field, such as `items[0].sku`."""
    return ".".join(
        element.field_name + (f"[{element.subscript.value}]" if element.subscript else "")
        for element in violation.proto.field.elements
    )


def refuse_invalid(problems: dict[str, str]) -> None:
    """Raises INVALID_ARGUMENT if there are problems, by field."""
    if not problems:
        return
    field, description = next(iter(problems.items()))
    violations = [
        error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
        for field, description in problems.items()
    ]
    text = f"invalid request: {field} {description}"
    bad_request = error_details_pb2.BadRequest(field_violations=violations)
    raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", text, None, bad_request)
