import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ConsulUrl } from '../../config/discovery-url.ts';
import { eventually } from '../../testing/eventually.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { answerJson, badAnswers, type ReceivedRequest } from '../testing/registry-server.ts';
import { testParts, watchService } from '../testing/watch-service.ts';
import { createConsulDiscovery } from './consul-discovery.ts';
import { startFakeConsul } from './testing/fake-consul.ts';

const self = {
  services: ['user', 'order'],
  address: '127.0.0.1:50051',
  instance: 'a1',
  version: '1.2.3',
};

/** An entry of a health query. */
const instance = (port: number) => ({ Service: { Address: '10.0.0.1', Port: port } });

async function start(options: Partial<ConsulUrl> = {}) {
  const consul = await startFakeConsul();
  const { parts, warnings } = testParts();
  const url = {
    scheme: 'consul',
    agent: consul.address,
    tls: undefined,
    datacenter: undefined,
    tokenFile: undefined,
    ...options,
  } as const;
  const discovery = createConsulDiscovery(url, parts);
  onTestFinished(async () => {
    await discovery.close();
    await consul[Symbol.asyncDispose]();
  });
  const indexes = () => consul.requests.map(({ query }) => query.get('index'));
  return { consul, discovery, warnings, indexes };
}

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

  it('takes the index 0 as 1, which blocks', async () => {
    const { consul, discovery, indexes } = await start();
    consul.answerWith((request) => answerJson(request, [], { headers: { 'x-consul-index': '0' } }));
    watchService(discovery, 'user');
    await eventually(() => expect(indexes().slice(0, 2)).toEqual(['0', '1']));
  });

  it('asks an agent that does not block ten times, then once a second', async () => {
    const { consul, discovery, indexes } = await start();
    consul.answerWith((request) => answerJson(request, [instance(1)], { headers: { 'x-consul-index': '7' } }));
    watchService(discovery, 'user');
    await eventually(() => expect(indexes()).toHaveLength(10));
    await setTimeout(1_200);
    expect(indexes().length).toBeGreaterThanOrEqual(11);
    expect(indexes().length).toBeLessThanOrEqual(12);
  });

  it('asks an agent whose answers and errors alternate as rarely', async () => {
    const { consul, discovery, indexes } = await start();
    let isError = false;
    consul.answerWith((request) => {
      isError = !isError;
      if (isError) request.response.writeHead(500).end();
      else answerJson(request, [instance(1)], { headers: { 'x-consul-index': '7' } });
    });
    watchService(discovery, 'user');
    await eventually(() => expect(indexes().length).toBeGreaterThanOrEqual(10));
    await setTimeout(1_200);
    expect(indexes().length).toBeLessThanOrEqual(14);
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
    'keeps the instances while the agent %s, logs that once, and goes on after',
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

describe('registration with Consul', () => {
  it('enters each service with a check of the health of the process, and takes them out', async () => {
    const { consul, discovery, warnings } = await start();
    const registration = discovery.register?.(self);
    await eventually(() => expect([...consul.registered.keys()]).toEqual(['user-a1', 'order-a1']));
    expect(consul.registered.get('user-a1')).toEqual({
      ID: 'user-a1',
      Name: 'user',
      Address: '127.0.0.1',
      Port: 50051,
      Tags: ['grpc'],
      Meta: { version: '1.2.3' },
      Check: {
        CheckID: 'user-a1-health',
        Name: 'gRPC health',
        GRPC: '127.0.0.1:50051',
        Interval: '1s',
        Timeout: '1s',
        DeregisterCriticalServiceAfter: '1m',
      },
    });
    await registration?.leave(1_000);
    expect(consul.registered.size).toBe(0);
    expect(warnings()).toEqual([]);
  });

  it('enters a process that listens at all addresses of its machine at the address of the node', async () => {
    const { consul, discovery, warnings } = await start();
    consul.members.push({ Name: 'b' });
    discovery.register?.({ ...self, isAtAllAddresses: true });
    await eventually(() => expect(consul.registered.size).toBe(2));
    expect(consul.registered.get('user-a1')).toMatchObject({ Address: '', Port: 50051 });
    expect(consul.registered.get('user-a1')).toMatchObject({ Check: { GRPC: '127.0.0.1:50051' } });
    expect(warnings()).toEqual([]);
  });

  it('warns of an address that the other machines of the cluster cannot reach', async () => {
    const { consul, discovery, warnings } = await start();
    consul.members.push({ Name: 'b' });
    discovery.register?.(self);
    await eventually(() => expect(consul.registered.size).toBe(2));
    expect(warnings()).toEqual([expect.stringContaining('set GRPC_ADVERTISE=<host>:<port>')]);
  });

  it('leaves no entry if it leaves while the agent is writing it', async () => {
    const { consul, discovery, warnings } = await start();
    consul.answerWith(async ({ method, path, body, response }) => {
      const id = (body as { readonly ID?: string } | undefined)?.ID;
      if (path === '/v1/agent/members') return answerJson({ response } as ReceivedRequest, []);
      if (method === 'PUT' && id !== undefined) {
        await setTimeout(100);
        consul.registered.set(id, {});
      } else consul.registered.delete(path.slice(path.lastIndexOf('/') + 1));
      response.writeHead(200).end();
    });
    const registration = discovery.register?.(self);
    await eventually(() => expect(consul.requests.some(({ body }) => body !== undefined)).toBe(true));
    await registration?.leave(1_000);
    await setTimeout(200);
    expect(consul.registered.size).toBe(0);
    expect(warnings()).toEqual([]);
  });

  it('logs a refused entry as an invalid answer if the token is accepted', async () => {
    const { consul, discovery, warnings } = await start();
    consul.answerWith(({ response }) => void response.writeHead(400).end());
    discovery.register?.(self);
    await eventually(() => expect(warnings()).toEqual(['REGISTRY_ANSWER_INVALID']));
  });

  it('enters them again when the agent has forgotten them', async () => {
    const { consul, discovery } = await start();
    discovery.register?.(self);
    await eventually(() => expect(consul.registered.size).toBe(2));
    consul.registered.clear();
    await eventually(() => expect(consul.registered.size).toBe(2));
  });

  it('waits for an agent that is away, and leaves in time if it stays away', async () => {
    const { consul, discovery, warnings } = await start();
    consul.answerWith(badAnswers['answers 500']);
    const registration = discovery.register?.(self);
    await eventually(() => expect(consul.requests.length).toBeGreaterThan(1));
    consul.answerWith(undefined);
    await eventually(() => expect(consul.registered.size).toBe(2));
    expect(warnings()).toEqual(['REGISTRY_UNAVAILABLE']);
    consul.answerWith(() => undefined);
    const startMs = performance.now();
    await registration?.leave(200);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});
