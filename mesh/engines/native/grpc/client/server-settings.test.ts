import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../../../testing/eventually.ts';
import { http2Frame } from '../../../../testing/http2-frame.ts';
import type { Transport } from '../../../engine.ts';
import { answer, serveRaw } from '../../../suite/transport/raw-server.ts';
import { connectNative } from '../../connect.ts';
import { clientPreface, ErrorCode, Flag, FrameType } from '../../http2/codec/frames.ts';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import { SettingId } from '../../http2/codec/settings.ts';
import { blockOf, type Frame, onFrame } from '../../testing/hpack-frames.ts';
import { callOf, textMethod } from '../../testing/text-methods.ts';

const unary = textMethod('unary');

function connect(address: string): Transport {
  const transport = connectNative(address);
  onTestFinished(() => transport.close());
  return transport;
}

function settings(...values: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * values.length);
  for (const [index, [id, value]] of values.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return http2Frame(FrameType.SETTINGS, 0, 0, payload);
}

const okHeader = literalFields([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '0']);

/** A server that sends `begin`, answers each call with OK only, and records the frames that arrive. */
async function serveFrames(begin: Buffer) {
  const frames: Frame[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(begin);
    onFrame(socket, clientPreface.length, (frame) => {
      frames.push(frame);
      const { type, flags, streamId } = frame;
      const ends = type === FrameType.DATA && (flags & Flag.END_STREAM) !== 0;
      if (ends) socket.write(http2Frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, streamId, okHeader));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    send: (bytes: Buffer) => sockets.at(-1)?.write(bytes),
    of: (type: number) => frames.filter((frame) => frame.type === type),
  };
}

describe('a client', () => {
  it('announces both sizes with its next call if the server allows a header table of 0 and then the usual one', async () => {
    const sizes = [
      [SettingId.HEADER_TABLE_SIZE, 0],
      [SettingId.HEADER_TABLE_SIZE, 4_096],
    ] as const;
    const server = await serveFrames(settings(...sizes));
    const transport = connect(server.address);
    for (let call = 0; call < 2; call += 1) {
      await expect(transport.unary(unary, 'a', callOf())).rejects.toMatchObject({ code: Status.UNIMPLEMENTED });
    }
    const [first, second] = server.of(FrameType.HEADERS).map(blockOf);
    // 4096 as an integer of five bits and more.
    expect(first?.toString('hex')).toMatch(/^203fe11f/);
    expect(second?.toString('hex')).not.toMatch(/^[23]/);
  });

  it('continues if the server disables its header table during a connection', async () => {
    const { address, sessions } = await serveRaw((stream) => answer(stream), { headerTableSize: 0 });
    const transport = connect(address);
    for (const headerTableSize of [0, 4_096, 50, 0]) {
      await expect(transport.unary(unary, 'a', callOf())).resolves.toBe('hello');
      await new Promise<void>((resolve) => sessions[0]?.settings({ headerTableSize }, () => resolve()));
    }
    await expect(transport.unary(unary, 'a', callOf())).resolves.toBe('hello');
    expect(sessions).toHaveLength(1);
  });

  it('waits while the server accepts no streams', async () => {
    const { address, sessions } = await serveRaw((stream) => answer(stream), { maxConcurrentStreams: 0 });
    const calls = ['a', 'b', 'c'].map((text) => connect(address).unary(unary, text, callOf()));
    await eventually(() => expect(sessions.length).toBeGreaterThanOrEqual(3));
    for (const session of sessions) session.settings({ maxConcurrentStreams: 1 });
    await expect(Promise.all(calls)).resolves.toEqual(['hello', 'hello', 'hello']);
  });

  it('sends no list of fields above the limit of the server, and keeps the connection', async () => {
    const { address, sessions } = await serveRaw((stream) => answer(stream), { maxHeaderListSize: 2_000 });
    const transport = connect(address);
    await transport.unary(unary, 'a', callOf());
    const metadata = Metadata({ long: 'x'.repeat(2_000) });
    const tooLong = transport.unary(unary, 'a', callOf({ metadata }));
    await expect(tooLong).rejects.toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('2000 bytes'),
    });
    await expect(transport.unary(unary, 'a', callOf())).resolves.toBe('hello');
    expect(sessions).toHaveLength(1);
  });

  it('sends no more than the window if the server shrinks it during a call, and the rest once it has grown', async () => {
    const begin = settings([SettingId.INITIAL_WINDOW_SIZE, 10_000], [SettingId.MAX_FRAME_SIZE, 16_384]);
    const server = await serveFrames(begin);
    const transport = connect(server.address);
    const call = transport.unary(unary, 'x'.repeat(50_000), callOf()).catch(() => undefined);
    const bytes = () => server.of(FrameType.DATA).reduce((sum, { payload }) => sum + payload.length, 0);
    await eventually(() => expect(bytes()).toBe(10_000));
    server.send(
      Buffer.concat([
        settings([SettingId.INITIAL_WINDOW_SIZE, 1_000]),
        http2Frame(FrameType.PING, 0, 0, Buffer.alloc(8)),
      ]),
    );
    await eventually(() => expect(server.of(FrameType.PING).filter(({ flags }) => flags === Flag.ACK)).toHaveLength(1));
    expect(bytes()).toBe(10_000);
    server.send(settings([SettingId.INITIAL_WINDOW_SIZE, 65_535]));
    await call;
    expect(bytes()).toBe(50_005);
    expect(Math.max(...server.of(FrameType.DATA).map(({ payload }) => payload.length))).toBeLessThanOrEqual(16_384);
  });

  it('ends the connection if the server enables pushes', async () => {
    const server = await serveFrames(settings([SettingId.ENABLE_PUSH, 1]));
    const transport = connect(server.address);
    await expect(transport.unary(unary, 'a', callOf())).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    await eventually(() => {
      expect(server.of(FrameType.GOAWAY)[0]?.payload.readUInt32BE(4)).toBe(ErrorCode.PROTOCOL_ERROR);
    });
  });
});
