import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { ServiceContract } from '../contract/contract.ts';
import { createTestIssuer } from '../security/testing/test-issuer.ts';
import { tlsFolder } from '../security/tls/testing/tls-folder.ts';
import { type EchoDefinition, echoService } from '../server/testing/echo-service.ts';
import { captureLog } from '../testing/captured-log.ts';
import { createTestCa } from '../testing/certificates.ts';
import { startMesh } from '../testing/start-mesh.ts';
import { tempFolder } from '../testing/temp-folder.ts';
import { createClients } from './program-clients.ts';
import { defineService } from './service/define-service.ts';

const ca = await createTestCa();
const contract = echoService().contract as unknown as ServiceContract<typeof EchoDefinition>;

const echo = defineService({
  name: 'test',
  setup: () => ({ serves: [echoService({ one: async ({ name }: { name: string }) => ({ name }) })] }),
});

/** Starts a service with its certificate, until the test ends; `isOn`: it authenticates calls. */
async function start(name: string, isOn: boolean, address?: string) {
  const { key, cert } = ca.issueFor(name);
  const files = await tlsFolder({ TLS_CERT: cert, TLS_KEY: key, TLS_CA: ca.cert });
  const folder = await tempFolder();
  const issuer = await createTestIssuer();
  const keySet = join(folder.path, 'jwks.json');
  await writeFile(keySet, issuer.keySet);
  const tokens = { AUTH_JWKS: keySet, AUTH_ISSUER: issuer.issuer, AUTH_AUDIENCE: issuer.audience };
  let call = async (): Promise<unknown> => undefined;
  const caller = defineService({
    name,
    setup: ({ client }) => {
      const other = client(contract);
      // Whether the contract allows it is not the question here.
      call = () => other.one({ name: 'Ada' }).catch(() => undefined);
      return { serves: [] };
    },
  });
  const { logger, lines } = captureLog();
  const mesh = await startMesh(
    [address === undefined ? echo : caller],
    {
      ...files.settings,
      ...(isOn && tokens),
      ...(address !== undefined && { DISCOVERY_URL: `static:test=${address}` }),
    },
    logger,
  );
  onTestFinished(async () => {
    await mesh.stop();
    await files[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  const hints = () =>
    lines.filter(({ msg }) => msg.includes('AUTH_JWKS')).map(({ service, msg }) => ({ service, msg }));
  return { address: mesh.address, call: () => call(), hints };
}

const method = '/test.v1.EchoService/One';

it.each([
  ['with it, none with it', true, true, []],
  ['with it, one without', true, false, [/do not say for whom .*set AUTH_JWKS.* there too/]],
  ['without it, one with', false, true, [/this process does not: set AUTH_JWKS.* here too/]],
] as const)(
  'a process notices others that authenticate calls or do not, unlike itself: %s',
  async (_, isOn, isOnThere, expected) => {
    const called = await start('test', isOn);
    const caller = await start('order', isOnThere, called.address);
    await caller.call();
    await caller.call();
    expect(called.hints()).toEqual(expected.map((msg) => ({ service: 'order', msg: expect.stringMatching(msg) })));
  },
);

it('a process without authentication says once that it verifies no tokens', async () => {
  const { logger, lines } = captureLog();
  const mesh = await startMesh([echo], {}, logger);
  onTestFinished(() => mesh.stop());
  const clients = await createClients(mesh.address, { token: 'any', logLevel: 'silent' });
  onTestFinished(() => clients.close());
  for (const name of ['Ada', 'Bob']) await clients.client(contract).one({ name });
  expect(lines.filter(({ msg }) => msg.includes('tokens'))).toMatchObject([{ level: 'info', method }]);
});
