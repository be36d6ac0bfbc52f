import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../testing/eventually.ts';
import type { HttpServer } from './http-server.ts';
import { startServer, type TestServer } from './testing/test-server.ts';

let http: HttpServer;
let port: number;
let open: TestServer['open'];

beforeEach(async () => {
  ({ http, port, open } = await startServer());
});

it.each(['GET', 'POST', 'PROPFIND'])('speaks HTTP/1.1, also if %s arrives byte by byte', async (method) => {
  const accepting = once(http.server, 'connection');
  const socket = await open();
  const [accepted] = await accepting;
  for (const [index, byte] of [...method].entries()) {
    socket.write(byte);
    await eventually(() => expect(accepted.bytesRead).toBe(index + 1), { intervalMs: 1 });
  }
  socket.write(' /path HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  const answer = Buffer.concat(await Array.fromAsync<Buffer>(socket)).toString();
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 200 OK.*1.1 ${method} /path`, 's'));
});

it('speaks HTTP/2 with prior knowledge', async () => {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  for (const path of ['/one', '/two']) {
    const stream = session.request({ ':path': path });
    expect(Buffer.concat(await Array.fromAsync<Buffer>(stream)).toString()).toBe(`2.0 GET ${path}`);
  }
});

it('tells HTTP/2 clients when it closes, and closes connections that have sent nothing', async () => {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const silent = await open();
  await once(session, 'remoteSettings');
  const [goaway, ended] = [once(session, 'goaway'), once(silent, 'close')];
  await Promise.all([http.close(50), goaway, ended]);
});

it('closes a connection that ends before it has decided', async () => {
  const socket = await open();
  socket.end('P');
  await once(socket, 'close');
  await http.close(0);
});

it('answers a connection that is kept alive for a moment after it has begun to close', async () => {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const get = async () => {
    const [response] = await once(request({ host: '127.0.0.1', port, agent }).end(), 'response');
    return await text(response);
  };
  expect(await get()).toBe('1.1 GET /');
  const closed = http.close(200);
  expect(await get()).toBe('1.1 GET /');
  await closed;
  await expect(get()).rejects.toThrow();
});
