import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { User } from '#gen/user/v1/user.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { send } from './support/http.ts';
import { untilAborted } from './support/listing.ts';
import { userServiceWith } from './support/user-service.ts';

/** The breaker opens after 20 failures. */
const attempts = 30;

/** A mesh in which the user `large` is larger than a message may be, a listing is silent, and no answer comes at once. */
async function startUsers() {
  const users = userServiceWith({
    async getUser({ id }) {
      await sleep(30);
      return User.fromPartial({ id, name: id === 'large' ? 'x'.repeat(5 * 1024 * 1024) : 'Ada' });
    },
    // biome-ignore lint/correctness/useYield: it is silent.
    async *listUsers({ role }, { signal }) {
      if (role === '') await untilAborted(signal);
    },
  });
  const mesh = await startMesh([users, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
  onTestFinished(() => mesh.stop());
  return (path: string, timeout?: string) =>
    send(mesh.httpAddress ?? '', 'GET', path, { headers: timeout === undefined ? {} : { 'request-timeout': timeout } });
}

it.each([
  ['has no time for a call', '/api/users/ada', '0.004', 504, '/api/users/ada'],
  ['has no time for a stream', '/api/users', '0.02', 504, '/api/users?role=none'],
  ['asks for answers that are too large', '/api/users/large', undefined, 500, '/api/users/ada'],
])('a caller that %s does not keep others from the service', async (_, path, timeout, status, others) => {
  const get = await startUsers();
  for (let attempt = 0; attempt < attempts; attempt++) {
    expect(await get(path, timeout)).toMatchObject({ status });
  }
  expect(await get(others)).toMatchObject({ status: 200 });
});
