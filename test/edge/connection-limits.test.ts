import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { send } from './support/http.ts';

async function startLimited(environment: Record<string, string>) {
  const mesh = await startMesh(allServices, {
    HTTP_LISTEN: '127.0.0.1:0',
    METRICS_LISTEN: '127.0.0.1:0',
    ...environment,
  });
  onTestFinished(() => mesh.stop());
  const { httpAddress = '', metricsAddress = '' } = mesh;
  const [host, port] = httpAddress.split(':');
  const open = async (): Promise<Socket> => {
    const socket = connect(Number(port), host).on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const metric = async (name: string) => {
    const { text: metrics } = await send(metricsAddress, 'GET', '/metrics');
    const line = metrics.split('\n').find((found) => found.startsWith(`${name} `));
    return Number(line?.split(' ').at(-1));
  };
  return { address: httpAddress, open, metric };
}

it.each([
  [{ HTTP_MAX_CONNECTIONS: '5' }, 'TOO_MANY_CONNECTIONS', 'too_many_connections'],
  [{ HTTP_MAX_CONNECTIONS_PER_ADDRESS: '5' }, 'TOO_MANY_CONNECTIONS_OF_ADDRESS', 'too_many_of_address'],
])(
  'with %j a flood of connections is refused and counted, and those that were there are served',
  async (limits, reason, label) => {
    const { address, open, metric } = await startLimited(limits);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    expect((await send(address, 'GET', '/api/users', { agent })).status).toBe(200);
    const held = await Promise.all(Array.from({ length: 4 }, open));
    await eventually(async () => expect(await metric('ordermesh_http_connections_open')).toBe(5));
    const refused = await send(address, 'GET', '/api/users');
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, json: { reason } });
    const flood = await Promise.all(Array.from({ length: 200 }, open));
    await Promise.all(flood.map((socket) => text(socket).catch(() => undefined)));
    expect(await metric(`ordermesh_http_connections_ended_total{reason="${label}"}`)).toBe(201);
    expect((await send(address, 'GET', '/api/users', { agent })).status).toBe(200);
    for (const socket of held) socket.destroy();
    await eventually(async () => expect((await send(address, 'GET', '/api/users')).status).toBe(200));
  },
);

it('clients that send their headers byte by byte get a 408, and others are served meanwhile', {
  timeout: 60_000,
}, async () => {
  const { address, open, metric } = await startLimited({});
  const slow = await Promise.all(Array.from({ length: 20 }, open));
  const answers = slow.map((socket) => text(socket));
  for (const socket of slow) socket.write('GET /api/users HTTP/1.1\r\nhost: a\r\n');
  const drip = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write('a: b\r\n');
  }, 500);
  onTestFinished(() => clearInterval(drip));
  expect((await send(address, 'GET', '/api/users')).status).toBe(200);
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1.1 408 [\s\S]*REQUEST_TOO_SLOW/);
  expect(await metric('ordermesh_http_connections_ended_total{reason="slow_request"}')).toBe(20);
});
