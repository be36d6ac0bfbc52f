"""Serves inventory.v1.InventoryService from a SQLite file."""

import argparse
import logging
import signal
import sqlite3
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from database import Database
from ordermesh.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from service import THREADS, InventoryService

NAME = inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"].full_name
# Next to this program, where git ignores it.
DATABASE = Path(__file__).with_name("inventory.db")
# How long calls in progress may take after a stop signal.
DRAIN_TIMEOUT_S = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:50062", help="address (default: %(default)s)")
    parser.add_argument("--database", default=DATABASE, help="SQLite file, created if missing (default: %(default)s)")
    arguments = parser.parse_args()
    logging.basicConfig()

    try:
        database = Database(arguments.database)
    except sqlite3.Error as error:
        sys.exit(f"cannot open {arguments.database}: {error}")
    # With so_reuseport, a second process could listen on the same port, and would get half of the calls.
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS), options=[("grpc.so_reuseport", 0)])
    inventory_pb2_grpc.add_InventoryServiceServicer_to_server(InventoryService(database), server)
    health_service = health.HealthServicer()
    for name in ("", NAME):
        health_service.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    reflection.enable_server_reflection((NAME, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    try:
        server.add_insecure_port(arguments.listen)
    except RuntimeError as error:
        sys.exit(f"cannot listen on {arguments.listen}: {error}")

    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    server.start()
    print(f"ready grpc={arguments.listen}", flush=True)
    stopping.wait()
    # Callers that watch the health go elsewhere; calls in progress end.
    health_service.enter_graceful_shutdown()
    server.stop(DRAIN_TIMEOUT_S).wait()
    database.close()


if __name__ == "__main__":
    main()
