import { once } from 'node:events';
import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { send } from './support/http.ts';
import { get, listing, open, startListing, untilAborted } from './support/listing.ts';
import { userClient } from './support/rpc-clients.ts';

const fail = () => Promise.reject(new MeshError(Status.DATA_LOSS, 'PARTITION_UNREADABLE', 'the rest is lost'));

/** Returns how many requests to the user service ended with each status and code, from `200 OK` to how many. */
async function outcomesOf({ runtime: { metrics } }: Awaited<ReturnType<typeof startListing>>) {
  const { text } = await metrics.scrape();
  const found = text.matchAll(
    /^ordermesh_http_requests_total\{service="user.v1.UserService",status="(\d+)",code="(\w+)"\} (\d+)$/gm,
  );
  return Object.fromEntries([...found].map(([, status, code, count]) => [`${status} ${code}`, Number(count)]));
}

type Address = string;

it.each([
  ['JSON lines that fail', '200 DATA_LOSS', (to: Address) => get(to, '/api/users', { accept: 'application/x-ndjson' })],
  [
    'server-sent events that fail',
    '200 DATA_LOSS',
    (to: Address) => get(to, '/api/users', { accept: 'text/event-stream' }),
  ],
  ['a JSON array that is cut off', '500 DATA_LOSS', (to: Address) => get(to, '/api/users')],
  [
    'a stream over Connect that fails',
    '200 DATA_LOSS',
    (to: Address) => Array.fromAsync(userClient(to, 'Connect with JSON').listUsers({})),
  ],
  [
    'a stream over gRPC-Web that fails',
    '200 DATA_LOSS',
    (to: Address) => Array.fromAsync(userClient(to, 'gRPC-Web').listUsers({})),
  ],
  [
    'a call over gRPC-Web that fails',
    '200 INVALID_ARGUMENT',
    (to: Address) => userClient(to, 'gRPC-Web').getUser({ id: '' }),
  ],
  [
    'a call over Connect that fails',
    '400 INVALID_ARGUMENT',
    (to: Address) => userClient(to, 'Connect with JSON').getUser({ id: '' }),
  ],
  ['a call over REST that fails', '400 INVALID_ARGUMENT', (to: Address) => send(to, 'GET', '/api/users/-')],
])('counts %s as %s', async (_, outcome, request) => {
  const mesh = await startListing(listing(2, fail));
  // Some clients reject, others return the problem.
  await Promise.allSettled([request(mesh.address)]);
  await eventually(async () => expect(await outcomesOf(mesh)).toEqual({ [outcome]: 1 }));
});

it('counts a client that leaves as 499', async () => {
  const mesh = await startListing(listing(1, untilAborted));
  const response = await open(mesh.address, '/api/users', { accept: 'application/x-ndjson' });
  await once(response, 'data');
  response.destroy();
  await eventually(async () => expect(await outcomesOf(mesh)).toEqual({ '499 CANCELLED': 1 }));
});
