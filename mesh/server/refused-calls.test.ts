import { deflateSync } from 'node:zlib';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { User } from '../../gen/ts/user/v1/user.ts';
import { grpcJsEngine } from '../engines/grpc-js/engine.ts';
import type { CallRefusalReason } from '../engines/host-observer.ts';
import { nativeEngine } from '../engines/native/engine.ts';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { captureLog, type LogLine } from '../testing/captured-log.ts';
import { eventually } from '../testing/eventually.ts';
import { grpcFrame } from '../testing/grpc-frame.ts';
import { systemClock } from '../time/clock.ts';
import { fixedLimits } from './policies/admission/policy.ts';
import type { EchoHandlers } from './testing/echo-service.ts';
import { rawCall } from './testing/raw-call.ts';
import { aborted, ada, startEcho } from './testing/start-echo.ts';

interface RefusedRequest {
  readonly title: string;
  readonly method?: string;
  readonly body: Buffer | undefined;
  readonly headers?: Record<string, string>;
  readonly reason: CallRefusalReason;
  /** NaN if it is refused with an HTTP status. */
  readonly status: number;
}

const one = grpcFrame(User.encode(ada).finish());
const large = Buffer.alloc(2_000, 1);
const maxReceiveBytes = 1_000;
const tooLarge = { reason: 'message_too_large', status: Status.RESOURCE_EXHAUSTED } as const;
const undecompressable = { reason: 'undecompressable', status: Status.INTERNAL } as const;
const undecodable = { reason: 'undecodable_message', status: Status.INVALID_ARGUMENT } as const;
const badMessage = grpcFrame(Buffer.from([0xff, 0xff, 0xff]));
const badGzip = { body: grpcFrame(Buffer.from('not gzip'), true), headers: { 'grpc-encoding': 'gzip' } };
const unzipsLarge = { body: grpcFrame(deflateSync(large), true), headers: { 'grpc-encoding': 'deflate' } };

/** Each way in which a server ends a call because of its request. */
const refused: readonly RefusedRequest[] = [
  { title: 'an unknown method', method: 'Nothing', body: one, reason: 'unknown_method', status: Status.UNIMPLEMENTED },
  {
    title: 'a content type that is not gRPC',
    body: one,
    headers: { 'content-type': 'application/json' },
    reason: 'unsupported_media_type',
    status: Number.NaN,
  },
  {
    title: 'an unknown encoding',
    body: one,
    headers: { 'grpc-encoding': 'snappy' },
    reason: 'unknown_encoding',
    status: Status.UNIMPLEMENTED,
  },
  {
    title: 'an invalid timeout',
    body: one,
    headers: { 'grpc-timeout': 'soon' },
    reason: 'malformed_timeout',
    status: Status.INVALID_ARGUMENT,
  },
  {
    title: 'too much metadata',
    body: one,
    headers: { 'x-much': 'x'.repeat(17_000) },
    reason: 'metadata_too_large',
    status: Status.RESOURCE_EXHAUSTED,
  },
  { title: 'no message', body: Buffer.alloc(0), reason: 'wrong_request_count', status: Status.UNIMPLEMENTED },
  {
    title: 'two messages',
    body: Buffer.concat([one, one]),
    reason: 'wrong_request_count',
    status: Status.UNIMPLEMENTED,
  },
  {
    title: 'no message until its deadline',
    body: undefined,
    headers: { 'grpc-timeout': '50m' },
    reason: 'request_incomplete',
    status: Status.DEADLINE_EXCEEDED,
  },
  { title: 'too large a message', body: grpcFrame(large), ...tooLarge },
  { title: 'a message that decompresses to too much', ...unzipsLarge, ...tooLarge },
  { title: 'a message that cannot be decompressed', ...badGzip, ...undecompressable },
  { title: 'a message that cannot be decoded', body: badMessage, ...undecodable },
  ...['Collect', 'Chat'].flatMap((method) => [
    { title: `too large a message in ${method}`, method, body: Buffer.concat([one, grpcFrame(large)]), ...tooLarge },
    { title: `a message in ${method} that cannot be decompressed`, method, ...badGzip, ...undecompressable },
    { title: `a message in ${method} that cannot be decoded`, method, body: badMessage, ...undecodable },
    {
      title: `an incomplete message in ${method}`,
      method,
      body: one.subarray(0, -1),
      reason: 'malformed_request' as const,
      status: Status.INTERNAL,
    },
  ]),
];

const incomplete = { title: 'an incomplete message', body: one.subarray(0, -1) };

const engines = [
  {
    engine: nativeEngine,
    cases: [...refused, { ...incomplete, reason: 'malformed_request', status: Status.INTERNAL } as const],
  },
  {
    engine: grpcJsEngine,
    cases: [...refused, { ...incomplete, reason: 'wrong_request_count', status: Status.UNIMPLEMENTED } as const],
  },
];

describe.each(engines)('a call that $engine.name refuses', ({ engine, cases }) => {
  it.each(cases)('is counted once and logged once at debug: $title', async (request) => {
    const { method = 'One', body, headers, reason, status } = request;
    const metrics = createPrometheusMetrics({ clock: systemClock, logger: captureLog().logger });
    const { session, lines } = await startEcho({}, {}, { engine, metrics, maxReceiveBytes });
    const path = `/test.v1.EchoService/${method}`;
    expect((await rawCall(session, path, body, headers)).status).toBe(status);
    await eventually(() => expect(linesOf(lines)).toHaveLength(1));
    expect(linesOf(lines)).toMatchObject([{ level: 'debug', reason }]);
    const { text } = await metrics.scrape();
    const counted = text.split('\n').filter((line) => /^ordermesh_calls_refused_total\S* [1-9]/.test(line));
    expect(counted).toEqual([`ordermesh_calls_refused_total{reason="${reason}"} 1`]);
  });
});

describe.each(engines)('a call to $engine.name that ends at the deadline of its caller', ({ engine }) => {
  const cases = [
    { title: 'before it starts', timeout: '0m', working: 1 },
    { title: 'while it waits for a slot', timeout: '100m', working: 0 },
    { title: 'in its handler', timeout: '100m', working: 1 },
  ];

  it.each(cases)('is counted once and logged once at debug: $title', async ({ timeout, working }) => {
    const metrics = createPrometheusMetrics({ clock: systemClock, logger: captureLog().logger });
    const handlers: Partial<EchoHandlers> = { one: (_, context) => aborted(context) };
    const admission = () => fixedLimits({ working });
    const { raw, lines } = await startEcho(handlers, {}, { engine, metrics, admission });
    expect((await raw('One', ada, { 'grpc-timeout': timeout })).status).toBe(Status.DEADLINE_EXCEEDED);
    await eventually(() => expect(linesOf(lines)).toHaveLength(1));
    const [line] = linesOf(lines);
    expect(line).toMatchObject({ level: 'debug' });
    expect(['DEADLINE_EXCEEDED', undefined]).toContain(line?.code);
    const { text } = await metrics.scrape();
    const counted = text.split('\n').filter((line) => /^ordermesh_calls_(?:refused|expired)_total\S* [1-9]/.test(line));
    expect(counted).toHaveLength(1);
    expect(counted[0]).toMatch(/ 1$/);
  });
});

function linesOf(lines: readonly LogLine[]) {
  return lines.filter(({ msg }) => msg === 'call' || msg === 'call refused');
}
