import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { type CreateService, createIdempotency, createOutbox, loadMigrations, serve } from '#mesh';
import { userTopic } from './events.ts';
import { createUserRpc } from './rpc.ts';

/** Wires the user service. */
export const createUserService: CreateService = async (runtime) => {
  const { events, tasks, clock, logger } = runtime;
  const storage = await runtime.openStorage('user');
  await storage.migrate('user', await loadMigrations(new URL('./migrations/', import.meta.url)));
  const source = '//ordermesh/user';
  const outbox = await createOutbox({ storage, events, tasks, source, topics: [userTopic], clock, logger });
  const idempotency = await createIdempotency(storage, { clock });
  return {
    name: 'user',
    serves: [serve(UserServiceContract, createUserRpc({ storage, idempotency, outbox, clock }))],
    deadLetters: [outbox.deadLetters],
    start: () => outbox.start(),
    stop: (graceMs) => outbox.stop(graceMs),
    check: () => storage.check(),
  };
};
