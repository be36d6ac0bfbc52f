import { once } from 'node:events';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { invalidRequest } from '../../../errors/errors.ts';
import { MeshError } from '../../../errors/mesh-error.ts';
import { decodeStatusDetails, statusDetailsKey } from '../../../errors/status-details.ts';
import type { Engine, EngineCall, EngineHandler } from '../../engine.ts';
import { echo, many, start } from './text-host.ts';

// What is left of nginx's default buffer of 4,096 bytes after the other frames of a response.
const maxBytes = 4_000;
const euros = '€'.repeat(600);
const kinds = ['unary', 'client-streaming', 'server-streaming', 'bidi-streaming'] as const;
const callersId = { 'x-request-id': 'r-1' };
const madeId = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/;

/** The fields of a call that ends with an error, and the request id in every response. */
export function failureSuite(engine: Engine): void {
  describe('the status of a failed call', () => {
    const errors: [string, () => Error][] = [
      ['a long text', () => new MeshError(Status.NOT_FOUND, 'GONE', euros.repeat(10))],
      ['many facts', () => new MeshError(Status.NOT_FOUND, 'GONE', 'gone', { metadata: facts(100) })],
      ['many violations', () => invalidRequest(violations(1_000))],
      ['all of them', () => new MeshError(Status.NOT_FOUND, 'GONE', euros, { ...details, metadata: facts(40) })],
    ];
    const cases = kinds.flatMap((kind) => errors.map(([title, error]) => ({ kind, title, error })));

    it.each(cases)('fits 4,000 bytes in a $kind call with $title', async ({ kind, error }) => {
      const { session } = await start(engine, failing(kind, error));
      const { fields } = await call(session, `/t/${kind}`);
      expect(bytesOf(fields)).toBeLessThanOrEqual(maxBytes);
      expect(bytesOf(fields)).toBeGreaterThan(maxBytes / 4);
      expect(fields['grpc-status']).toBe(String((error() as MeshError).code));
      expect(detailsOf(fields).reason).toBe((error() as MeshError).reason);
    });

    it.each(kinds)('fits 4,000 bytes in a %s call whose handler has set metadata', async (kind) => {
      const error = () => invalidRequest(violations(1_000));
      const { session } = await start(
        engine,
        failing(kind, error, ({ header, trailer }) => {
          header.set('x-header', 'h'.repeat(500));
          trailer.set('x-trailer', 't'.repeat(500));
        }),
      );
      const { fields } = await call(session, `/t/${kind}`);
      expect(bytesOf(fields)).toBeLessThanOrEqual(maxBytes);
      expect(fields['x-trailer']).toHaveLength(500);
      expect(detailsOf(fields).violations.length).toBeGreaterThan(1);
    });

    it("keeps the code and the reason when the handler's metadata leaves no room", async () => {
      const error = () => invalidRequest(violations(1_000));
      const { session } = await start(
        engine,
        failing('unary', error, ({ header, trailer }) => {
          header.set('x-header', 'h'.repeat(8_000));
          trailer.set('x-trailer', 't'.repeat(8_000));
        }),
      );
      const { fields } = await call(session, '/t/unary');
      expect(bytesOf(fields)).toBeLessThanOrEqual(maxBytes);
      expect(fields['grpc-status']).toBe(String(Status.INVALID_ARGUMENT));
      expect(detailsOf(fields).reason).toBe('INVALID_FIELD');
    });

    it.each([`/t/${'x'.repeat(5_000)}`, `/t/${'%25'.repeat(2_000)}`])(
      'fits 4,000 bytes for an unknown method',
      async (path) => {
        const { session } = await start(engine, echo);
        const { fields } = await call(session, path);
        expect(bytesOf(fields)).toBeLessThanOrEqual(maxBytes);
        expect(fields['grpc-status']).toBe(String(Status.UNIMPLEMENTED));
      },
    );
  });

  describe('x-request-id', () => {
    it.each(kinds)("is the caller's in the header of a %s call", async (kind) => {
      const { session } = await start(engine, succeeding(kind));
      const { header, fields } = await call(session, `/t/${kind}`, callersId);
      expect(header['x-request-id']).toBe('r-1');
      expect(fields['grpc-status']).toBe('0');
      expect(fields['x-request-id']).toBeUndefined();
    });

    it.each(kinds)("is the caller's in a %s call that fails", async (kind) => {
      const { session } = await start(
        engine,
        failing(kind, () => new MeshError(Status.ABORTED, 'STALE', 'stale')),
      );
      expect((await call(session, `/t/${kind}`, callersId)).header['x-request-id']).toBe('r-1');
    });

    it.each([undefined, '', 'two words', 'x'.repeat(129), 'é'])('is generated if the caller sends %j', async (id) => {
      const seen: EngineCall[] = [];
      const { session } = await start(engine, { ...succeeding('unary', (one) => seen.push(one)) });
      const { header } = await call(session, '/t/unary', id === undefined ? {} : { 'x-request-id': id });
      expect(header['x-request-id']).toMatch(madeId);
      expect(seen[0]?.requestId).toBe(header['x-request-id']);
    });

    it('is in the answer to a call that is refused before its handler', async () => {
      const { session } = await start(engine, echo);
      const answers = [
        await call(session, '/t/unknown', callersId),
        await call(session, '/t/unary', { ...callersId, 'grpc-timeout': 'soon' }),
        await call(session, '/t/unary', callersId, Buffer.from([0, 0, 64, 0, 1])),
      ];
      expect(answers.map(({ header }) => header['x-request-id'])).toEqual(['r-1', 'r-1', 'r-1']);
    });

    it("is not replaced by the handler's", async () => {
      const { session } = await start(
        engine,
        succeeding('unary', ({ header }) => header.set('x-request-id', 'other')),
      );
      expect((await call(session, '/t/unary', callersId)).header['x-request-id']).toBe('r-1');
    });

    it.each(kinds)("is not repeated by the handler's trailer of a %s call", async (kind) => {
      const setTrailer = ({ trailer }: EngineCall) => trailer.set('x-request-id', 'other');
      const succeeds = await start(engine, succeeding(kind, setTrailer));
      const { header, fields } = await call(succeeds.session, `/t/${kind}`, callersId);
      expect(header['x-request-id']).toBe('r-1');
      expect(fields['x-request-id']).toBeUndefined();
      const fails = await start(
        engine,
        failing(kind, () => new MeshError(Status.ABORTED, 'STALE', 'stale'), setTrailer),
      );
      const failed = await call(fails.session, `/t/${kind}`, callersId);
      expect(failed.header['x-request-id']).toBe('r-1');
      expect([undefined, 'r-1']).toContain(failed.fields['x-request-id']);
    });
  });
}

