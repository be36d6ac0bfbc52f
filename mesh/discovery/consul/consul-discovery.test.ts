import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { answerJson, badAnswers } from '../testing/registry-server.ts';
import { watchService } from '../testing/watch-service.ts';
import { startConsul as start } from './testing/start-consul.ts';

/** An entry of a health query. */
const instance = (port: number) => ({ Service: { Address: '10.0.0.1', Port: port } });

/** The answer of a Consul 1.14.11 with two instances. */
const recorded: unknown[] = JSON.parse(
  await readFile(new URL('./testdata/health-1.14.11.json', import.meta.url), 'utf8'),
);

describe('discovery by Consul', () => {
  it('reads what Consul answers', async () => {
    const { consul, discovery, warnings } = await start();
    consul.set('user', recorded);
    const found = watchService(discovery, 'user');
    const instanceAt = (address: string) => ({ address, state: 'ready', version: '1.2.3' });
    await eventually(() => expect(found()).toEqual(['10.0.0.1:50051', '10.0.0.2:50051'].map(instanceAt)));
    expect(warnings()).toEqual([]);
  });

  it('finds the passing instances, and each change when it happens', async () => {
    const { consul, discovery, warnings } = await start();
    consul.set('user', [
      {
        Node: { Address: '10.1.0.1' },
        Service: { Address: '10.0.0.2', Port: 50051, Meta: { version: '1.2.3' } },
      },
      { Node: { Address: '10.1.0.1' }, Service: { Address: '', Port: 50052, Meta: null } },
      { Node: { Address: '10.1.0.1' }, Service: { Address: 'fd00::1', Port: 50053 } },
    ]);
    const found = watchService(discovery, 'user');
    await eventually(() =>
      expect(found()).toEqual([
        { address: '10.0.0.2:50051', state: 'ready', version: '1.2.3' },
        { address: '10.1.0.1:50052', state: 'ready', version: undefined },
        { address: '[fd00::1]:50053', state: 'ready', version: undefined },
      ]),
    );
    expect(discovery.knows('user')).toBe('certain');
    expect(discovery.knows('order')).toBe('possible');
    consul.set('user', [instance(50051)]);
    await eventually(() => expect(found()).toMatchObject([{ address: '10.0.0.1:50051' }]));
    expect(warnings()).toEqual([]);
  });

  it('lists the services that speak gRPC, and keeps the list while the agent is away', async () => {
    const { consul, discovery } = await start();
    consul.set('user', []);
    await eventually(() => expect(discovery.names()).toEqual(['user']));
    consul.answerWith(badAnswers['sends other JSON']);
    consul.hangUp();
    await eventually(() => expect(consul.requests.length).toBeGreaterThan(2));
    expect(discovery.names()).toEqual(['user']);
    consul.answerWith(undefined);
    consul.set('order', []);
    await eventually(() => expect(discovery.names()).toEqual(['user', 'order']));
  });

  it('asks with the index of the last answer, and begins again if that became smaller', async () => {
    const { consul, discovery, indexes } = await start();
    // Both are the same number as a double.
    consul.set('user', [instance(1)], 18446744073709551615n);
    const found = watchService(discovery, 'user');
    await eventually(() => expect(indexes()).toEqual(['0', '18446744073709551615']));
    consul.set('user', [instance(2)], 18446744073709551614n);
    await eventually(() => expect(indexes().slice(2)).toEqual(['0', '18446744073709551614']));
    expect(found()).toMatchObject([{ address: '10.0.0.1:2' }]);
  });

  it('begins again if the agent may have restarted before the next question', async () => {
    const clock = createTestClock();
    const { consul, discovery, indexes } = await start({}, clock);
    consul.answerWith((request) => answerJson(request, [instance(1)], { headers: { 'x-consul-index': '7' } }));
    const found = watchService(discovery, 'user');
    await eventually(() => {
      clock.advance(0);
      expect(clock.pendingMs()).toEqual([1_000]);
    });
    consul.hangUp();
    consul.answerWith(undefined);
    consul.set('user', [instance(2)], 3n);
    // By its answer, the connection of the discovery has ended as well.
    await fetch(`http://${consul.address}/v1/agent/members`);
    const asked = indexes().length;
    await eventually(() => {
      clock.advance(1_000);
      expect(indexes().length).toBeGreaterThan(asked);
    });
    expect(indexes()[asked]).toBe('0');
    await eventually(() => expect(found()).toMatchObject([{ address: '10.0.0.1:2' }]));
  });

  it('keeps its index if the connection of another question ends', async () => {
    const { consul, discovery } = await start();
    const asked = (service: string) =>
      consul.requests
        .filter(({ path }) => path.endsWith(`/${service}`))
        .map(({ query, response }) => ({ index: query.get('index'), isOpen: !response.destroyed }));
    consul.set('user', [instance(1)], 3n);
    watchService(discovery, 'user');
    const endWatch = discovery.watch('order', () => undefined);
    await eventually(() => expect([asked('user').length, asked('order').length]).toEqual([2, 2]));
    endWatch();
    await eventually(() => expect(asked('order').some(({ isOpen }) => isOpen)).toBe(false));
    consul.set('user', [instance(2)], 4n);
    await eventually(() => expect(asked('user').map(({ index }) => index)).toEqual(['0', '3', '4']));
  });

  it('takes the index 0 as 1, which blocks', async () => {
    const { consul, discovery, indexes } = await start();
    consul.answerWith((request) => answerJson(request, [], { headers: { 'x-consul-index': '0' } }));
    watchService(discovery, 'user');
    await eventually(() => expect(indexes().slice(0, 2)).toEqual(['0', '1']));
  });

  it('asks an agent that does not block ten times, then once a second', async () => {
    const clock = createTestClock();
    const { consul, discovery, indexes } = await start({}, clock);
    consul.answerWith((request) => answerJson(request, [instance(1)], { headers: { 'x-consul-index': '7' } }));
    watchService(discovery, 'user');
    for (const questions of [10, 11, 12]) {
      await eventually(() => {
        clock.advance(0);
        expect(clock.pendingMs()).toEqual([1_000]);
      });
      clock.advance(999);
      expect(indexes()).toHaveLength(questions);
      clock.advance(1);
    }
  });

  it('asks an agent whose answers and errors alternate as rarely', async () => {
    const clock = createTestClock();
    const { consul, discovery, indexes } = await start({}, clock);
    let isError = false;
    consul.answerWith((request) => {
      isError = !isError;
      if (isError) request.response.writeHead(500).end();
      else answerJson(request, [instance(1)], { headers: { 'x-consul-index': '7' } });
    });
    watchService(discovery, 'user');
    for (let waits = 0; waits < 40; waits += 1)
      clock.advance((await eventually(() => clock.pendingMs()[0] ?? expect.fail())) ?? 0);
    expect(indexes().length).toBeGreaterThan(20);
    expect(clock.elapsedMs()).toBeGreaterThanOrEqual((indexes().length - 11) * 1_000);
  });

  it('asks in its datacenter, with the token in its file', async () => {
    await using folder = await tempFolder();
    const tokenFile = join(folder.path, 'token');
    await writeFile(tokenFile, 'secret\n');
    const { consul, discovery } = await start({ datacenter: 'north', tokenFile });
    watchService(discovery, 'user');
    await eventually(() => expect(consul.requests.length).toBeGreaterThan(0));
    expect(consul.requests[0]?.query.get('dc')).toBe('north');
    expect(consul.requests[0]?.headers['x-consul-token']).toBe('secret');
  });

  it.each(Object.keys(badAnswers))(
    'keeps the instances while the agent %s, logs that once, and continues afterwards',
    async (bad) => {
      const { consul, discovery, warnings } = await start();
      consul.set('user', [instance(1)]);
      const found = watchService(discovery, 'user');
      await eventually(() => expect(found()).toHaveLength(1));
      consul.answerWith(badAnswers[bad]);
      consul.hangUp();
      const asked = consul.requests.length;
      await eventually(() => expect(consul.requests.length).toBeGreaterThanOrEqual(asked + 1));
      expect(found()).toMatchObject([{ address: '10.0.0.1:1' }]);
      consul.answerWith(undefined);
      consul.set('user', [instance(2)]);
      await eventually(() => expect(found()).toMatchObject([{ address: '10.0.0.1:2' }]));
      expect(new Set(warnings()).size).toBe(warnings().length);
    },
  );
});
