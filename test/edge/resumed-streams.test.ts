import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { type FaultProxy, startFaultProxy } from '../../mesh/testing/servers/fault-proxy.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { bridgeService } from '../../services/bridge/service.ts';
import { edgeService } from '../../services/edge/service.ts';
import { userService } from '../../services/user/service.ts';

const topic = 'resumed.events';
const partitions = 3;

/** An event as it was received. */
interface ReceivedEvent {
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests state what is in it.
  readonly data: any;
}

let mesh: TestMesh;
let proxy: FaultProxy;

beforeAll(async () => {
  mesh = await startMesh([userService, bridgeService, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
  await mesh.runtime.events.ensureTopic(topic, { partitions });
  proxy = await startFaultProxy(Number(mesh.httpAddress?.split(':')[1]));
});

afterAll(async () => {
  await proxy.close();
  await mesh.stop();
});

/** Reads what one connection brings of a stream, as a browser does. */
async function connect(
  path: string,
  lastEventId: string,
  isEnough: (events: readonly ReceivedEvent[], id: string) => boolean,
) {
  const events: ReceivedEvent[] = [];
  let [id, text, hasEnded] = [lastEventId, '', false];
  const headers = { accept: 'text/event-stream', ...(lastEventId !== '' && { 'last-event-id': lastEventId }) };
  const leaving = new AbortController();
  try {
    const response = await fetch(`http://127.0.0.1:${proxy.port}${path}`, { headers, signal: leaving.signal });
    expect(response.status).toBe(200);
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]));
        id = fields.get('id') ?? id;
        if (fields.get('event') === 'end') hasEnded = true;
        else if (fields.has('data')) events.push({ id, data: JSON.parse(fields.get('data') ?? '') });
      }
      if (isEnough(events, id)) leaving.abort();
    }
  } catch (error) {
    if (!(error instanceof Error) || !/terminated|aborted|other side/.test(`${error.message} ${error.cause}`))
      throw error;
  }
  return { events, id, hasEnded };
}

/** Reads a stream over as many connections as it takes. Returns its events, and how many connections there were. */
async function readAll(path: string, wanted: number): Promise<{ events: ReceivedEvent[]; connections: number }> {
  const events: ReceivedEvent[] = [];
  let lastEventId = '';
  for (let connections = 1; ; connections += 1) {
    const one = await connect(path, lastEventId, (its) => events.length + its.length >= wanted);
    lastEventId = one.id;
    events.push(...one.events);
    if (one.hasEnded || events.length >= wanted) return { events, connections };
    expect(connections).toBeLessThan(1_000);
  }
}

describe('server-sent events over connections that are cut', () => {
  it('bring each event of a topic once, with any start', async () => {
    const events = mesh.runtime.client(EventServiceContract);
    const publish = (index: number) =>
      events.publish({
        topic,
        key: `key-${index % 20}`,
        type: 'THING_MADE',
        value: { $case: 'json', value: JSON.stringify({ index, padding: 'x'.repeat(500) }) },
      });
    for (let index = 0; index < 20; index += 1) await publish(index);
    const path = `/api/topics/${topic}/events`;

    // Cut off before its first event, and after a few.
    proxy.cutAfterBytes = 1_000;
    const { id } = await connect(path, '', (_, startId) => {
      if (startId !== '') proxy.cut();
      return false;
    });
    expect(id).toMatch(/^0=\d+,1=\d+,2=\d+$/);
    const latest = (async () => {
      const all: ReceivedEvent[] = [];
      for (let lastId = id; all.length < 100; ) {
        const one = await connect(path, lastId, (its) => all.length + its.length >= 100);
        all.push(...one.events);
        lastId = one.id;
      }
      return all;
    })();
    proxy.cutAfterBytes = 4_000;
    for (let index = 20; index < 120; index += 1) await publish(index);

    const fromEnd = await latest;
    const fromBeginning = await readAll(`${path}?start=START_BEGINNING`, 120);
    const indexOf = ({ data }: ReceivedEvent) => JSON.parse(Buffer.from(data.payload, 'base64').toString()).index;
    const inOrder = (a: number, b: number) => a - b;
    expect(fromEnd.map(indexOf).toSorted(inOrder)).toEqual(Array.from({ length: 100 }, (_, index) => index + 20));
    expect(fromBeginning.events.map(indexOf).toSorted(inOrder)).toEqual(
      Array.from({ length: 120 }, (_, index) => index),
    );
    expect(fromBeginning.connections).toBeGreaterThan(10);
    for (const { id, data } of fromBeginning.events) expect(id).toBe(data.position);
    proxy.heal();
  });

  describe('of a listing', () => {
    const ids = Array.from({ length: 200 }, (_, index) => `user-${String(index).padStart(3, '0')}`);

    beforeAll(async () => {
      const users = mesh.runtime.client(UserServiceContract);
      for (const id of ids) await users.createUser({ user: { id, name: id, email: `${id}@example.com` } });
    });

    it.each([
      ['all', '', 200],
      ['as many as the limit', '?limit=150', 150],
    ])('bring %s once', async (_, query, count) => {
      proxy.cutAfterBytes = 5_000;
      const { events, connections } = await readAll(`/api/users${query}`, Number.POSITIVE_INFINITY);
      proxy.heal();
      expect(events.map(({ data }) => data.id)).toEqual(ids.slice(0, count));
      expect(connections).toBeGreaterThan(4);
    });
  });
});
