import { readFile } from 'node:fs/promises';
import type { ClientHttp2Session } from 'node:http2';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createFileRegistry, type DescMethod, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { processSettings } from '../../mesh/config/process-settings.ts';
import { declaredPolicy } from '../../mesh/contract/policy/policy.ts';
import { requestIdOf } from '../../mesh/engines/request-id.ts';
import { maxStatusBytes } from '../../mesh/errors/wire-status.ts';
import { fixedLimits, type Load } from '../../mesh/server/policies/admission/policy.ts';
import { rawCall, rawConnection } from '../../mesh/server/testing/raw-call.ts';
import { engineNameOfRun } from '../../mesh/testing/engine-of-run.ts';
import { grpcFrame } from '../../mesh/testing/grpc-frame.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { definedReasons } from '../../scripts/support/error-tables.ts';
import { allServices } from '../../services/all.ts';
import { bookOrder, shopOf } from '../support/shop.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = await readFile(join(root, 'docs/contracts.md'), 'utf8');
const descriptors = await readFile(join(root, 'gen/descriptors.binpb'));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
const methods = [...registry]
  .filter((type) => type.kind === 'service')
  .filter(({ typeName }) => !typeName.startsWith('grpc.'))
  .flatMap((service) => service.methods);

const units: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 * 1024,
  s: 1_000,
  min: 60_000,
  days: 24 * 3_600_000,
};

/** The cells of the row that begins with `first`. */
function row(first: string): string[] {
  const line = page.split('\n').find((candidate) => candidate.startsWith(`| ${first} `));
  if (line === undefined) throw new Error(`docs/contracts.md has no row "${first}"`);
  return line.split('|').map((cell) => cell.trim());
}

/** The limit in a row of the page: a number, bytes or milliseconds. */
function limit(first: string): number {
  const [, number = '', unit = ''] = /^([\d,]+) ?(\w*)/.exec(row(first)[2] ?? '') ?? [];
  return Number(number.replaceAll(',', '')) * (units[unit] ?? 1);
}

describe('a limit in docs/contracts.md', () => {
  const getUser = '/user.v1.UserService/GetUser';
  let mesh: TestMesh;
  let session: ClientHttp2Session;
  beforeAll(async () => {
    mesh = await startMesh(allServices);
    session = await rawConnection(mesh.address);
  });
  afterAll(async () => {
    session.close();
    await mesh.stop();
  });

  it('is the size of a request message', async () => {
    const sized = (bytes: number) => grpcFrame(Buffer.alloc(bytes));
    const max = limit('request message');
    expect((await rawCall(session, getUser, sized(max))).status).toBe(Status.INVALID_ARGUMENT);
    expect((await rawCall(session, getUser, sized(max + 1))).status).toBe(Status.RESOURCE_EXHAUSTED);
  });

  it('is the size of the metadata of a request', async () => {
    const sent = {
      ':method': 'POST',
      ':path': getUser,
      ':scheme': 'http',
      ':authority': mesh.address,
      'content-type': 'application/grpc',
      te: 'trailers',
      padding: '',
    };
    const bytes = Object.entries(sent).reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    const padded = (size: number) =>
      rawCall(session, getUser, grpcFrame(Buffer.from('\n\x03ada')), { padding: 'a'.repeat(size - bytes) });
    const max = limit('request metadata');
    // grpc-js counts the request id, which it adds.
    const more = engineNameOfRun === 'native' ? 0 : 'x-request-id'.length + 36 + 32;
    expect(await padded(max - more)).toMatchObject({ status: Status.NOT_FOUND });
    expect(await padded(max + 1)).toMatchObject({ details: { reason: 'METADATA_TOO_LARGE' } });
  });

  it('is the size of an error', () => {
    expect(limit('error: text, details and metadata')).toBe(maxStatusBytes);
  });

  it('is the size of an event', async () => {
    await mesh.runtime.events.ensureTopic('page');
    const client = mesh.runtime.client(EventServiceContract);
    const publish = (bytes: number) => {
      const value = { $case: 'payload', value: Buffer.alloc(bytes) } as const;
      return client.publish({ topic: 'page', key: 'k', type: 'SIZED', value });
    };
    const max = limit('event of Publish');
    await expect(publish(max)).resolves.toMatchObject({ offset: 0n });
    await expect(publish(max + 1)).rejects.toMatchObject({ reason: 'EVENT_TOO_LARGE' });
  });

  it('is the number of ids in a batch, and of items in an order', async () => {
    const { users, inventory, orders } = shopOf(mesh.runtime);
    const list = (count: number) => Array.from({ length: count }, (_, index) => `id-${index}`);
    const ids = limit('ids of a batch');
    await expect(users.batchGetUsers({ ids: list(ids) })).resolves.toMatchObject({ users: [] });
    await expect(users.batchGetUsers({ ids: list(ids + 1) })).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
    await expect(inventory.batchGetItems({ skus: list(ids + 1) })).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
    const ordered = (count: number) => {
      const items = list(count).map((sku) => ({ sku, quantity: 1, unitPrice: undefined }));
      return orders.placeOrder({ ...bookOrder(), items });
    };
    const items = limit('items of an order');
    await expect(ordered(items)).rejects.toMatchObject({ reason: 'UNKNOWN_USER' });
    await expect(ordered(items + 1)).rejects.toMatchObject({ violations: [{ field: 'items' }] });
  });

  it('is the number of streams of a connection', () => {
    expect(session.remoteSettings.maxConcurrentStreams).toBe(limit('streams of a connection'));
  });
});

