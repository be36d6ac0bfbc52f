import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HealthCheckRequest } from '#gen/grpc/health/v1/health.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { CreateUserRequest, ListUsersRequest } from '#gen/user/v1/user.ts';
import { engineNames } from '../../mesh/engines/engines.ts';
import { Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { ghz } from '../../mesh/testing/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { mustRun } from '../conformance/support/run-tool.ts';
import { type StartedProcess, startProcess } from '../support/start-process.ts';
import { call, data, forStreams, headers, message, requestBlock, reset } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const mib = 1024 * 1024;
const userCount = 20_000;
const mostGrownBytes = 100 * mib;
// How long a health check may take meanwhile, in what the server computes. The library needs over 0.1 ms to make and end a
// stream, and does it for all that come in one write before it looks at another connection.
const slowestHealthMs = { native: 100, 'grpc-js': 400 } as const;
const listUsers = ListUsersRequest.encode(ListUsersRequest.fromPartial({ limit: 2_000 })).finish();
const anyHealth = HealthCheckRequest.encode(HealthCheckRequest.fromPartial({})).finish();

function createUser(id: string): Uint8Array {
  const user = { id, name: id, email: `${id}@example.com` };
  return CreateUserRequest.encode(CreateUserRequest.fromPartial({ requestId: randomUUID(), user })).finish();
}

// Tried again where neighbours had the caches of the machine.
describe.each(engineNames)('calls that nobody waits for, on %s', { retry: 2 }, (engine) => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let mesh: StartedProcess;
  let port: number;

  async function* drafts() {
    for (let index = 0; index < userCount; index += 1) {
      yield { user: { id: `u${index}`, name: `User ${index}`, email: `u${index}@example.com` } };
    }
  }

  beforeAll(async () => {
    folder = await tempFolder();
    const environment = { GRPC_ENGINE: engine, LOG_LEVEL: 'fatal' };
    mesh = await startProcess({ dataDir: folder.path, args: ['user'], environment });
    port = Number(mesh.address.split(':').at(-1));
    await mesh.client(UserServiceContract).importUsers(drafts());
  }, 60_000);

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function rssBytes(): Promise<number> {
    const status = await readFile(`/proc/${mesh.child.pid}/status`, 'utf8');
    return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  }

  /** What the server's thread has computed, in milliseconds: unlike time, it does not pass while neighbours have the machine. */
  async function computedMs(): Promise<number> {
    const { pid } = mesh.child;
    return Number((await readFile(`/proc/${pid}/task/${pid}/schedstat`, 'utf8')).split(' ')[0]) / 1e6;
  }

  /** Checks the health over another connection again and again during `flood` and a second after it. */
  async function beside(flood: () => Promise<void>) {
    using prober = await RawPeer.connect(port);
    const rssBefore = await rssBytes();
    let slowestMs = 0;
    let rssMost = 0;
    let endMs = Number.POSITIVE_INFINITY;
    const probing = (async () => {
      for (let id = 1; performance.now() < endMs; id += 2) {
        const beganMs = await computedMs();
        await prober.send(call(id, '/grpc.health.v1.Health/Check', anyHealth));
        await prober.until(() => prober.of(FrameType.HEADERS, id).some(({ flags }) => (flags & Flag.END_STREAM) !== 0));
        slowestMs = Math.max(slowestMs, (await computedMs()) - beganMs);
        rssMost = Math.max(rssMost, await rssBytes());
        await delay(2);
      }
    })();
    await flood();
    endMs = performance.now() + 1_000;
    await probing;
    return { slowestMs, grownBytes: rssMost - rssBefore };
  }

  it('of lists, 900 of them cancelled in the write that makes them, cost neither time nor memory', async () => {
    const frames = forStreams(900, (id) =>
      Buffer.concat([call(id, '/user.v1.UserService/ListUsers', listUsers), reset(id)]),
    );
    const { slowestMs, grownBytes } = await beside(async () => {
      using peer = await RawPeer.connect(port);
      await peer.send(frames);
      expect(await peer.isServed()).toBe(true);
    });
    expect(slowestMs).toBeLessThan(slowestHealthMs[engine]);
    expect(grownBytes).toBeLessThan(mostGrownBytes);
  });

  it('of lists, 900 of them cancelled in the write behind the one that makes them, cost neither time nor memory', async () => {
    const frames = forStreams(900, (id) => call(id, '/user.v1.UserService/ListUsers', listUsers));
    const { slowestMs, grownBytes } = await beside(async () => {
      using peer = await RawPeer.connect(port);
      await peer.send(frames);
      await peer.send(forStreams(900, (id) => reset(id)));
      expect(await peer.isServed()).toBe(true);
    });
    expect(slowestMs).toBeLessThan(slowestHealthMs[engine]);
    expect(grownBytes).toBeLessThan(mostGrownBytes);
  });

  it('of CreateUser, 1,900 of them, make hardly any user', async () => {
    const tag = randomUUID().slice(0, 8);
    const ids = Array.from({ length: 1_900 }, (_, index) => `${tag}-${index}`);
    const { slowestMs } = await beside(async () => {
      using peer = await RawPeer.connect(port);
      const calls = ids.map((id, index) => {
        const streamId = 1 + 2 * index;
        return Buffer.concat([call(streamId, '/user.v1.UserService/CreateUser', createUser(id)), reset(streamId)]);
      });
      await peer.send(...calls);
      expect(await peer.isServed()).toBe(true);
    });
    let made = 0;
    for (let at = 0; at < ids.length; at += 100) {
      made += (await mesh.client(UserServiceContract).batchGetUsers({ ids: ids.slice(at, at + 100) })).users.length;
    }
    expect(made).toBeLessThan(20);
    expect(slowestMs).toBeLessThan(slowestHealthMs[engine]);
  });

  // grpc-js decompresses what comes before it asks anyone.
  it.runIf(engine === 'native')('of messages that decompress to 4 MiB, 200 of them, are not decompressed', async () => {
    const bomb = message(gzipSync(Buffer.alloc(4 * mib - 1)), undefined, 1);
    const block = requestBlock('/user.v1.UserService/BatchGetUsers', 'grpc-encoding', 'gzip');
    const frames = forStreams(200, (id) =>
      Buffer.concat([headers(id, block), data(id, bomb, Flag.END_STREAM), reset(id)]),
    );
    const { slowestMs } = await beside(async () => {
      using peer = await RawPeer.connect(port);
      await peer.send(frames);
      expect(await peer.isServed()).toBe(true);
    });
    expect(slowestMs).toBeLessThan(slowestHealthMs[engine]);
  });

  describeWithServer(ghz, 'of ghz', () => {
    it('with a timeout of 1 ms cost neither time nor memory', async () => {
      const { slowestMs, grownBytes } = await beside(async () => {
        const target = ['--insecure', '--call', 'user.v1.UserService/ListUsers', `127.0.0.1:${port}`];
        await mustRun([ghz.path, '--timeout', '1ms', '-c', '10', '-n', '2000', ...target]);
      });
      expect(slowestMs).toBeLessThan(slowestHealthMs[engine]);
      expect(grownBytes).toBeLessThan(mostGrownBytes);
    });
  });
});
