import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { createClients } from '#mesh';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { openCertsFolder } from '../../scripts/certs/certs-folder.ts';
import { userService } from '../../services/user/service.ts';
import type { Access } from './access.ts';
import { describeFailure } from './failures.ts';
import { connect } from './mesh.ts';

async function failureAt(server: Server, tls?: Access['tls'], setting?: string): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const mesh = connect(`127.0.0.1:${address.port}`, { tls, token: undefined });
  onTestFinished(() => mesh.close());
  try {
    await mesh.health.check({}, { signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    return describeFailure(error, 'A', setting).text;
  }
  throw new Error('it was reached');
}

it.each([
  [
    'a mesh with TLS',
    'none',
    'valid',
    /^the mesh at A cannot be reached: it ends the connection, .* set TLS_CA, or DATA_DIR/,
  ],
  ['a mesh whose certificate has expired', 'right', 'expired', /: its certificate has expired: run "make certs"/],
  ['a mesh of another CA', 'other', 'valid', /: TLS_CA is not the CA that signed its certificate/],
  ['a mesh without TLS', 'right', 'none', /: it does not use TLS: unset TLS_CA/],
])('says why %s cannot be reached, and what to do', async (_, trusted, certificate, text) => {
  await using folder = await tempFolder();
  const certs = openCertsFolder(`${folder.path}/own`);
  const others = openCertsFolder(`${folder.path}/other`);
  for (const each of [certs, others]) each.prepare();
  certs.sign(['mesh'], certificate === 'expired' ? { notAfter: new Date(Date.now() - 1_000) } : {});
  const { cert, key } = certs.filesOf('mesh');
  const files = { cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: ['h2'] };
  const server =
    certificate === 'none' ? createServer((socket) => socket.end('HTTP/1.1 400 \r\n\r\n')) : createTlsServer(files);
  const ca = readFileSync(trusted === 'other' ? others.ca : certs.ca, 'utf8');
  expect(await failureAt(server, trusted === 'none' ? undefined : { ca })).toMatch(text);
});

it.each([
  ['an HTTP/1.1 server', () => createHttpServer((_, response) => response.end())],
  [
    'the HTTP port of a mesh',
    () => createHttp2Server((_, response) => response.writeHead(415, { 'content-type': 'application/json' }).end('{}')),
  ],
])('says that %s serves no gRPC', async (_, create) => {
  const text = (setting: string) =>
    `the mesh at A cannot be reached: this port serves HTTP, not gRPC: set ${setting} to its gRPC port, 50051 with "make start"`;
  expect(await failureAt(create(), undefined)).toBe(text('ADDRESS'));
  expect(await failureAt(create(), undefined, '--address')).toBe(text('--address'));
});

it('has the text of the mesh for an error of a client of createClients', async () => {
  const clients = await createClients('127.0.0.1:1');
  onTestFinished(() => clients.close());
  const unreached: unknown = await clients
    .client(UserServiceContract)
    .getUser({ id: 'a' })
    .catch((error) => error);
  expect(describeFailure(unreached, 'A')).toMatchObject({
    code: 3,
    text: expect.stringContaining('cannot be reached'),
  });
  const mesh = await startMesh([userService]);
  onTestFinished(() => mesh.stop());
  await rm(join(mesh.dataDir, 'user.db'));
  const user = { id: 'a', name: 'A', email: 'a@x.org' };
  const lost: unknown = await mesh.runtime
    .client(UserServiceContract)
    .createUser({ user })
    .catch((error) => error);
  expect(describeFailure(lost, 'A')).toEqual({ code: 3, text: expect.stringMatching(/^database /) });
});

it('does not take what a proxy refuses for an HTTP port', async () => {
  const proxy = createHttp2Server((_, response) => response.writeHead(403).end());
  expect(await failureAt(proxy)).toMatch(/^refused with PERMISSION_DENIED: Received HTTP status code 403/);
});
