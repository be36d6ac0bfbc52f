import { GetUserRequest } from '#gen/user/v1/user.ts';
import { h2load } from '../h2load.ts';
import { askedUser } from './asked-user.ts';
import { startCaller } from './caller.ts';
import type { Contender } from './contest.ts';
import { getUserMethod, listUsersMethod } from './methods.ts';
import { fastify, jsonPath, type Peer } from './peers.ts';

export const getUserRequest = GetUserRequest.encode({ id: askedUser.id }).finish();

/** A server that answers GetUser, to four connections with 32 calls each at once. JSON is asked for in the same way, pipelined. */
export function answering({ name, server }: Peer): Contender {
  const { address, cpuSeconds } = server;
  const asked = name === fastify ? { path: jsonPath } : { path: getUserMethod.path, request: getUserRequest };
  return {
    name,
    cpuSeconds,
    work: (calls) => h2load({ ...asked, address, calls, connections: 4, callsAtOnce: 32 }),
  };
}

/** A server that streams all its users, to one caller at a time. */
export function listing({ name, server }: Peer): Contender {
  const { address, cpuSeconds } = server;
  const { path } = listUsersMethod;
  const work = (calls: number) =>
    h2load({ address, path, request: new Uint8Array(), calls, connections: 1, callsAtOnce: 1 });
  return { name, cpuSeconds, work };
}

/** A client in a process of its own that calls a server: both count. The client ends with the stack. */
export function calling({ name, server }: Peer, main: string, stack: AsyncDisposableStack): Contender {
  const caller = stack.use(startCaller(main, server.address));
  return { name, cpuSeconds: () => server.cpuSeconds() + caller.cpuSeconds(), work: caller.call };
}
