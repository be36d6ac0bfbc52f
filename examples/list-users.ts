import { setTimeout as delay } from 'node:timers/promises';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { ListUsersRequest } from '#gen/user/v1/user.ts';
import { createClients, declaredCursor, resumable } from '#mesh';
import { exitCode } from './support/failures.ts';
import { runExample } from './support/run-example.ts';

const perSecond = Number(process.argv[2] ?? 1_000);
if (!Number.isSafeInteger(perSecond) || perSecond < 10) {
  process.stderr.write(`invalid number of users a second "${process.argv[2]}": use a whole number, minimum 10\n`);
  process.exit(exitCode.usage);
}

/**
 * Lists all users in one loop that resumes when its stream is cut off. Kill an instance of the user service meanwhile, or restart
 * the mesh. Usage: `node examples/list-users.ts [users a second]`, default 1,000.
 */
await runExample(async (mesh) => {
  const clients = await createClients(mesh.address, mesh.access);
  const users = clients.client(UserServiceContract);
  const seen = new Set<string>();
  let read = 0;

  const afterUser = declaredCursor(UserServiceContract.methods.listUsers);
  // With `resumable(users.listUsers, afterUser)` nobody would notice.
  const listUsers = resumable((request: Partial<ListUsersRequest>, options) => {
    if (request.afterId) console.log(`cut off after ${read} users: continues after ${request.afterId}`);
    return users.listUsers(request, options);
  }, afterUser);

  const startMs = performance.now();
  try {
    for await (const { id } of listUsers({})) {
      read += 1;
      seen.add(id);
      if (read % perSecond === 0) console.log(`read ${read} users`);
      const aheadMs = (read / perSecond) * 1_000 - (performance.now() - startMs);
      if (aheadMs > 100) await delay(aheadMs);
    }
  } finally {
    clients.close();
  }
  console.log(`read ${read} users, ${read - seen.size} of them twice`);
  return read === seen.size;
});
