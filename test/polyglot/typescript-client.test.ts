import { execFile } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { writeClients } from '../../scripts/clients/clients.ts';
import { exportProtos } from '../../scripts/protos.ts';
import { allServices } from '../../services/all.ts';
import { installTypeScriptClient } from './support/typescript-client.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

describe('the client for TypeScript', () => {
  const stack = new AsyncDisposableStack();
  let example: string;
  let mesh: TestMesh;

  beforeAll(async () => {
    const folder = stack.use(await tempFolder()).path;
    await writeClients('typescript', join(folder, 'gen/typescript'));
    await exportProtos(join(folder, 'dist/protos'));
    await cp(join(root, 'examples/clients/typescript'), join(folder, 'examples/clients/typescript'), {
      recursive: true,
    });
    example = await installTypeScriptClient(folder);
    mesh = stack.adopt(await startMesh(allServices), (started) => started.stop());
    const users = mesh.runtime.client(UserServiceContract);
    await users.createUser({ user: { id: 'ada', name: 'Ada Lovelace', email: 'ada@example.com' } });
  }, 240_000);
  afterAll(() => stack.disposeAsync());

  /** Runs a program in the folder of the example; `$ADDRESS` in it is the mesh. Returns what it prints. */
  async function runProgram(name: string, source: string): Promise<string> {
    await writeFile(join(example, name), source.replaceAll('$ADDRESS', mesh.address));
    const { stdout } = await run(process.execPath, [name], { cwd: example, timeout: 20_000 });
    return stdout;
  }

  it.each(['generated-client.ts', 'proto-loader.js'])('runs samples/%s with only its address changed', async (name) => {
    const sample = await readFile(join(example, 'samples', name), 'utf8');
    expect(sample).toContain("('user-service:50051', credentials.createInsecure())");
    expect(sample).toContain('await promisify(client.getUser.bind(client))({ id: userId })');
    const changed = sample.replace('user-service:50051', '$ADDRESS');
    await expect(runProgram(join('samples', name), changed)).resolves.toBe('Ada Lovelace <ada@example.com>\n');
  });

  it('works in CommonJS', async () => {
    const program = `
      const { credentials } = require('@grpc/grpc-js');
      const { UserServiceClient } = require('ordermesh-clients/user/v1/user');
      const { detailsOf } = require('ordermesh-clients/calls');
      const users = new UserServiceClient('$ADDRESS', credentials.createInsecure());
      users.getUser({ id: 'nobody' }, (error) => {
        console.log(detailsOf(error).reason);
        users.close();
      });
    `;
    await expect(runProgram('program.cjs', program)).resolves.toBe('USER_NOT_FOUND\n');
  });

  it('has the definitions that nice-grpc takes', async () => {
    const program = `
      import { createChannel, createClient } from ${JSON.stringify(import.meta.resolve('nice-grpc'))};
      import { UserServiceDefinition } from 'ordermesh-clients/user/v1/user';
      const channel = createChannel('$ADDRESS');
      const { name } = await createClient(UserServiceDefinition, channel).getUser({ id: 'ada' });
      console.log(name);
      channel.close();
    `;
    await expect(runProgram('nice-grpc.mjs', program)).resolves.toBe('Ada Lovelace\n');
  });

  describe('resumeListing', () => {
    const start = `
      import { credentials } from '@grpc/grpc-js';
      import { resumeListing } from 'ordermesh-clients/calls';
      import { EventServiceClient, SubscribeRequest } from 'ordermesh-clients/events/v1/events';
      const open = (address, topic) => {
        const client = new EventServiceClient(address, credentials.createInsecure());
        const from = { $case: 'start', value: 1 };
        let opened = 0;
        const openAfter = () => {
          opened += 1;
          return client.subscribe(SubscribeRequest.fromPartial({ topic, from }));
        };
        return { client, listing: resumeListing(openAfter, ({ id }) => id), count: () => opened };
      };
    `;

    it('ends the call when its loop is left', async () => {
      // The program ends by itself only if no call is running: the events of a topic never end.
      const program = `${start}
        const { client, listing } = open('$ADDRESS', 'user.events');
        for await (const { type } of listing) {
          console.log(type);
          break;
        }
        client.close();
      `;
      await expect(runProgram('left.mjs', program)).resolves.toBe('USER_CREATED\n');
    });

    it('gives up after five attempts in a row that yielded nothing, and immediately if the call is refused', async () => {
      const program = `${start}
        for (const [address, topic] of [['127.0.0.1:1', 'user.events'], ['$ADDRESS', 'unknown']]) {
          const { client, listing, count } = open(address, topic);
          await listing.next().catch(({ code }) => console.log(code, count()));
          client.close();
        }
      `;
      await expect(runProgram('refused.mjs', program)).resolves.toBe('14 5\n5 1\n');
    });
  });
});
