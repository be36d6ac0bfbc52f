import { describe, expect, it } from 'vitest';
import type { Endpoints, ServiceEndpoint } from '#mesh';
import type { OpsPart } from '../ops-part.ts';
import { createPartFinder } from './find-parts.ts';

const local = { remote: undefined } as OpsPart;
const declared = ['user.v1.UserService', 'order.v1.OrderService', 'ops.v1.StatusService'];

/** Finds parts where discovery has these addresses; `undefined`: it does not know whether the service exists. */
function finderOf(
  addresses: Record<string, readonly string[] | undefined>,
  served: readonly string[] = [],
  isAnswered = true,
) {
  const away = new Set<string>();
  const transports = new Map<string, ServiceEndpoint['transport']>();
  const transportTo = (address: string) => {
    const transport = transports.get(address) ?? ({} as ServiceEndpoint['transport']);
    transports.set(address, transport);
    return transport;
  };
  const endpoints = {
    names: () => Object.keys(addresses).filter((name) => addresses[name] !== undefined),
    knows: (name: string) => (name in addresses ? (addresses[name] ? 'certain' : 'possible') : 'no'),
    of: (name: string) => ({
      isAnswered: () => isAnswered,
      instances: () =>
        (addresses[name] ?? []).map((address) => {
          return { address, transport: transportTo(address), state: away.has(address) ? 'away' : 'ready' };
        }),
    }),
  } as unknown as Endpoints;
  const find = createPartFinder({
    local,
    endpoints,
    declared,
    served: () => served,
    connect: (remote) => ({ remote }) as OpsPart,
  });
  return { find, away, reconnect: (address: string) => transports.delete(address) };
}

const namesOf = (parts: readonly OpsPart[]) => parts.map(({ remote }) => `${remote?.name}@${remote?.address}`);

describe('the parts of a mesh', () => {
  it('are all other processes, in groups with the same services', () => {
    const { find } = finderOf({ user: ['a:1'], order: ['b:1', 'b:2'], payment: ['b:1', 'b:2'], report: ['b:1'] });
    const { others, groups } = find();
    expect(namesOf(others)).toEqual(['order,payment,report@b:1', 'order,payment@b:2', 'user@a:1']);
    expect(groups.map(({ name, parts }) => [name, parts.map(({ remote }) => remote?.address)])).toEqual([
      ['order,payment', ['b:1', 'b:2']],
      ['report', ['b:1']],
      ['user', ['a:1']],
    ]);
  });

  it('are asked last if they get no calls', () => {
    const { find, away } = finderOf({ order: ['b:1', 'b:2'] });
    away.add('b:1');
    expect(find().groups.map(({ parts }) => namesOf(parts))).toEqual([['order@b:2', 'order@b:1']]);
  });

  it('have no group for the services of this process, nor for another ops', () => {
    const { find } = finderOf({ user: ['a:1'], order: ['b:1'], ops: ['c:1'] }, ['order.v1.OrderService']);
    const { others, groups } = find();
    expect(namesOf(others)).toEqual(['ops@c:1', 'order@b:1', 'user@a:1']);
    expect(groups.map(({ name }) => name)).toEqual(['user']);
  });

  it('name a service that has lost all its instances, but none that may not exist', () => {
    const { find } = finderOf({ user: [], order: undefined });
    expect(find()).toEqual({ local, others: [], groups: [{ name: 'user', parts: [] }], possible: ['order'] });
  });

  it('name a service whose last instance a registry no longer lists, until it is back', () => {
    const addresses: { user?: string[] | undefined; gift?: string[] } = { user: ['a:1'], gift: ['b:1'] };
    const { find } = finderOf(addresses);
    expect(find().groups).toHaveLength(2);
    addresses.user = undefined;
    delete addresses.gift;
    expect(find().groups).toEqual([
      { name: 'gift', parts: [] },
      { name: 'user', parts: [] },
    ]);
    addresses.user = ['a:2'];
    expect(find().groups[1]?.parts).toHaveLength(1);
  });

  it('name the services for which the registry has not answered yet', () => {
    const { find } = finderOf({ order: undefined }, [], false);
    expect(find().groups).toEqual([{ name: 'order', parts: [], isUnanswered: true }]);
  });

  it('stay the same until their connection is replaced', () => {
    const { find, reconnect } = finderOf({ user: ['a:1'], order: ['b:1'] });
    const [order, user] = find().others;
    reconnect('a:1');
    const [sameOrder, otherUser] = find().others;
    expect(sameOrder).toBe(order);
    expect(otherUser).toEqual(user);
    expect(otherUser).not.toBe(user);
  });
});
