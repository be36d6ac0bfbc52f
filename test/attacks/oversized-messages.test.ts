import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { attackedServer } from './support/attack.ts';
import { call, data, headers, message, requestBlock } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const mib = 1024 * 1024;
const bomb = Buffer.alloc(1024 * mib);

/** HEADERS and a message in as many DATA frames as needed. A server that has refused it discards the rest. */
function compressedCall(encoding: string, bytes: Buffer, streamId = 1): Buffer {
  const whole = message(bytes, bytes.length, 1);
  const frames = [headers(streamId, requestBlock('/attacked/Echo', 'grpc-encoding', encoding))];
  for (let at = 0; at < whole.length; at += 16_384) frames.push(data(streamId, whole.subarray(at, at + 16_384)));
  return Buffer.concat([...frames, data(streamId, Buffer.alloc(0), Flag.END_STREAM)]);
}

describe('a server that receives an invalid message', () => {
  const target = attackedServer();

  async function expectRefused(frames: Buffer, status: string, maxCpuMs: number): Promise<void> {
    const before = await target.state();
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(frames, call(3, '/attacked/Echo'));
      expect(await peer.isServed()).toBe(true);
      const [answer] = peer.of(FrameType.HEADERS, 1);
      expect(answer?.payload.toString('latin1')).toContain(`grpc-status${status}`);
      expect(peer.of(FrameType.HEADERS, 3)).toHaveLength(2);
    });
    const after = await target.state();
    expect(after.rssBytes - before.rssBytes).toBeLessThan(20 * mib);
    expect(after.cpuMs - before.cpuMs).toBeLessThan(maxCpuMs);
  }

  it.each([
    ['4 GiB', message(Buffer.of(0), 2 ** 32 - 1)],
    ['4 MiB and a byte', message(Buffer.of(0), 4 * mib + 1)],
    ['2 GiB, after a valid message', Buffer.concat([message(Buffer.of(0)), message(Buffer.of(0), 2 ** 31)])],
  ])('refuses a message by its length: %s', async (_, body) => {
    await expectRefused(Buffer.concat([headers(1, requestBlock('/attacked/Echo')), data(1, body)]), '\x018', 500);
  });

  it.each([
    ['gzip', gzipSync(bomb)],
    ['deflate', deflateSync(bomb)],
  ])('refuses a message of 1 MiB that %s expands to 1 GiB, without expanding it', async (encoding, bytes) => {
    expect(bytes.length).toBeLessThan(2 * mib);
    await expectRefused(compressedCall(encoding, bytes), '\x018', 1_000);
  });

  it.each([
    ['truncated gzip', 'gzip', gzipSync(Buffer.alloc(1_000)).subarray(0, -9)],
    ['gzip with a wrong checksum', 'gzip', Buffer.concat([gzipSync('a').subarray(0, -8), Buffer.alloc(8)])],
    ['deflate declared as gzip', 'gzip', deflateSync('a')],
    ['no bytes', 'deflate', Buffer.alloc(0)],
    ['compressed without an encoding', 'identity', Buffer.of(1)],
  ])('refuses a message that cannot be decompressed: %s', async (_, encoding, bytes) => {
    await expectRefused(compressedCall(encoding, bytes), '\x0213', 500);
  });
});
