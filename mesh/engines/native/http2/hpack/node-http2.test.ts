import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type Http2Server, type OutgoingHttpHeaders } from 'node:http2';
import {
  type AddressInfo,
  connect as connectSocket,
  createServer as createSocketServer,
  type Server,
  type Socket,
} from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../../testing/eventually.ts';
import {
  ackFlag,
  blockOf,
  type Frame,
  frame,
  headersFrame,
  onFrame,
  preface,
  settingsFrame,
  wholeMessage,
} from '../../testing/hpack-frames.ts';
import { createHpackDecoder } from './decoder.ts';
import { createHpackEncoder } from './encoder.ts';

const maxHeaderListBytes = 64 * 1024;
const noSettings: Frame = { type: settingsFrame, flags: 0, streamId: 0, payload: Buffer.alloc(0) };
const tableSizeSetting = 1;

/** Every valid character, each with enough of the shortest code to make Huffman code shorter. */
const everyCharacter = Array.from({ length: 256 }, (_, code) => code)
  .filter((code) => code > 0x20 && code !== 0x7f)
  .map((code) => `${String.fromCharCode(code)}${'a'.repeat(12)}`)
  .join('');

/** Headers of every kind, partly repeated, and enough of them to evict each other from the table. */
function headersOf(number: number): OutgoingHttpHeaders {
  return {
    'content-type': 'application/grpc',
    'grpc-timeout': `${1_000 + number}m`,
    authorization: `Bearer token-${number % 2}`,
    cookie: 'a=b',
    'x-few': `value ${number % 3}`,
    [`x-name-${number % 7}`]: `~{${number}}~`.repeat(1 + (number % 20)),
    'x-every': number === 7 ? everyCharacter : 'none',
    'x-large': 'y'.repeat((number * 37) % 1_500),
  };
}

/** Settings that change the size of the peer's table. */
function tableSize(bytes: number): Frame {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(tableSizeSetting);
  payload.writeUInt32BE(bytes, 2);
  return { ...noSettings, payload };
}

const opened: (Server | Http2Server | Socket | ClientHttp2Session)[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) {
    if ('destroy' in one) one.destroy();
    else one.close();
  }
});

async function portOf(server: Server | Http2Server): Promise<number> {
  opened.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('HPACK with Node as the peer', () => {
  it('is decoded, even after the table shrinks', async () => {
    const decoder = createHpackDecoder({ maxHeaderListBytes });
    const encoder = createHpackEncoder();
    const received: (readonly string[])[] = [];
    const server = createSocketServer((socket) => {
      opened.push(socket);
      const send = (one: Frame) => socket.write(frame(one));
      send(noSettings);
      let announcedBytes: number | undefined;
      onFrame(socket, preface.length, (one) => {
        if (one.type === settingsFrame && one.flags === 0) send({ ...noSettings, flags: ackFlag });
        if (one.type === settingsFrame && one.flags === ackFlag && announcedBytes !== undefined) {
          decoder.setMaxTableSize(announcedBytes);
        }
        if (one.type !== headersFrame) return;
        received.push(decoder.decode(blockOf(one)).fields);
        if (received.length % 20 === 0) {
          announcedBytes = received.length % 40 === 0 ? 4_096 : 200;
          send(tableSize(announcedBytes));
        }
        const payload = encoder.encode([':status', '200', 'x-number', String(received.length)]);
        send({ type: headersFrame, flags: wholeMessage, streamId: one.streamId, payload });
      });
    });
    const client = connect(`http://127.0.0.1:${await portOf(server)}`);
    opened.push(client);
    for (let number = 0; number < 100; number++) {
      const stream = client.request({ ':path': `/${number % 5}`, ...headersOf(number) });
      const [answer] = await once(stream, 'response');
      expect(answer).toMatchObject({ ':status': 200, 'x-number': String(number + 1) });
      const fields = received.at(-1) ?? [];
      for (const [name, value] of Object.entries({ ':path': `/${number % 5}`, ...headersOf(number) })) {
        expect(fields[fields.indexOf(name) + 1]).toBe(value);
      }
    }
  });

  it('has the same names in the static table', async () => {
    const { promise, resolve } = Promise.withResolvers<string[]>();
    const server = createServer();
    server.on('stream', (_stream, _headers, _flags, rawHeaders) => resolve(rawHeaders));
    const socket = connectSocket(await portOf(server), '127.0.0.1');
    opened.push(socket);
    // All with distinct values, except content-length, which has to be a number, and transfer-encoding, which is refused.
    const indexes = Array.from({ length: 47 }, (_, index) => 15 + index).filter(
      (index) => index !== 28 && index !== 57,
    );
    const literals = indexes.flatMap((index) => [0x0f, index - 0x0f, 1, 0x61]);
    const payload = Buffer.of(0x83, 0x87, 0x85, ...literals);
    socket.write(Buffer.concat([preface, frame(noSettings)]));
    socket.write(frame({ type: headersFrame, flags: wholeMessage, streamId: 1, payload }));
    const decoder = createHpackDecoder({ maxHeaderListBytes });
    expect(decoder.decode(payload).fields).toEqual(await promise);
  });

  it('accepts what the encoder writes, even with a smaller table', async () => {
    const received: string[][] = [];
    const server = createServer({ settings: { headerTableSize: 300 } });
    server.on('stream', (stream, _headers, _flags, rawHeaders) => {
      received.push(rawHeaders);
      stream.respond({ ':status': 200, ...headersOf(received.length) }, { endStream: true });
    });
    const socket = connectSocket(await portOf(server), '127.0.0.1');
    opened.push(socket);
    const encoder = createHpackEncoder();
    const decoder = createHpackDecoder({ maxHeaderListBytes });
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
    const answers: (readonly string[])[] = [];
    onFrame(socket, 0, (one) => {
      if (one.type === settingsFrame && one.flags === 0) {
        encoder.setMaxTableSize(300);
        socket.write(frame({ ...noSettings, flags: ackFlag }));
        settle();
      }
      if (one.type === headersFrame) answers.push(decoder.decode(blockOf(one)).fields);
    });
    socket.write(Buffer.concat([preface, frame(noSettings)]));

    const request = (number: number): string[] => [
      ...[':method', 'POST', ':scheme', 'http', ':authority', 'localhost', ':path', `/${number % 5}`],
      ...Object.entries(headersOf(number)).flatMap(([name, value]) => [name, String(value)]),
    ];
    const send = (number: number): void => {
      const payload = encoder.encode(request(number));
      socket.write(frame({ type: headersFrame, flags: wholeMessage, streamId: 2 * number + 1, payload }));
    };
    // The first ones before the peer's settings are known.
    for (let number = 0; number < 10; number++) send(number);
    await settled;
    for (let number = 10; number < 100; number++) send(number);

    await eventually(() => expect(answers.length).toBe(100));
    expect(received).toEqual(Array.from({ length: 100 }, (_, number) => request(number)));
    for (const [index, fields] of answers.entries()) {
      for (const [name, value] of Object.entries(headersOf(index + 1))) {
        expect(fields[fields.indexOf(name) + 1]).toBe(value);
      }
    }
  });
});
