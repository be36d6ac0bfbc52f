// The native engine without the server pipeline, with the same handlers as grpc-js-users.ts.
import { Metadata, Status } from 'nice-grpc-common';
import { engineByName } from '../../mesh/engines/engines.ts';
import { getUserMethod, listUsersMethod } from '../support/engines/methods.ts';
import { collectOnSignal } from './collect-garbage.ts';
import { all, byId, reportReady } from './users-in-memory.ts';

const engine = await engineByName('native');
const host = engine.createServerHost({
  toStatus: (error) => ({ code: Status.NOT_FOUND, details: String(error), metadata: new Metadata() }),
});
host.add(getUserMethod, {
  kind: 'unary',
  async handle(read) {
    const { id } = read();
    const user = byId.get(id);
    if (!user) throw new Error(`user ${id} not found`);
    return user;
  },
});
host.add(listUsersMethod, {
  kind: 'server-streaming',
  async *handle() {
    for (const user of all) yield user;
  },
});
collectOnSignal();
reportReady(await host.listen('127.0.0.1:0'));
