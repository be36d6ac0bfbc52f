import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import {
  isInfrastructureFault,
  isInvalidEvent,
  isMiswired,
  isOutage,
  isRefusal,
  isServerFault,
  mayPassOn,
} from './codes.ts';
import { MeshError } from './mesh-error.ts';

const codes = Object.entries(Status).filter((entry): entry is [string, Status] => typeof entry[1] === 'number');

describe('what a status code says about the work it answers', () => {
  const refusals = new Set(['INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'OUT_OF_RANGE']);
  const wiring = new Set(['UNIMPLEMENTED', 'UNAUTHENTICATED', 'PERMISSION_DENIED']);

  it.each(codes)('%s is a refusal, a wiring fault, or neither', (name, code) => {
    const answer = { code, reason: 'A_REASON' };
    expect(isRefusal(answer)).toBe(refusals.has(name));
    expect(isMiswired(answer)).toBe(wiring.has(name));
  });

  it.each(['UNDECODABLE_MESSAGE', 'MALFORMED_TIMEOUT'])(
    'a request that the other side cannot read is a wiring fault, whatever its code: %s',
    (reason) => {
      const answer = { code: Status.INVALID_ARGUMENT, reason };
      expect(isRefusal(answer)).toBe(false);
      expect(isMiswired(answer)).toBe(true);
    },
  );

  it('a damaged database is no fault of what it was asked for, a damaged event is one', () => {
    const fault = (reason: string) => isInfrastructureFault(new MeshError(Status.DATA_LOSS, reason, 'damaged'));
    expect([fault('STORAGE_CORRUPT'), fault('EVENT_CORRUPT')]).toEqual([true, false]);
  });

  const outages = ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED'];
  it.each<[string, (code: Status) => boolean, string[]]>([
    ['is an outage', (code) => isOutage({ code }), outages],
    ['may be passed on to the caller', (code) => mayPassOn({ code }), [...outages, 'ABORTED', 'INTERNAL']],
    ['is the fault of the server', isServerFault, [...outages, 'UNKNOWN', 'UNIMPLEMENTED', 'INTERNAL', 'DATA_LOSS']],
    ['makes an event invalid', (code) => isInvalidEvent(new MeshError(code, 'A_REASON', '')), ['INVALID_ARGUMENT']],
  ])('%s only with certain codes', (_, holds, expected) => {
    const names = codes.filter(([, code]) => holds(code)).map(([name]) => name);
    expect(names.toSorted()).toEqual(expected.toSorted());
  });
});