describe('docs/contracts.md', () => {
  it('has the limits of a request id', () => {
    const longest = 'a'.repeat(limit('`x-request-id`'));
    expect(requestIdOf(longest)).toBe(longest);
    expect(requestIdOf(`${longest}a`)).not.toContain(longest);
  });

  it('has the limits of admission', () => {
    const none: Load = { working: 0, waiting: 0, waitingBytes: 0, streams: 0 };
    const policy = fixedLimits();
    const allows = (first: string, ask: (count: number) => boolean) => {
      expect([ask(limit(first) - 1), ask(limit(first))], first).toEqual([true, false]);
    };
    allows('running calls of a service', (working) => policy.hasSlot({ ...none, working }));
    allows('running calls of a service and connection', (working) => policy.hasSlotFor({ ...none, working }));
    allows('waiting calls of a service', (waiting) => policy.mayWait({ ...none, waiting }, none));
    allows('streaming calls of a service', (streams) => policy.mayStream({ ...none, streams }, none));
  });

  it('has the defaults of the settings that it names', () => {
    expect(limit('memory of a `request_id`')).toBe(Number(processSettings.requestIdsRetentionMs.default));
    expect(limit('pings during calls, at most one in')).toBe(Number(processSettings.grpcMinPingIntervalMs.default));
  });

  it('has the deadline of each method that sets none', () => {
    const [, , standard = '', others = ''] = row('deadline of a unary call, if it sets none');
    const timeout = (method: DescMethod) => Number(declaredPolicy(method, registry).timeout?.seconds ?? 0n);
    for (const method of methods) {
      const seconds = timeout(method);
      if (method.methodKind !== 'unary') expect(seconds, method.name).toBe(0);
      else if (`${seconds} s` !== standard)
        expect(others).toMatch(new RegExp(`${seconds} s for [\\w ]*${method.name}`));
    }
    const named = methods.filter(({ name }) => others.includes(name));
    expect(named).toHaveLength(4);
    for (const method of named) expect(`${timeout(method)} s`).not.toBe(standard);
  });

  it('names the changes without a request_id', () => {
    const without = methods.filter((method) => declaredPolicy(method, registry).noRequestIdReason !== '');
    const [, , text = ''] = row('`request_id`');
    expect(without.length).toBeGreaterThan(0);
    expect(text.match(/(\w+), (\w+) and (\w+) have none/)?.slice(1)).toEqual(
      expect.arrayContaining(without.map(({ name }) => name)),
    );
  });

  it('names the fields with which listings resume', () => {
    const fields = methods
      .filter(({ name }) => name.startsWith('List'))
      .flatMap(({ input }) => input.fields.map(({ name }) => name))
      .filter((name) => name.startsWith('after_'));
    const named = (row('a cut listing')[2] ?? '').match(/after_\w+/g) ?? [];
    expect(named.toSorted()).toEqual([...new Set(fields)].toSorted());
  });

  it('names only reasons that exist', async () => {
    const known = new Set((await definedReasons()).map(({ reason }) => reason));
    const named = [...page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name = '']) => name);
    const settings = Object.values(processSettings).map(({ variable }) => variable);
    const other = ['NO_SIDE_EFFECTS', ...settings];
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !known.has(name) && !other.includes(name))).toEqual([]);
  });
});
