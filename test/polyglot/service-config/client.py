"""Calls methods with grpcio under service configs.

Arguments: host:port, then for each channel the file of its config and its calls, such as `unary:/user.v1.UserService/GetUser`
or `upload:/user.v1.UserService/ImportUsers`. Writes one line of JSON per call.
"""

import json
import sys

import grpc


def call(channel, kind, path):
    try:
        if kind == "unary":
            channel.unary_unary(path)(b"")
        else:
            channel.stream_unary(path)(iter([b""]))
        return {"code": "OK", "text": ""}
    except grpc.RpcError as error:
        return {"code": error.code().name, "text": error.details()}


address, *arguments = sys.argv[1:]
channel = None
for argument in arguments:
    if argument.endswith(".json"):
        with open(argument, encoding="utf-8") as file:
            channel = grpc.insecure_channel(address, options=[("grpc.service_config", file.read())])
    else:
        print(json.dumps(call(channel, *argument.split(":", 1))))
