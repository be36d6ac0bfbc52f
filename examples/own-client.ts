import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { createClients, declaredCursor, resumable } from '#mesh';
import { readAccess } from './support/access.ts';
import { describeFailure, requireAddress } from './support/failures.ts';

// A program of one's own: everything that a client can do, with the mesh at ADDRESS. Usage: `node examples/own-client.ts <user>`.
const [userId = 'ada'] = process.argv.slice(2);
const address = process.env.ADDRESS || '127.0.0.1:50051';

await showUsers().catch((error) => {
  // The exit codes are those of docs/operating.md: 4 if the mesh refuses a call, such as with NOT_FOUND.
  const { text, code } = describeFailure(error, address);
  console.error(text);
  process.exitCode = code;
});

async function showUsers() {
  requireAddress(address);
  // TLS and a token, if the mesh asks for them: see docs/security.md.
  const clients = await createClients(address, readAccess(process.env, address));
  const users = clients.client(UserServiceContract, {
    retry: { maxAttempts: 5 },
    breaker: { resetTimeoutMs: 1_000 },
    fallback: { getUser: {} },
  });
  try {
    const { value, fromCache, asOf } = await users.getUser({ id: userId }, { deadline: Date.now() + 3_000 });
    if (value) console.log(`${value.id} is ${value.name}${fromCache ? `, as of ${asOf.toISOString()}` : ''}`);
    else console.log(`${userId} is unknown: the user service is not available`);

    const listUsers = resumable(users.listUsers, declaredCursor(UserServiceContract.methods.listUsers));
    for await (const user of listUsers({ limit: 10 })) console.log(user.id);
  } finally {
    clients.close();
  }
}
