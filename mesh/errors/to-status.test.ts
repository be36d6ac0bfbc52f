import { ClientError, ServerError, Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { CallError } from '../client/call-error.ts';
import { captureLog } from '../testing/captured-log.ts';
import { invalidRequest } from './errors.ts';
import { MeshError } from './mesh-error.ts';
import { toPublicError } from './public-error.ts';
import { decodeStatusDetails, statusDetailsKey } from './status-details.ts';
import { toStatus } from './to-status.ts';

function gate() {
  const { logger, lines } = captureLog();
  const call = { path: '/t/Get', requestId: 'r1', otherBytes: 0 };
  return {
    lines,
    status: (error: unknown) => toStatus(error, call, logger),
    details: (error: unknown) =>
      decodeStatusDetails(toStatus(error, call, logger).metadata.get(statusDetailsKey) ?? new Uint8Array()),
    publicError: (error: unknown, expired = false) => toPublicError(error, { ...call, expired }, logger),
  };
}

describe('the error gate', () => {
  it('sends a MeshError with all its details but its cause', () => {
    const { status, details, lines } = gate();
    const options = { metadata: { id: 'u1' }, retryAfterMs: 500, cause: new Error('secret') };
    const error = new MeshError(Status.UNAVAILABLE, 'TRY_LATER', 'try later', options);
    expect(status(error)).toMatchObject({ code: Status.UNAVAILABLE, details: 'try later' });
    expect(details(error)).toEqual({ reason: 'TRY_LATER', metadata: { id: 'u1' }, violations: [], retryAfterMs: 500 });
    expect(lines).toEqual([]);
  });

  it.each([
    [-1, 0],
    [0.5, 1],
    [1e300, 315_576_000_000_000],
    [Number.POSITIVE_INFINITY, 315_576_000_000_000],
    [Number.NaN, undefined],
  ])('sends a time to wait of %d ms, which somebody else has named, as %s', (retryAfterMs, sent) => {
    const error = new MeshError(Status.UNAVAILABLE, 'TRY_LATER', 'try later', { retryAfterMs });
    expect(gate().details(error).retryAfterMs).toBe(sent);
  });

  it('names every broken rule', () => {
    const violations = ['a', 'b', 'c'].map((field) => ({ field, description: 'must not be empty' }));
    expect(gate().details(invalidRequest(violations))).toMatchObject({ reason: 'INVALID_FIELD', violations });
  });

  it('keeps what it sends below the header limits of peers', () => {
    const violations = Array.from({ length: 1_000 }, (_, index) => ({
      field: `ids[${index}]`,
      description: 'must not be empty',
    }));
    const { details, metadata } = gate().status(invalidRequest(violations));
    expect(details.length).toBeLessThanOrEqual(1_024);
    expect(metadata.get(statusDetailsKey)?.length).toBeLessThan(2_800);
    const sent = gate().details(invalidRequest(violations)).violations;
    expect(sent.at(-1)).toEqual({ field: '', description: `and ${1_001 - sent.length} more violations` });
  });

  it('sends as much of the metadata as fits, and how many facts it left out', () => {
    const facts = Array.from({ length: 100 }, (_, index) => [`sku-${String(index).padStart(60, '0')}`, '2/1']);
    const metadata = Object.fromEntries([['etag', 'x'.repeat(100_000)], ...facts]);
    const error = new MeshError(Status.FAILED_PRECONDITION, 'INSUFFICIENT_STOCK', 'too little', { metadata });
    expect(gate().status(error).metadata.get(statusDetailsKey)?.length).toBeLessThan(2_800);
    const sent = gate().details(error).metadata;
    expect(sent).toMatchObject({ [facts[0]?.[0] ?? '']: '2/1' });
    expect(sent.omitted).toBe(String(102 - Object.keys(sent).length));
  });

  it("sends nice-grpc's ServerError as it is", () => {
    const { status, lines } = gate();
    expect(status(new ServerError(Status.ABORTED, 'stale'))).toMatchObject({ code: Status.ABORTED, details: 'stale' });
    expect(lines).toEqual([]);
  });

  it.each([new TypeError('secret'), 'secret', undefined, new ClientError('/x/Y', Status.NOT_FOUND, 'secret')])(
    'logs the unexpected %s in full and sends nothing of it but the request id',
    (error) => {
      const { publicError, lines } = gate();
      const sent = publicError(error);
      expect(sent).toMatchObject({ code: Status.INTERNAL, reason: 'INTERNAL', metadata: { requestId: 'r1' } });
      expect(sent.message).toContain('r1');
      expect(sent.message).not.toContain('secret');
      expect(lines).toEqual([expect.objectContaining({ level: 'error', request_id: 'r1', method: '/t/Get' })]);
    },
  );

  it.each([new DOMException('', 'AbortError'), new ClientError('/x/Y', Status.CANCELLED, '')])(
    'takes %s for what ended the call itself: its deadline or its caller',
    (error) => {
      const { publicError, lines } = gate();
      expect(publicError(error, true)).toMatchObject({ code: Status.DEADLINE_EXCEEDED, reason: 'DEADLINE_EXCEEDED' });
      expect(publicError(error, false)).toMatchObject({ code: Status.CANCELLED, reason: 'CANCELLED' });
      expect(lines).toEqual([]);
    },
  );

  it.each([Status.INVALID_ARGUMENT, Status.NOT_FOUND, Status.FAILED_PRECONDITION, Status.UNIMPLEMENTED])(
    'keeps to itself what another service refused to it with code %i',
    (code) => {
      const { publicError, lines } = gate();
      const refusal = new CallError('/x/Y', new MeshError(code, 'X_REFUSED', 'secret'));
      expect(publicError(refusal)).toMatchObject({ code: Status.INTERNAL, reason: 'INTERNAL' });
      expect(lines).toEqual([
        expect.objectContaining({ level: 'error', err: expect.objectContaining({ message: 'secret' }) }),
      ]);
    },
  );

  it.each([Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.RESOURCE_EXHAUSTED, Status.ABORTED])(
    'passes on the trouble of another service with code %i',
    (code) => {
      const { publicError, lines } = gate();
      const trouble = new CallError('/x/Y', new MeshError(code, 'X_BUSY', 'try later'));
      expect(publicError(trouble)).toBe(trouble);
      expect(lines).toEqual([]);
    },
  );

  it('takes the timeout of an outbound call for a deadline only when the deadline of the call itself has passed', () => {
    const { publicError, lines } = gate();
    const error = new ClientError('/x/Y', Status.DEADLINE_EXCEEDED, '');
    expect(publicError(error, true)).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    expect(lines).toEqual([]);
    expect(publicError(error, false)).toMatchObject({ code: Status.INTERNAL });
    expect(lines).toHaveLength(1);
  });
});
