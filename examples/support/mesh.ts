import { type Channel, createChannel } from 'nice-grpc';
import { EventServiceDefinition } from '#gen/events/v1/events.ts';
import { HealthCheckResponse_ServingStatus, HealthDefinition } from '#gen/grpc/health/v1/health.ts';
import { InventoryServiceDefinition } from '#gen/inventory/v1/inventory.ts';
import { NotificationServiceDefinition } from '#gen/notification/v1/notification.ts';
import { AuditServiceDefinition } from '#gen/ops/v1/audit.ts';
import { HealthServiceDefinition } from '#gen/ops/v1/health.ts';
import { SagaServiceDefinition } from '#gen/ops/v1/ops.ts';
import { StatusServiceDefinition } from '#gen/ops/v1/status.ts';
import { OrderServiceDefinition } from '#gen/order/v1/order.ts';
import { LedgerServiceDefinition } from '#gen/payment/v1/ledger.ts';
import { AccountServiceDefinition } from '#gen/payment/v1/payment.ts';
import { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { type Access, channelCredentials, channelOptions, readAccess } from './access.ts';
import { clientsWith } from './clients.ts';

/** Clients for all services of a mesh. */
export type Mesh = ReturnType<typeof connect>;

/**
 * Creates clients for the mesh at `address`. Connects on the first call. Throws an `AccessError` if the settings that
 * say how to reach it are not valid.
 */
export function connect(address: string, access: Access = readAccess(process.env, address)) {
  // By default a client that lost its server may wait minutes before it reconnects.
  const channel: Channel = createChannel(address, channelCredentials(access), {
    ...channelOptions(access, address),
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 500,
  });
  const clients = clientsWith(access);
  return {
    address,
    access,
    problems: clients.create(HealthServiceDefinition, channel),
    health: clients.create(HealthDefinition, channel),
    users: clients.create(UserServiceDefinition, channel),
    inventory: clients.create(InventoryServiceDefinition, channel),
    accounts: clients.create(AccountServiceDefinition, channel),
    ledger: clients.create(LedgerServiceDefinition, channel),
    orders: clients.create(OrderServiceDefinition, channel),
    notifications: clients.create(NotificationServiceDefinition, channel),
    events: clients.create(EventServiceDefinition, channel),
    sagas: clients.create(SagaServiceDefinition, channel),
    status: clients.create(StatusServiceDefinition, channel),
    audits: clients.create(AuditServiceDefinition, channel),
    close: () => channel.close(),
  };
}

/** Whether the mesh is reachable and all its services are serving. */
export async function isServing({ health }: Mesh): Promise<boolean> {
  try {
    const { status } = await health.check({ service: '' }, withTimeout());
    return status === HealthCheckResponse_ServingStatus.SERVING;
  } catch {
    return false;
  }
}

/** Returns the reasons why the mesh is not serving; empty if it is. Throws if it cannot be reached. */
export async function outages({ address, health, problems }: Mesh): Promise<string[]> {
  const { status } = await health.check({ service: '' }, withTimeout());
  if (status === HealthCheckResponse_ServingStatus.SERVING) return [];
  const { names } = await problems.listHealth({}, withTimeout());
  const messages = names.find(({ name }) => name === '')?.problems.map(({ message }) => message) ?? [];
  return messages.length > 0
    ? messages
    : [`the mesh at ${address} is not serving yet: run this again in a few seconds`];
}

function withTimeout(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(2_000) };
}
