import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { answerJson, badAnswers, type ReceivedRequest } from '../testing/registry-server.ts';
import { startConsul } from './testing/start-consul.ts';

const self = {
  services: ['user', 'order'],
  address: '127.0.0.1:50051',
  instance: 'a1',
  version: '1.2.3',
};

describe('registration with Consul', () => {
  it('enters each service with a check of the health of the process, and takes them out', async () => {
    const { consul, discovery, warnings } = await startConsul();
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
        Status: 'passing',
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
    const { consul, discovery, warnings } = await startConsul();
    consul.members.push({ Name: 'b' });
    discovery.register?.({ ...self, isAtAllAddresses: true });
    await eventually(() => expect(consul.registered.size).toBe(2));
    expect(consul.registered.get('user-a1')).toMatchObject({ Address: '', Port: 50051 });
    expect(consul.registered.get('user-a1')).toMatchObject({ Check: { GRPC: '127.0.0.1:50051' } });
    expect(warnings()).toEqual([]);
  });

  it('warns of an address that the other machines of the cluster cannot reach', async () => {
    const { consul, discovery, warnings } = await startConsul();
    consul.members.push({ Name: 'b' });
    discovery.register?.(self);
    await eventually(() => expect(consul.registered.size).toBe(2));
    expect(warnings()).toEqual([expect.stringContaining('set GRPC_ADVERTISE=<host>:<port>')]);
  });

  it('leaves no entry if it leaves while the agent is writing it', async () => {
    const { consul, discovery, warnings } = await startConsul();
    let writing = 0;
    consul.answerWith(async ({ method, path, body, response }) => {
      const id = (body as { readonly ID?: string } | undefined)?.ID;
      if (path === '/v1/agent/members') return answerJson({ response } as ReceivedRequest, []);
      if (method === 'PUT' && id !== undefined) {
        writing += 1;
        await setTimeout(100);
        writing -= 1;
        consul.registered.set(id, {});
      } else consul.registered.delete(path.slice(path.lastIndexOf('/') + 1));
      response.writeHead(200).end();
    });
    const registration = discovery.register?.(self);
    await eventually(() => expect(consul.requests.some(({ body }) => body !== undefined)).toBe(true));
    await registration?.leave(1_000);
    await eventually(() => expect(writing).toBe(0));
    expect(consul.registered.size).toBe(0);
    expect(warnings()).toEqual([]);
  });

  it('logs a refused entry as an invalid answer if the token is accepted', async () => {
    const { consul, discovery, warnings } = await startConsul();
    consul.answerWith(({ response }) => void response.writeHead(400).end());
    discovery.register?.(self);
    await eventually(() => expect(warnings()).toEqual(['REGISTRY_ANSWER_INVALID']));
  });

  it('enters them again when the agent has forgotten them', async () => {
    const { consul, discovery } = await startConsul();
    discovery.register?.(self);
    await eventually(() => expect(consul.registered.size).toBe(2));
    consul.registered.clear();
    await eventually(() => expect(consul.registered.size).toBe(2));
  });

  it('waits for an agent that is away, and leaves in time if it stays away', async () => {
    const { consul, discovery, warnings } = await startConsul();
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
