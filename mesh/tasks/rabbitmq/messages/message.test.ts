import type { ConsumeMessage } from 'amqplib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../testing/any-text.ts';
import { type DeliveredTask, identityOf } from '../../brokered/delivered-task.ts';
import { checkSendable, readMessage, toProperties } from './message.ts';

const nowMs = Date.parse('2026-11-28T12:00:00Z');

/** A message as amqplib delivers it. */
function messageWith(headers: unknown, more: Readonly<Record<string, unknown>> = {}): ConsumeMessage {
  const properties = { ...more, headers } as ConsumeMessage['properties'];
  return { content: Buffer.from('hello'), properties, fields: {} as ConsumeMessage['fields'] };
}

/** What amqplib makes of the field values that there are. */
const fieldValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    anyText(),
    fc.integer(),
    fc.double(),
    fc.constantFrom(
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -1,
      0.5,
      2 ** 63,
      'abc',
      '-1',
      '1e3',
      '99999999999999999999',
      '',
    ),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.record({ '!': fc.constant('timestamp'), value: fc.double() }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string({ maxLength: 5 }), tie('value'), { maxKeys: 3 }),
  ),
})).value;

const headerName = fc.oneof(
  fc.constantFrom('x-mesh-stamp', 'x-mesh-attempts', 'x-mesh-cut-offs', 'x-mesh-first-time-ms', 'traceparent'),
  fc.constantFrom('x-request-id', 'x-death'),
  fc.constantFrom('x-delivery-count', 'content-type', '__proto__', 'constructor'),
  anyText(),
);

const anyMessage = fc
  .record({
    headers: fc.option(fc.dictionary(headerName, fieldValue, { maxKeys: 8 }), { nil: undefined }),
    messageId: fc.option(anyText({ maxLength: 400 }), { nil: undefined }),
    contentType: fc.option(anyText({ maxLength: 400 }), { nil: undefined }),
  })
  .map(({ headers, ...more }) => messageWith(headers, more));

function expectValid({ id, stamp, attempts, cutOffs, firstTimeMs, headers }: DeliveredTask): void {
  expect(Buffer.byteLength(id)).toBeLessThanOrEqual(255);
  expect(id).not.toBe('');
  expect(stamp).toMatch(/^[\x21-\x7e]{1,64}$/);
  for (const count of [attempts, cutOffs])
    expect(Number.isInteger(count) && count >= 0 && count <= 1_000_000).toBe(true);
  if (firstTimeMs !== undefined) expect(Number.isInteger(firstTimeMs) && firstTimeMs <= nowMs).toBe(true);
  for (const value of Object.values(headers)) expect(typeof value).toBe('string');
}

describe('a message', () => {
  it('is read with any headers, as a task with valid fields', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const task = readMessage(message, nowMs);
        expectValid(task);
        expect(task.payload).toBe(message.content);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the same task again after it is resent', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const task = readMessage(message, nowMs);
        try {
          checkSendable('q', task);
        } catch {
          return;
        }
        const { headers, ...properties } = toProperties(task, task);
        const again = readMessage(messageWith(headers, properties), nowMs);
        expect(again).toEqual({ ...task, problem: undefined });
        expect(identityOf(again)).toBe(identityOf(task));
      }),
      { numRuns: 500 },
    );
  });

  const bad: [string, unknown][] = [
    ['x-mesh-attempts', 'abc'],
    ['x-mesh-attempts', -1],
    ['x-mesh-attempts', 1.5],
    ['x-mesh-attempts', Number.NaN],
    ['x-mesh-attempts', 1e300],
    ['x-mesh-attempts', { nested: { table: 1 } }],
    ['x-mesh-attempts', [1]],
    ['x-mesh-attempts', Buffer.from([0xff])],
    ['x-mesh-attempts', true],
    ['x-mesh-cut-offs', 'abc'],
    ['x-mesh-cut-offs', -1],
    ['x-mesh-first-time-ms', 'yesterday'],
    ['x-mesh-first-time-ms', '99999999999999999999'],
    ['x-mesh-stamp', 'a\0b'],
    ['x-mesh-stamp', 'x'.repeat(65)],
    ['x-mesh-stamp', 7],
  ];
  it.each(bad)('is unreadable if %s is %j, and reports that', (name, value) => {
    expect(readMessage(messageWith({ [name]: value }), nowMs).problem).toContain(name);
  });

  it('began now if its first time is in the future', () => {
    const tomorrow = String(nowMs + 86_400_000);
    expect(readMessage(messageWith({ 'x-mesh-first-time-ms': tomorrow }), nowMs)).toMatchObject({
      firstTimeMs: nowMs,
      problem: undefined,
    });
  });

  it('is different work than a message with the same stamp and other bytes', () => {
    const one = readMessage(messageWith({ 'x-mesh-stamp': 's' }, { messageId: 'a' }), nowMs);
    expect(identityOf({ ...one, payload: Buffer.from('other') })).not.toBe(identityOf(one));
    expect(identityOf({ ...one, id: 'b' })).not.toBe(identityOf(one));
    expect(identityOf({ ...one, attempts: 3 })).toBe(identityOf(one));
  });
});

describe('a task to send', () => {
  const taskWith = (count: number) => {
    const headers = Object.fromEntries(Array.from({ length: count }, (_, index) => [`${10_000 + index}`, '']));
    return { id: 't', payload: Buffer.from(''), headers };
  };

  it('may have headers that fit a frame with the lengths of their names and values', () => {
    expect(() => checkSendable('q', taskWith(5_000))).not.toThrow();
  });

  it('is refused if they do not, even if names and values alone would', () => {
    expect(() => checkSendable('q', taskWith(12_000))).toThrow('its headers have');
  });
});
