import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TlsFolder, tlsFolder } from '../../mesh/security/tls/testing/tls-folder.ts';
import { createTestCa } from '../../mesh/testing/certificates.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { chunks, lines, smuggling } from './attacks/framing.ts';
import { methods } from './attacks/methods.ts';
import { sendAttack } from './attacks/send-attack.ts';
import { sizes } from './attacks/sizes.ts';
import { send } from './support/http.ts';

const run = promisify(execFile);
const ca = await createTestCa();
const certificate = async (name: string) => {
  const { key, cert } = await ca.sign('localhost', '127.0.0.1', name);
  return { HTTP_TLS_CERT: cert, HTTP_TLS_KEY: key };
};

let folder: TlsFolder;
let trusted: TlsFolder;
let mesh: TestMesh;
let address: string;
beforeAll(async () => {
  folder = await tlsFolder(await certificate('first'));
  trusted = await tlsFolder({ TLS_CA: ca.cert });
  mesh = await startMesh(allServices, { ...folder.settings, HTTP_LISTEN: '127.0.0.1:0' });
  address = mesh.httpAddress ?? '';
});
afterAll(async () => {
  await mesh.stop();
  await folder[Symbol.asyncDispose]();
  await trusted[Symbol.asyncDispose]();
});

const port = () => Number(address.split(':')[1]);

async function curl(...args: string[]): Promise<string> {
  const { stdout } = await run('curl', ['-sS', '--max-time', '20', '--cacert', trusted.settings.TLS_CA ?? '', ...args]);
  return stdout;
}

function postUser(id: string): string[] {
  const user = JSON.stringify({ id, name: 'User', email: `${id}@example.com` });
  return ['-X', 'POST', '-H', 'content-type: application/json', '-d', user];
}

describe('the HTTP listener with a certificate', () => {
  beforeAll(() => curl(...postUser('good'), `https://localhost:${port()}/api/users`));

  it.each([
    ['--http1.1', '1.1'],
    ['--http2', '2'],
  ])('serves curl %s', async (option, version) => {
    const written = ['-o', '/dev/null', '-w', '%{http_version} %{response_code}'];
    expect(
      await curl(option, ...postUser(`curl-${version}`), ...written, `https://localhost:${port()}/api/users`),
    ).toBe(`${version} 200`);
  });

  it('is used with a certificate from curl only if its CA is known', async () => {
    await expect(run('curl', ['-sS', `https://localhost:${port()}/api/health`])).rejects.toThrow(/certificate/);
  });

  it('shows when that expires', () => {
    expect(mesh.runtime.info.expiries()).toMatchObject([
      { use: 'http', variable: 'HTTP_TLS_CERT', subject: 'CN=localhost' },
    ]);
  });

  it('tells browsers to use TLS only, except on this machine', async () => {
    const head = (host: string) =>
      curl('-D', '-', '-o', '/dev/null', '-H', `host: ${host}`, `https://localhost:${port()}/api/health`);
    expect(await head('shop.example')).toMatch(/^strict-transport-security: max-age=31536000\r$/m);
    expect(await head('localhost')).not.toContain('strict-transport-security');
  });

  it('answers plain HTTP with what is wrong', async () => {
    const { status, json: problem } = await send(address, 'GET', '/api/health');
    expect([status, problem.detail]).toEqual([400, 'this port speaks HTTPS, not HTTP: call it as https://']);
  });

  it('uses a replaced certificate without a restart, and without a failed request', async () => {
    const names = async () => {
      const outgoing = request({
        port: port(),
        host: '127.0.0.1',
        path: '/api/health',
        ca: ca.cert,
        agent: false,
      }).end();
      const [response] = await once(outgoing, 'response');
      expect([response.statusCode, await json(response)]).toMatchObject([200, {}]);
      return response.socket.getPeerX509Certificate()?.subjectAltName;
    };
    expect(await names()).toContain('DNS:first');
    await folder.write(await certificate('second'));
    await eventually(async () => expect(await names()).toContain('DNS:second'));
  });

  const attacks = [smuggling, chunks, lines, methods, sizes].flatMap((rows) =>
    rows.filter((_, index) => index % 6 === 0),
  );
  it.each(attacks.map((row) => [row.name, row] as const))('takes the attack "%s" as in the clear', async (_, row) => {
    const open = () => connect({ port: port(), host: '127.0.0.1', ca: ca.cert });
    const received = await sendAttack(open, row);
    expect(received.map(({ status }) => status)).toEqual(row.answers);
  });
});

describe('HTTP_TLS_CERT', () => {
  it('stops a start without its key, or with another', async () => {
    const { HTTP_TLS_CERT = '', HTTP_TLS_KEY } = folder.settings;
    const start = (settings: Record<string, string>) =>
      startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0', ...settings });
    await expect(start({ HTTP_TLS_CERT })).rejects.toThrow('HTTP_TLS_CERT needs HTTP_TLS_KEY');
    const other = await tlsFolder(await certificate('third'));
    const mixed = start({ HTTP_TLS_CERT, HTTP_TLS_KEY: join(other.settings.HTTP_TLS_KEY ?? '') });
    await expect(mixed).rejects.toThrow(/HTTP_TLS_KEY names .* which is not the key of the certificate/);
    expect(HTTP_TLS_KEY).toBeDefined();
    await other[Symbol.asyncDispose]();
  });
});
