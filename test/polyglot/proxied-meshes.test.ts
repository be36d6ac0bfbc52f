import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { exampleProxies, startExample } from './support/example-proxies.ts';
import { connect, draft, follow } from './support/plain-clients.ts';

describe.each(Object.values(exampleProxies))('the example of $server.name', (proxy) => {
  describeWithServer(proxy.server, 'in front of two meshes', () => {
    let folder: TempFolder;
    let addresses: string[];
    const meshes: StartedProcess[] = [];

    beforeAll(async () => {
      folder = await tempFolder();
      addresses = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
      for (const index of addresses.keys()) await start(index);
    }, 60_000);
    afterAll(async () => {
      for (const mesh of meshes) await mesh[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    async function start(index: number): Promise<void> {
      const address = addresses[index] ?? '';
      const dataDir = join(folder.path, String(index));
      meshes[index] = await startProcess({ dataDir, environment: { GRPC_LISTEN: address } });
      using clients = connect(address);
      // An event to follow.
      await clients.users.createUser(draft());
    }

    it('loses no call of a client with a service config when they restart one by one', {
      timeout: 60_000,
    }, async () => {
      await using started = await startExample(proxy, addresses);
      const config = await readFile(new URL('../../gen/service-config/user.json', import.meta.url), 'utf8');
      using clients = connect(started.address, { 'grpc.service_config': config });
      const codes = new Set<Status>();
      let restarting = true;
      // gRPC stops retrying for a moment after five calls have failed at once.
      const calling = Array.from({ length: 2 }, async () => {
        while (restarting) await clients.users.getUser({ id: 'unknown' }).catch(({ code }) => codes.add(code));
      });
      try {
        for (const [index, address] of addresses.entries()) {
          await meshes[index]?.stop();
          await start(index);
          using direct = connect(address);
          const { id } = await direct.users.createUser(draft());
          // Only this mesh has the user: the proxy sends it calls again. nginx does after 10 s.
          await eventually(() => clients.users.getUser({ id }), { timeoutMs: 30_000, intervalMs: 100 });
        }
      } finally {
        restarting = false;
        await Promise.all(calling);
      }
      expect([...codes]).toEqual([Status.NOT_FOUND]);
    });

    it('passes why a mesh that stops ends its streams', { timeout: 60_000 }, async () => {
      await using started = await startExample(proxy, addresses);
      using clients = connect(started.address);
      const followers = Array.from({ length: 4 }, () => follow(clients));
      await eventually(() => {
        for (const { seen } of followers) expect(seen.events).toBeGreaterThan(0);
      });
      await meshes[1]?.stop();
      const { error } = await Promise.race(followers.map(({ seen, ended }) => ended.then(() => seen)));
      expect(error).toMatchObject({
        code: Status.UNAVAILABLE,
        details: expect.stringContaining('the server is stopping'),
      });
      await start(1);
    });

    it('ends the streams of a mesh that was killed', { timeout: 60_000 }, async () => {
      await using started = await startExample(proxy, addresses);
      // nginx sends a client what has happened to its stream only with the next frame on the connection.
      using clients = connect(started.address, { 'grpc.keepalive_time_ms': 2000 });
      const followers = Array.from({ length: 4 }, () => follow(clients));
      await eventually(() => {
        for (const { seen } of followers) expect(seen.events).toBeGreaterThan(0);
      });
      await meshes[0]?.kill9();
      const cut = await Promise.race(followers.map(({ seen, ended }) => ended.then(() => seen)));
      expect(cut.error).toMatchObject({ code: Status.INTERNAL });
    });
  });
});
