import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { createClients } from '../../mesh/app/program-clients.ts';
import type { ClientFactory } from '../../mesh/client/client-factory.ts';
import { captureLog } from '../../mesh/testing/captured-log.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { type CertsFolder, openCertsFolder, programCertificate } from '../../scripts/certs/certs-folder.ts';
import { startReads } from '../../scripts/rolling/callers.ts';
import { restartUnderLoad } from '../../scripts/rolling/phases.ts';
import { letExpire } from '../../scripts/rotation/expiry.ts';
import { createRotation, rotationPhases } from '../../scripts/rotation/rotate.ts';
import { runnableServices } from '../../services/all.ts';

/** Reads each file anew: callers of the tests come and go. */
const pem = (path: string) => readFileSync(path, 'utf8');

describe('a gateway and a service with certificates of their own', () => {
  async function open() {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await tempFolder());
    const certs = openCertsFolder(join(folder.path, 'certs'));
    certs.prepare();
    certs.sign(['user', 'gateway', programCertificate]);
    const { logger, lines } = captureLog();
    async function start(name: string, settings: Record<string, string> = {}): Promise<TestMesh> {
      const { cert, key, ca } = certs.filesOf(name);
      const environment = { GRPC_ENGINE: 'native', TLS_CERT: cert, TLS_KEY: key, TLS_CA: ca, ...settings };
      const services = runnableServices.filter((service) => service.name === name);
      return await startMesh(services, environment, logger);
    }
    // The gateway finds a user service that is restarted at the same address.
    const address = `127.0.0.1:${await freePort()}`;
    let user = await start('user', { GRPC_LISTEN: address });
    stack.defer(() => user.stop());
    const restartUser = async () => {
      await user.stop();
      user = await start('user', { GRPC_LISTEN: address });
    };
    const gateway = await start('gateway', { DISCOVERY_URL: `static:user=${address}`, TLS_CLIENTS: 'optional' });
    stack.defer(() => gateway.stop());
    const opened = stack.move();
    return { certs, restartUser, gateway, lines, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  }

  async function clientsAt(address: string, certs: CertsFolder, name?: string): Promise<ClientFactory> {
    const files = name === undefined ? undefined : certs.filesOf(name);
    const tls = { ca: pem(certs.ca), ...(files && { cert: pem(files.cert), key: pem(files.key) }) };
    return await createClients(address, { tls, logLevel: 'silent' });
  }

  it('fail no call while certificates and the CA are replaced', { timeout: 60_000 }, async () => {
    await using mesh = await open();
    const { certs, gateway } = mesh;
    certs.addCa();
    const clients = await clientsAt(gateway.address, certs);
    const users = clients.client(UserServiceContract);
    await users.createUser({ user: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
    const read = () => users.getUser({ id: 'ada' });
    // Each of these calls opens a connection.
    const fresh = async () => {
      const once = await clientsAt(gateway.address, certs);
      await once
        .client(UserServiceContract)
        .getUser({ id: 'ada' })
        .finally(() => once.close());
    };
    const callers = [startReads('open', [read, read]), startReads('new', [fresh])];
    const rotate = createRotation({ certs, seconds: 6, everyMs: 1_500, readMs: 3_000 });
    const seen = await restartUnderLoad(callers, rotate, {
      services: rotationPhases,
      quietMs: 500,
      say: () => undefined,
    });
    clients.close();
    expect([...seen.errors.values()].flat()).toEqual([]);
    const made = (caller: string) => seen.phases.reduce((sum, { calls }) => sum + (calls.get(caller)?.calls ?? 0), 0);
    expect(made('open')).toBeGreaterThan(20);
    expect(made('new')).toBeGreaterThan(3);
  });

  it('refuse each other once one has expired, and say so, until it is renewed', { timeout: 90_000 }, async () => {
    await using mesh = await open();
    const { certs, gateway, lines } = mesh;
    const clients = await clientsAt(gateway.address, certs);
    const users = clients.client(UserServiceContract);
    const result = await letExpire({
      certs,
      service: 'user',
      lifeMs: 10_000,
      restart: mesh.restartUser,
      call: () => users.batchGetUsers({ ids: ['ada'] }),
      log: () => lines.map((line) => JSON.stringify(line)).join('\n'),
    });
    clients.close();
    expect(result.refusedAfterMs).toBeLessThan(60_000);
    expect(result.logged).toMatch(/user/);
    expect(result.backAfterMs).toBeLessThan(30_000);
  });
});