function violations(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    field: `items[${index}].sku`,
    description: `must match the pattern "^[A-Z0-9]{1,32}$", which ${euros.slice(0, 20)} does not`,
  }));
}

function facts(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`fact_${index}`, euros.slice(0, 20)]));
}

const details = { violations: violations(40), retryAfterMs: 1_000 };

function failing(
  kind: (typeof kinds)[number],
  error: () => Error,
  prepare: (call: EngineCall) => void = () => undefined,
): EngineHandler<string, string> {
  return handlerOf(kind, (call) => {
    prepare(call);
    throw error();
  });
}

function succeeding(
  kind: (typeof kinds)[number],
  prepare: (call: EngineCall) => void = () => undefined,
): EngineHandler<string, string> {
  return handlerOf(kind, (call) => {
    prepare(call);
    return 'done';
  });
}

function handlerOf(kind: (typeof kinds)[number], act: (call: EngineCall) => string): EngineHandler<string, string> {
  const one = async (_: unknown, call: EngineCall) => act(call);
  const stream = async function* (_: unknown, call: EngineCall) {
    yield act(call);
  };
  switch (kind) {
    case 'unary':
    case 'client-streaming':
      return { kind, handle: one };
    case 'server-streaming':
    case 'bidi-streaming':
      return { kind, handle: stream };
  }
}

async function call(
  session: ClientHttp2Session,
  path: string,
  headers: Record<string, string> = {},
  body: Buffer = many('a'),
) {
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', ...headers });
  stream.on('error', () => undefined);
  stream.end(body);
  let trailers: IncomingHttpHeaders | undefined;
  stream.on('trailers', (received) => {
    trailers = received;
  });
  const [header] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  stream.resume();
  if (!stream.closed) await once(stream, 'close');
  return { header, fields: trailers ?? header };
}

/** The bytes of the fields as literals (RFC 7541 section 6.2.2), the largest that they can be. */
function bytesOf(fields: IncomingHttpHeaders): number {
  const texts = Object.entries(fields).map(([name, value]) => `${name}${value}`);
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 5, 0);
}

function detailsOf(fields: IncomingHttpHeaders) {
  return decodeStatusDetails(Buffer.from(String(fields[statusDetailsKey] ?? ''), 'base64'));
}
