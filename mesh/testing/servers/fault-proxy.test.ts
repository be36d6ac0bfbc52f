import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../eventually.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

describe('a fault proxy', () => {
  let server: Server;
  let sockets: Socket[];
  let received: string;
  let proxy: FaultProxy;
  const clients: Socket[] = [];

  /** A server that repeats everything and ends when its client does. */
  async function startEcho(prefix = ''): Promise<Server> {
    const echo = createServer((socket) => {
      sockets.push(socket.on('error', () => undefined));
      socket.on('data', (chunk) => {
        received += chunk;
        socket.write(`${prefix}${chunk}`);
      });
    });
    await once(echo.listen(0, '127.0.0.1'), 'listening');
    return echo;
  }
  const portOf = (listening: Server) => (listening.address() as AddressInfo).port;

  beforeEach(async () => {
    sockets = [];
    received = '';
    server = await startEcho();
    proxy = await startFaultProxy(portOf(server));
  });
  afterEach(async () => {
    for (const socket of [...clients.splice(0), ...sockets]) socket.destroy();
    await proxy.close();
    server.close();
  });

  class Client {
    readonly socket: Socket;
    text = '';
    failure: string | undefined;

    constructor(port = proxy.port) {
      this.socket = connect(port, '127.0.0.1');
      clients.push(this.socket);
      this.socket.on('data', (chunk) => {
        this.text += chunk;
      });
      this.socket.on('error', (error: NodeJS.ErrnoException) => {
        this.failure = error.code;
      });
    }

    async echo(text: string): Promise<number> {
      const startMs = performance.now();
      const before = this.text.length;
      this.socket.write(text);
      await eventually(() => expect(this.text.length).toBeGreaterThanOrEqual(before + text.length), { intervalMs: 1 });
      return performance.now() - startMs;
    }
  }

  it('passes everything, and each end of a connection', async () => {
    const client = new Client();
    await client.echo('x'.repeat(3_000_000));
    expect(client.text).toBe(received);
    client.socket.end('last');
    await once(client.socket, 'close');
    expect(client.text).toBe(received);
    expect(client.text).toMatch(/x{3000000}last$/);
    await eventually(() => expect(proxy.open).toBe(0));
    expect(proxy.accepted).toBe(1);
  });

  it('delays each direction by its latency, and delivers what it holds when a connection ends', async () => {
    const client = new Client();
    await client.echo('a');
    proxy.latencyMs = 50;
    expect(await client.echo('b')).toBeGreaterThan(95);
    client.socket.end('c');
    await once(client.socket, 'close');
    expect(client.text).toBe('abc');
  });

  it('limits the rate of a connection', async () => {
    proxy.bytesPerSecond = 100_000;
    const tookMs = await new Client().echo('x'.repeat(20_000));
    expect(tookMs).toBeGreaterThan(190);
    proxy.heal();
    await eventually(async () => expect(await new Client().echo('x'.repeat(20_000))).toBeLessThan(tookMs));
  });

  it('cuts a connection after a number of bytes from the server', async () => {
    proxy.cutAfterBytes = 5;
    const client = new Client();
    client.socket.write('12345678');
    await once(client.socket, 'close');
    expect(client.text).toBe('12345');
    expect(client.failure).toBeUndefined();
  });

  it('closes or resets all connections, and accepts new ones', async () => {
    const [closed, idle] = [new Client(), new Client()];
    await closed.echo('a');
    await idle.echo('a');
    proxy.cut();
    await eventually(() => expect([closed.socket.closed, idle.socket.closed]).toEqual([true, true]));
    expect([closed.failure, idle.failure]).toEqual([undefined, undefined]);

    const reset = new Client();
    await reset.echo('b');
    proxy.reset();
    await eventually(() => expect(reset.failure).toBe('ECONNRESET'));
    await eventually(() => expect(sockets.every(({ destroyed }) => destroyed)).toBe(true));
    await new Client().echo('c');
  });

  it('loses a direction, and delivers what was sent in it after the loss', async () => {
    const client = new Client();
    await client.echo('a');
    proxy.blackHole('replies');
    client.socket.write('b');
    await eventually(() => expect(received).toBe('ab'));
    proxy.blackHole('requests');
    client.socket.write('c');
    const hanging = new Client();
    hanging.socket.write('d');
    await once(hanging.socket, 'connect');
    const direct = new Client(portOf(server));
    for (let round = 0; round < 10; round += 1) await direct.echo('-');
    expect(received).toBe(`ab${'-'.repeat(10)}`);
    expect([client.text, hanging.text, sockets.length]).toEqual(['a', '', 2]);
    proxy.heal();
    await eventually(() => expect([client.text, hanging.text]).toEqual(['abc', 'd']));
  });

  it('routes new connections to another server, past the black hole of the first', async () => {
    const other = await startEcho('other:');
    const client = new Client();
    await client.echo('a');
    proxy.blackHole();
    proxy.routeTo(portOf(other));
    client.socket.write('b');
    const moved = new Client();
    moved.socket.write('c');
    await eventually(() => expect(moved.text).toBe('other:c'));
    expect(client.text).toBe('a');
    other.close();
  });

  it('resets a connection to a server that is away', async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    const client = new Client();
    await eventually(() => expect(client.failure).toBe('ECONNRESET'));
  });
});
