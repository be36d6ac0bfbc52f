import { Metadata, Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { identityKeys } from '../security/identity/identity-metadata.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import { eventually } from '../testing/eventually.ts';
import { createTestClock } from '../testing/test-clock.ts';
import type { MeshCallContext } from './call-context.ts';
import type { EchoHandlers } from './testing/echo-service.ts';
import { aborted, ada, startEcho } from './testing/start-echo.ts';

const never = new Promise<never>(() => undefined);

describe('the deadline of a call', () => {
  it('is that of the contract if the caller sets none', async () => {
    const seen: MeshCallContext[] = [];
    const clock = createTestClock();
    const handlers: Partial<EchoHandlers> = {
      one: async (request, context) => {
        seen.push(context);
        return request;
      },
    };
    const { client } = await startEcho(handlers, { timeoutMs: 5_000 }, { clock });
    await client.one(ada);
    expect(seen[0]?.remainingMs()).toBe(5_000);
    expect(seen[0]?.deadlineMs).toBe(clock.now() + 5_000);
    expect(clock.pendingMs()).toEqual([]);
  });

  it('is that of its caller', async () => {
    const seen: number[] = [];
    const handlers: Partial<EchoHandlers> = {
      one: async (request, context) => {
        seen.push(context.remainingMs());
        return request;
      },
    };
    const { raw } = await startEcho(handlers, { timeoutMs: 5 });
    expect((await raw('One', ada, { 'grpc-timeout': '60S' })).status).toBe(Status.OK);
    expect(seen[0]).toBeGreaterThan(50_000);
  });

  it.each(['One', 'Many', 'Collect', 'Chat'])('ends %s even if the handler ignores its signal', async (method) => {
    const signals: AbortSignal[] = [];
    const hang = (context: MeshCallContext) => {
      signals.push(context.signal);
      return never;
    };
    const stuck = (context: MeshCallContext) => ({ [Symbol.asyncIterator]: () => ({ next: () => hang(context) }) });
    const handlers: EchoHandlers = {
      one: (_, context) => hang(context),
      many: (_, context) => stuck(context),
      collect: (_, context) => hang(context),
      chat: (_, context) => stuck(context),
    };
    const { raw, lines } = await startEcho(handlers, { timeoutMs: 30 });
    expect(await raw(method, ada)).toMatchObject({
      status: Status.DEADLINE_EXCEEDED,
      details: { reason: 'DEADLINE_EXCEEDED' },
    });
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
    expect(lines).toEqual([
      expect.objectContaining({ level: 'warn', method: `/test.v1.EchoService/${method}`, code: 'DEADLINE_EXCEEDED' }),
    ]);
  });
});

describe('a cancelled call', () => {
  it('aborts the signal of its handler', async () => {
    const { promise: started, resolve } = Promise.withResolvers<void>();
    const handlers: Partial<EchoHandlers> = {
      one: (_, context) => {
        resolve();
        return aborted(context);
      },
    };
    const { client, lines } = await startEcho(handlers);
    const controller = new AbortController();
    const answer = client.one(ada, { signal: controller.signal });
    await started;
    controller.abort();
    await expect(answer).rejects.toThrow('aborted');
    await eventually(() => expect(lines).toEqual([expect.objectContaining({ level: 'debug', code: 'CANCELLED' })]));
  });

  it('closes the iterator of its handler', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<string>();
    const handlers: Partial<EchoHandlers> = {
      async *many(request) {
        try {
          for (;;) yield request;
        } finally {
          resolve('closed');
        }
      },
    };
    const { client, lines } = await startEcho(handlers);
    for await (const user of client.many(ada)) if (user) break;
    expect(await closed).toBe('closed');
    await eventually(() => expect(lines).toEqual([expect.objectContaining({ code: 'CANCELLED' })]));
  });
});

it('has no metadata that says who calls, which its caller may have made up', async () => {
  const keys: string[] = [];
  const { client } = await startEcho({
    async one(request, context) {
      keys.push(...[...context.metadata].map(([key]) => key).filter((key) => /^(mesh|x)-/.test(key)));
      return request;
    },
  });
  const claims = Object.fromEntries(identityKeys.map((key) => [key, 'x']));
  await client.one(ada, { metadata: Metadata({ ...claims, 'x-mine': 'x' }) });
  expect(keys.filter((key) => key !== 'x-request-id')).toEqual(['x-mine']);
});

describe('the scope of a call', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  async function scopeOf(metadata: Record<string, string>) {
    const seen: string[][] = [];
    const note = (context: MeshCallContext) => {
      seen.push([context.requestId, currentScope()?.requestId ?? '', currentScope()?.traceparent ?? '']);
    };
    const handlers: Partial<EchoHandlers> = {
      async one(request, context) {
        await null;
        note(context);
        return request;
      },
      async *many(request, context) {
        note(context);
        yield request;
        note(context);
      },
    };
    const { client, lines } = await startEcho(handlers);
    await client.one(ada, { metadata: Metadata(metadata) });
    await Array.fromAsync(client.many(ada, { metadata: Metadata(metadata) }));
    return { seen, lines };
  }

  it('has the request id and the trace of the caller, with its own span', async () => {
    const { seen, lines } = await scopeOf({ 'x-request-id': 'order-17', traceparent });
    expect(seen).toHaveLength(3);
    for (const [id, scopeId, trace] of seen) {
      expect([id, scopeId]).toEqual(['order-17', 'order-17']);
      expect(trace).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
    }
    const line = { level: 'debug', code: 'OK', request_id: 'order-17', trace_id: '0af7651916cd43dd8448eb211c80319c' };
    expect(lines).toEqual([expect.objectContaining(line), expect.objectContaining(line)]);
  });

  it.each([
    {},
    { 'x-request-id': 'a b', traceparent: '00-00000000000000000000000000000000-b7ad6b7169203331-01' },
    { 'x-request-id': 'x'.repeat(129), traceparent: 'nonsense' },
  ])('is new if the caller sent no valid one: %j', async (metadata) => {
    const { seen } = await scopeOf(metadata);
    for (const [id, scopeId, trace] of seen) {
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(scopeId).toBe(id);
      expect(trace).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    }
  });
});
