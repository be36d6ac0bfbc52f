import type { Message } from '@aws-sdk/client-sqs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../testing/any-text.ts';
import { checkSize, readMessage, sizeOf, toMessage } from './message.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const travel = { stamp: 's-1', attempts: 2, cutOffs: 1, firstTimeMs: nowMs - 1, dueMs: nowMs + 1 };

/** Whether SQS refuses a text: it is empty, or has characters that XML 1.0 excludes. */
function isRefused(text = ''): boolean {
  return !/^[\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]+$/u.test(text);
}

function received({ MessageBody, MessageAttributes }: ReturnType<typeof toMessage>): Message {
  return { MessageId: 'm-1', Body: MessageBody, MessageAttributes };
}

describe('a message of SQS', () => {
  it('returns any task as it was, in characters that SQS takes', () => {
    const text = anyText();
    const payloads = fc.oneof(
      fc.uint8Array(),
      text.map((chars) => Buffer.from(chars)),
    );
    const headers = fc.dictionary(text, text, { noNullPrototype: true });
    fc.assert(
      fc.property(text, payloads, headers, (id, payload, its) => {
        const message = toMessage({ id, payload, headers: its }, travel);
        const values = Object.values(message.MessageAttributes ?? {});
        expect([message.MessageBody ?? '', ...values.map(({ StringValue }) => StringValue)].filter(isRefused)).toEqual(
          [],
        );
        const read = readMessage(received(message), nowMs);
        expect(Buffer.from(payload).equals(read.payload)).toBe(true);
        expect(Object.entries(read.headers)).toEqual(Object.entries(its));
        expect(read).toMatchObject({ id, ...travel, problem: undefined });
      }),
    );
  });

  it('has JSON as it is, for programs of others', () => {
    const task = { id: 'a', payload: Buffer.from('{"to":"Zoë"}'), headers: {} };
    expect(toMessage(task, travel).MessageBody).toBe('{"to":"Zoë"}');
  });

  it('of another program has its own id, and its attributes as headers', () => {
    const MessageAttributes = {
      to: { DataType: 'String', StringValue: 'bob' },
      raw: { DataType: 'Binary', BinaryValue: Buffer.from('x') },
    };
    expect(readMessage({ MessageId: 'm-1', Body: '{}', MessageAttributes }, nowMs)).toMatchObject({
      id: 'm-1',
      stamp: 'm-1',
      headers: { to: 'bob', raw: 'eA==' },
      attempts: 0,
      problem: undefined,
    });
  });

  it.each([
    ['mesh-task', 'no JSON'],
    ['mesh-task', '[]'],
    ['mesh-task', '{"attempts":-1}'],
    ['mesh-task', '{"stamp":""}'],
    ['mesh-headers', '1'],
    ['mesh-encoding', 'gzip'],
  ])('with %s %s is unreadable', (name, StringValue) => {
    const MessageAttributes = { [name]: { DataType: 'String', StringValue } };
    expect(readMessage({ MessageId: 'm-1', Body: '{}', MessageAttributes }, nowMs).problem).toContain(name);
  });

  it('has no first time in the future', () => {
    const message = toMessage(
      { id: 'a', payload: Buffer.from('a'), headers: {} },
      { ...travel, firstTimeMs: nowMs + 9 },
    );
    expect(readMessage(received(message), nowMs).firstTimeMs).toBe(nowMs);
  });

  it('is refused if body and attributes together are too large', () => {
    const content = toMessage({ id: 'a', payload: Buffer.from('a'.repeat(100)), headers: { to: 'bob' } }, travel);
    const size = sizeOf(content);
    expect(size).toBeGreaterThan(100 + '{"to":"bob"}'.length);
    expect(() => checkSize('a', 'q', content, size)).not.toThrow();
    expect(() => checkSize('a', 'q', content, size - 1)).toThrow(`${size} bytes, and queue q in SQS takes ${size - 1}`);
  });
});
