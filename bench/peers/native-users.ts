// Our engine alone, without the server chain: the handlers of grpc-js-users.ts on the interface that all engines have.
import { Metadata, Status } from 'nice-grpc-common';
import { engineByName } from '../../mesh/engines/engines.ts';
import { getUserMethod, listUsersMethod } from '../support/engines/methods.ts';
import { collectOnSignal } from './collect-garbage.ts';
import { all, byId, tellReady } from './users-in-memory.ts';

const engine = await engineByName('native');
const host = engine.createServerHost({
  toStatus: (error) => ({ code: Status.NOT_FOUND, details: String(error), metadata: new Metadata() }),
});
host.add(getUserMethod, {
  kind: 'unary',
  async handle(read) {
    const { id } = read();
    const user = byId.get(id);
    if (!user) throw new Error(`there is no user ${id}`);
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
tellReady(await host.listen('127.0.0.1:0'));
