import { once } from 'node:events';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { contractDescriptors, contractOpenApi } from '../contract/declared-services.ts';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { createHealth } from '../server/health/health.ts';
import { createLogger } from '../telemetry/logger.ts';
import { systemClock as clock } from '../time/clock.ts';
import { httpPatience } from './connections/patience.ts';
import { createEdge } from './edge.ts';

/** Calls of services that only read their requests. */
const client = (() => ({ importUsers: (requests: AsyncIterable<unknown>) => Array.fromAsync(requests) })) as never;

/** Connects to an edge. No request arrives there completely. */
async function startEdge() {
  const logger = createLogger('silent');
  const edge = createEdge({
    descriptors: contractDescriptors,
    openApi: contractOpenApi,
    client,
    has: () => true,
    instancesOf: () => 1,
    maxWaitingBytes: 4 * 1024 * 1024,
    metadataHeaders: [],
    connections: { all: 10, ofAddress: 10 },
    patience: { ...httpPatience, headMs: 300, requestMs: 300 },
    health: createHealth(clock),
    draining: new AbortController().signal,
    clock,
    logger,
    metrics: createPrometheusMetrics({ clock, logger }),
  });
  const port = await edge.listen('127.0.0.1:0');
  edge.open();
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(async () => {
    session.destroy();
    await edge.drain(100);
  });
  return session;
}

it.each([
  ['REST', '/api/users', 'application/json', 408, ''],
  ['Connect', '/user.v1.UserService/GetUser', 'application/json', 504, ''],
  ['a stream of Connect', '/user.v1.UserService/ListUsers', 'application/connect+json', 200, '\0\0\0\x10\0'],
])('a body of %s over HTTP/2 that arrives byte by byte is refused', async (_, path, type, status, begin) => {
  const session = await startEdge();
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': type });
  stream.on('error', () => undefined);
  stream.write(begin);
  const drip = setInterval(() => stream.writable && stream.write(' '), 20);
  onTestFinished(() => clearInterval(drip));
  const [head] = await once(stream, 'response', { signal: AbortSignal.timeout(5_000) });
  expect(head[':status']).toBe(status);
  expect(await text(stream)).toMatch(/too_slow|REQUEST_TOO_SLOW|did not arrive completely/);
});

it('a stream of requests over HTTP/2 may take as long as it likes', async () => {
  const session = await startEdge();
  const path = '/user.v1.UserService/ImportUsers';
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/connect+json' });
  stream.on('error', () => undefined);
  stream.write(Buffer.from([0]));
  await expect(once(stream, 'response', { signal: AbortSignal.timeout(800) })).rejects.toThrow(/abort/i);
});
