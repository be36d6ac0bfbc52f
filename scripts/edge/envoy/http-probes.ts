import { gzipSync } from 'node:zlib';
import type { ProbeAnswer } from '../../../mesh/edge/testing/probes/probe.ts';

/** A probe of what only a whole request has: headers, and how it fails. */
export interface HttpProbe {
  readonly name: string;
  readonly verb: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** In place of `body`: bytes that are not UTF-8. */
  readonly bytes?: Uint8Array;
  readonly answer: ProbeAnswer | { readonly status: number };
}

const toShape = { calls: 'GetShape', request: { id: 's1' } } as const;
const echoed = { calls: 'Echo', request: { int32Value: 7 } } as const;
const echo = { verb: 'POST', target: '/v1/everything', body: '{"int32Value": 7}' } as const;
const shape = { verb: 'GET', target: '/v1/shapes/s1' } as const;

const headerProbes: readonly HttpProbe[] = [
  {
    ...shape,
    name: 'ignores another method in a header',
    headers: { 'x-http-method-override': 'DELETE' },
    answer: toShape,
  },
  {
    verb: 'POST',
    target: '/v1/shapes/s1',
    name: 'ignores another method in a header of a POST',
    headers: { 'x-http-method-override': 'PATCH' },
    body: '{}',
    answer: { allows: ['DELETE', 'GET', 'HEAD', 'PATCH', 'PURGE', 'PUT'] },
  },
  { ...shape, name: 'takes a target with a host', target: 'http://example.com/v1/shapes/s1', answer: toShape },
  {
    ...echo,
    name: 'takes JSON with its charset',
    headers: { 'content-type': 'application/json; charset=utf-8' },
    answer: echoed,
  },
  {
    ...echo,
    name: 'refuses another charset',
    headers: { 'content-type': 'application/json; charset=latin1' },
    answer: { status: 415 },
  },
  { ...echo, name: 'refuses text', headers: { 'content-type': 'text/plain' }, answer: { status: 415 } },
  {
    ...echo,
    name: 'refuses a form',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    answer: { status: 415 },
  },
  { ...echo, name: 'refuses a body without a type', headers: { 'content-type': '' }, answer: { status: 415 } },
  {
    verb: 'POST',
    target: '/v1/everything',
    name: 'reads a compressed body',
    headers: { 'content-encoding': 'gzip' },
    bytes: gzipSync(echo.body),
    answer: echoed,
  },
  {
    ...echo,
    name: 'refuses a coding that it does not know',
    headers: { 'content-encoding': 'lzma' },
    answer: { status: 415 },
  },
  {
    verb: 'POST',
    target: '/v1/everything',
    name: 'refuses a body that is not UTF-8',
    bytes: Buffer.from('{"stringValue": "\xff"}', 'latin1'),
    answer: { status: 400 },
  },
  { ...echo, name: 'refuses a byte order mark', body: '\ufeff{}', answer: { refuses: ['body'] } },
];

/** The HTTP status of each code of gRPC. */
const statuses: Readonly<Record<string, number>> = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

const failureProbes: readonly HttpProbe[] = [
  ...Object.entries(statuses).map(([code, status]) => ({
    verb: 'GET',
    target: `/v1/shapes/fails-${code}`,
    name: `answers ${code} with ${status}`,
    answer: { status },
  })),
  {
    verb: 'GET',
    target: '/v1/shapes/fails-NOT_FOUND:watch',
    name: 'answers a stream that fails before its first message with its status',
    answer: { status: 404 },
  },
];

const streamProbes: readonly HttpProbe[] = [
  {
    verb: 'GET',
    target: '/v1/shapes/s1:watch',
    name: 'answers a stream with an array',
    answer: { calls: 'WatchShape', request: { id: 's1' } },
  },
  {
    verb: 'GET',
    target: '/v1/shapes/none:watch',
    name: 'answers an empty stream with an empty array',
    answer: { calls: 'WatchShape', request: { id: 'none' } },
  },
  {
    verb: 'GET',
    target: '/v1/shapes/ends-DATA_LOSS:watch',
    name: 'cuts off the array of a stream that fails',
    answer: { calls: 'WatchShape', request: { id: 'ends-DATA_LOSS' } },
  },
];

/** All of them, by what they are about. */
export const httpProbes: Readonly<Record<string, readonly HttpProbe[]>> = {
  headers: headerProbes,
  failures: failureProbes,
  streams: streamProbes,
};
