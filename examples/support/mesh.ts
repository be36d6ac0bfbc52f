import { type Channel, createChannel, createClient } from 'nice-grpc';
import { EventServiceDefinition } from '../../gen/ts/events/v1/events.ts';
import { HealthCheckResponse_ServingStatus, HealthDefinition } from '../../gen/ts/grpc/health/v1/health.ts';
import { InventoryServiceDefinition } from '../../gen/ts/inventory/v1/inventory.ts';
import { NotificationServiceDefinition } from '../../gen/ts/notification/v1/notification.ts';
import { SagaServiceDefinition } from '../../gen/ts/ops/v1/ops.ts';
import { OrderServiceDefinition } from '../../gen/ts/order/v1/order.ts';
import { LedgerServiceDefinition } from '../../gen/ts/payment/v1/ledger.ts';
import { AccountServiceDefinition } from '../../gen/ts/payment/v1/payment.ts';
import { UserServiceDefinition } from '../../gen/ts/user/v1/user.ts';

/** The clients of a mesh, made by nice-grpc from the generated definitions. */
export type Mesh = ReturnType<typeof connect>;

/** Clients of the mesh at `address`. Nothing is sent before the first call. */
export function connect(address: string) {
  // Without these a client that lost its server may wait minutes before it looks again.
  const channel: Channel = createChannel(address, undefined, {
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 500,
  });
  return {
    address,
    health: createClient(HealthDefinition, channel),
    users: createClient(UserServiceDefinition, channel),
    inventory: createClient(InventoryServiceDefinition, channel),
    accounts: createClient(AccountServiceDefinition, channel),
    ledger: createClient(LedgerServiceDefinition, channel),
    orders: createClient(OrderServiceDefinition, channel),
    notifications: createClient(NotificationServiceDefinition, channel),
    events: createClient(EventServiceDefinition, channel),
    sagas: createClient(SagaServiceDefinition, channel),
    close: () => channel.close(),
  };
}

/** Whether a mesh answers, and all its services can do their work. */
export async function isServing({ health }: Mesh): Promise<boolean> {
  try {
    const { status } = await health.check({ service: '' }, { signal: AbortSignal.timeout(2_000) });
    return status === HealthCheckResponse_ServingStatus.SERVING;
  } catch {
    return false;
  }
}
