import { describe, expect, it } from 'vitest';
import { MessageParser } from './message-parser.ts';

const mib = 1024 * 1024;

function declared(bytes: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes, 1);
  return prefix;
}

describe('the message parser', () => {
  it('needs little memory for a message that is announced and does not arrive', () => {
    const reader = new MessageParser(4 * mib, () => undefined);
    reader.push(declared(4 * mib), 0, 5);
    expect(reader.heldBytes).toBeLessThanOrEqual(16 * 1024);
    reader.push(Buffer.alloc(10_000), 0, 10_000);
    expect(reader.heldBytes).toBeLessThanOrEqual(16 * 1024);
  });

  it('never needs more than twice the bytes that have arrived, and delivers the complete message', () => {
    const message = Buffer.from(Array.from({ length: mib }, (_, index) => index & 0xff));
    const received: Buffer[] = [];
    const reader = new MessageParser(4 * mib, (bytes) => received.push(bytes as Buffer));
    reader.push(declared(message.length), 0, 5);
    for (let at = 0; at < message.length; at += 20_000) {
      const end = Math.min(message.length, at + 20_000);
      reader.push(message, at, end);
      expect(reader.heldBytes).toBeLessThanOrEqual(2 * Math.max(end, 20_000));
    }
    expect(received).toHaveLength(1);
    expect(received[0]?.equals(message)).toBe(true);
    expect(reader.heldBytes).toBe(0);
  });
});
