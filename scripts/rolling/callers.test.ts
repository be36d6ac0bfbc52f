import { describe, expect, it, onTestFinished } from 'vitest';
import { User } from '#gen/user/v1/user.ts';
import type { ServiceDefinition } from '../../mesh/app/service/service.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { ghz, grpcGoRestart } from '../../mesh/testing/servers/go-tools.ts';
import { grpcPython } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { userService } from '../../services/user/service.ts';
import { type Caller, startAll, startGhz, startGrpcGo, startGrpcio, startProgram } from './callers.ts';
import { createReads } from './reads.ts';

/** Starts a user service whose calls can be made to hang, until all that hang fail. */
async function startUsers() {
  const counts = { answered: 0, hanging: 0 };
  let hanging: PromiseWithResolvers<void> | undefined;
  const getUser = async ({ id }: { readonly id: string }) => {
    counts.hanging += hanging === undefined ? 0 : 1;
    await hanging?.promise;
    counts.answered += 1;
    return User.fromPartial({ id });
  };
  const service: ServiceDefinition = {
    ...userService,
    async create(runtime, process) {
      const created = await userService.create(runtime, process);
      const serves = created.serves.map((served) => ({ ...served, handlers: { ...served.handlers, getUser } }));
      return { ...created, serves: serves as unknown as typeof created.serves };
    },
  };
  const mesh = await startMesh([service]);
  onTestFinished(() => mesh.stop());
  const hang = () => {
    hanging = Promise.withResolvers();
    hanging.promise.catch(() => undefined);
  };
  const fail = () => hanging?.reject(new Error('hung'));
  return { mesh, counts, hang, fail };
}

/** As many that the programs, which report every 20 calls, do so each second. */
const reads = (mesh: Parameters<typeof createReads>[0]) => {
  const [read] = createReads(mesh).filter(({ path }) => path === '/user.v1.UserService/GetUser');
  return read === undefined ? [] : [read, read, read, read];
};

describe.each([
  [ghz, (address: string) => startGhz('read', address, 50)],
  [grpcGoRestart, (address: string, mesh: Parameters<typeof createReads>[0]) => startGrpcGo(address, reads(mesh))],
  [grpcPython, (address: string, mesh: Parameters<typeof createReads>[0]) => startGrpcio(address, reads(mesh))],
])('a caller', (tool, start) => {
  describeWithServer(tool, `with ${tool.name}`, () => {
    it('waits for calls that hang when it ends, and counts those that fail then', { timeout: 30_000 }, async () => {
      const { mesh, counts, hang, fail } = await startUsers();
      const caller: Caller = await start(mesh.address, mesh.runtime);
      await eventually(() => expect(counts.answered).toBeGreaterThan(2));
      hang();
      await eventually(() => expect(counts.hanging).toBeGreaterThan(0));
      const ending = caller.end();
      fail();
      const seen = await ending;
      const { calls, failed } = seen.between(0, Number.POSITIVE_INFINITY);
      expect(calls).toBeGreaterThan(2);
      expect(failed, seen.errors.join()).toBeGreaterThan(0);
    });
  });
});

describe('a program that calls', () => {
  const sample = `console.log('{"calls":20,"streams":0,"failures":0}');`;
  const summary = `console.log('{"calls":21,"streams":0,"failures":[]}');`;
  const atEnd = (script: string) => `process.stdin.resume().on('end', () => { ${script} });`;
  const start = (...scripts: readonly string[]) =>
    startProgram('grpcio', [process.execPath, '-e', scripts.join(' ')], '127.0.0.1:1', []);

  it('is counted up to its summary', async () => {
    const caller = await start(sample, atEnd(summary));
    expect((await caller.end()).between(0, Number.POSITIVE_INFINITY)).toEqual({ calls: 21, failed: 0 });
  });

  it.each([
    ['exits with another code than 0', [sample, atEnd(`${summary} process.exit(3);`)], 'ended with exit code 3'],
    ['is killed', [sample, `process.kill(process.pid, 'SIGKILL');`], 'ended with SIGKILL'],
    ['ends without its summary', [sample], 'ended without its summary'],
  ])('fails at its end if it %s', async (_, scripts, text) => {
    const caller = await start(...scripts);
    await expect(caller.end()).rejects.toThrow(`grpcio ${text}`);
  });

  it('fails at its start if it ends before its first call, which ends the others', async () => {
    let ended = 0;
    const other: Caller = {
      name: 'other',
      async end() {
        ended += 1;
        return { between: () => ({ calls: 0, failed: 0 }), errors: [] };
      },
    };
    const starting = [start('process.exit(1);'), Promise.resolve(other)];
    await expect(startAll(starting)).rejects.toThrow('grpcio ended with exit code 1');
    expect(ended).toBe(1);
  });
});
