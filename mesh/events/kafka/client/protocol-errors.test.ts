import { createRequire } from 'node:module';
import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { isRefusal } from '../../../errors/codes.ts';
import { toLogFailure } from './failures.ts';
import { protocolError } from './kafkajs.ts';
import { isClassified, meansOf } from './protocol-errors.ts';

interface ErrorCode {
  readonly type: string;
  readonly code: number;
}

const { errorCodes } = createRequire(import.meta.url)('kafkajs/src/protocol/error') as {
  readonly errorCodes: readonly ErrorCode[];
};

it('every code that the library knows has a meaning', () => {
  expect(errorCodes.length).toBeGreaterThan(80);
  expect(errorCodes.filter(({ type }) => !isClassified(type))).toEqual([]);
});

it('only an error about the record itself is a refusal; a missing topic is not', () => {
  const refusing = errorCodes.filter(({ code }) => isRefusal(toLogFailure(protocolError(code))));
  expect(refusing.map(({ type }) => type)).toEqual([
    'MESSAGE_TOO_LARGE',
    'INVALID_TOPIC_EXCEPTION',
    'RECORD_LIST_TOO_LARGE',
    'INVALID_TIMESTAMP',
    'INVALID_RECORD',
  ]);
});

it('an unknown code, and an error without a code, leave the outcome unknown', () => {
  const unavailable = { code: Status.UNAVAILABLE, reason: 'EVENTS_UNAVAILABLE' };
  for (const error of [protocolError(999), new Error('socket hang up'), 'x']) {
    expect(meansOf(error)).toBe('passing');
    expect(toLogFailure(error)).toMatchObject(unavailable);
  }
});

it('missing rights are reported as such', () => {
  const denied = new Error('gave up', { cause: protocolError(29) });
  expect(toLogFailure(denied)).toMatchObject({ code: Status.UNAVAILABLE, reason: 'EVENTS_MISCONFIGURED' });
});

it('a topic that is so new that a broker does not know it is named as such', () => {
  const failure = (() => {
    try {
      const low: { readonly partitions: unknown }[] = [];
      // As in `fetchTopicOffsets` of kafkajs.
      const { partitions } = low.pop() as { readonly partitions: unknown };
      return partitions;
    } catch (error) {
      return toLogFailure(error);
    }
  })();
  expect(failure).toMatchObject({
    reason: 'EVENTS_UNAVAILABLE',
    message: 'event log cannot be used now: a broker does not know the partitions of a topic yet; retry later',
  });
});
