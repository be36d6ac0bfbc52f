import { GetUserRequest } from '#gen/user/v1/user.ts';
import { h2load } from '../h2load.ts';
import { startCaller } from './caller.ts';
import type { Contender } from './contest.ts';
import { getUserMethod, listUsersMethod } from './methods.ts';
import { fastify, jsonPath, type Peer } from './peers.ts';
import { requestedUser } from './requested-user.ts';

export const getUserRequest = GetUserRequest.encode({ id: requestedUser.id }).finish();

/** A server under GetUser load from four connections with 32 concurrent calls each. JSON requests are pipelined. */
export function answering({ name, server }: Peer): Contender {
  const { address, cpuSeconds } = server;
  const target = name === fastify ? { path: jsonPath } : { path: getUserMethod.path, request: getUserRequest };
  return {
    name,
    cpuSeconds,
    work: (calls) => h2load({ ...target, address, calls, connections: 4, concurrentCalls: 32 }),
  };
}

/** A server that streams all its users to one caller at a time. */
export function listing({ name, server }: Peer): Contender {
  const { address, cpuSeconds } = server;
  const { path } = listUsersMethod;
  const work = (calls: number) =>
    h2load({ address, path, request: new Uint8Array(), calls, connections: 1, concurrentCalls: 1 });
  return { name, cpuSeconds, work };
}

/** A client in its own process and its server; the processor time of both counts. The stack stops the client. */
export function calling({ name, server }: Peer, main: string, stack: AsyncDisposableStack): Contender {
  const caller = stack.use(startCaller(main, server.address));
  return { name, cpuSeconds: () => server.cpuSeconds() + caller.cpuSeconds(), work: caller.call };
}
