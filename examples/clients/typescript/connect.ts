import { type CallOptions, Client, credentials } from '@grpc/grpc-js';
import { EventServiceClient } from 'ordermesh-clients/events/v1/events';
import { InventoryServiceClient } from 'ordermesh-clients/inventory/v1/inventory';
import { OrderServiceClient } from 'ordermesh-clients/order/v1/order';
import { AccountServiceClient } from 'ordermesh-clients/payment/v1/payment';
import { UserServiceClient } from 'ordermesh-clients/user/v1/user';

/** What the behaviours share. */
export interface Run {
  /** Ids of this run begin with it. */
  readonly id: string;
  readonly address: string;
  readonly config: string;
  readonly mesh: Mesh;
  /** Through a proxy that cuts connections, if there is one. */
  readonly cut: Mesh;
}

export type Mesh = ReturnType<typeof connect>;

/** Creates clients that share a channel with the deadlines and retries of the contracts. */
export function connect(address: string, config: string) {
  const insecure = credentials.createInsecure();
  const shared = new Client(address, insecure, { 'grpc.service_config': config });
  const channelOverride = shared.getChannel();
  return {
    channelOverride,
    users: new UserServiceClient(address, insecure, { channelOverride }),
    inventory: new InventoryServiceClient(address, insecure, { channelOverride }),
    accounts: new AccountServiceClient(address, insecure, { channelOverride }),
    orders: new OrderServiceClient(address, insecure, { channelOverride }),
    events: new EventServiceClient(address, insecure, { channelOverride }),
    close: () => shared.close(),
  };
}

/** For streams that would otherwise never end if something is wrong. */
export function withDeadline(): Partial<CallOptions> {
  return { deadline: Date.now() + 60_000 };
}

export function check(isRight: boolean, problem: () => string): void {
  if (!isRight) throw new Error(problem());
}
