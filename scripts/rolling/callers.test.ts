import { describe, expect, it, onTestFinished } from 'vitest';
import { User } from '#gen/user/v1/user.ts';
import type { ServiceDefinition } from '../../mesh/app/service/service.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { ghz, grpcGoRestart } from '../../mesh/testing/servers/go-tools.ts';
import { grpcPython } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { userService } from '../../services/user/service.ts';
import { type Caller, startGhz, startGrpcGo, startGrpcio } from './callers.ts';
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

const reads = (mesh: Parameters<typeof createReads>[0]) =>
  createReads(mesh).filter(({ path }) => path === '/user.v1.UserService/GetUser');

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
