"""Makes unary calls with grpcio. Arguments: host:port, paths of methods.

Writes one line of JSON per call: the code, the text and the details.
"""

import base64
import json
import sys

import grpc

ADDRESS, *PATHS = sys.argv[1:]

with grpc.insecure_channel(ADDRESS) as channel:
    for path in PATHS:
        try:
            channel.unary_unary(path)(b"", timeout=20)
            print(json.dumps({"code": "OK"}))
        except grpc.RpcError as error:
            trailers = {key: value for key, value in error.trailing_metadata() or []}
            packed = trailers.get("grpc-status-details-bin", b"")
            details = base64.b64encode(packed).decode()
            print(json.dumps({"code": error.code().name, "message": error.details(), "details": details}))
