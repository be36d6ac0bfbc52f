import type { CompatServiceDefinition, TsProtoServiceDefinition } from 'nice-grpc';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { NotificationServiceContract } from '#gen/notification/v1/notification.contract.ts';
import { HealthServiceContract } from '#gen/ops/v1/health.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { ClientFactory } from '../../mesh/client/client-factory.ts';
import type { ServiceContract } from '../../mesh/contract/contract.ts';

/** A call that changes nothing, for all kinds of clients. */
export interface Read {
  readonly kind: 'calls' | 'streams';
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
  /** The encoded request. */
  readonly request: Uint8Array;
  /** Makes it with a client of the mesh. */
  call(): Promise<unknown>;
}

/** Returns a call for each service that callers read from; `prepareData` of `make load` creates what they read. */
export function createReads({ client }: Pick<ClientFactory, 'client'>): readonly Read[] {
  return [
    read(UserServiceContract, 'getUser', { id: 'load-1' }),
    read(UserServiceContract, 'listUsers', { limit: 10 }),
    read(InventoryServiceContract, 'getItem', { sku: 'load-1' }),
    read(AccountServiceContract, 'getBalance', { accountId: 'load-1' }),
    read(OrderServiceContract, 'listOrders', { limit: 10 }),
    read(NotificationServiceContract, 'listNotifications', { limit: 10 }),
    read(OrderReportServiceContract, 'listUserOrders', { userId: 'load-1', limit: 10 }),
    read(EventServiceContract, 'listTopics', {}),
    read(HealthServiceContract, 'listHealth', {}),
  ];

  function read<Definition extends CompatServiceDefinition>(
    contract: ServiceContract<Definition>,
    name: keyof Definition['methods'] & string,
    request: object,
  ): Read {
    const { fullName, methods } = contract.definition as unknown as TsProtoServiceDefinition;
    const method = methods[name];
    if (method === undefined) throw new TypeError(`${fullName} has no method ${name}`);
    const call = client(contract)[name] as unknown as (request: object) => Promise<unknown> & AsyncIterable<unknown>;
    return {
      kind: method.responseStream ? 'streams' : 'calls',
      path: `/${fullName}/${method.name}`,
      request: method.requestType.encode(method.requestType.fromPartial?.(request) ?? request).finish(),
      call: () => (method.responseStream ? Array.fromAsync(call(request)) : call(request)),
    };
  }
}
