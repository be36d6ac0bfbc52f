import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SagaServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { StatusServiceContract } from '#gen/ops/v1/status.contract.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { spawnTool } from '../../scripts/ordermesh/testing/spawn-tool.ts';
import { opsService } from '../../services/ops/service.ts';
import { notServing } from '../support/health-of.ts';

describe('ops of a mesh with a gateway that serves and one that is down', () => {
  let folder: TempFolder;
  let gateway: StartedProcess;
  let ops: TestMesh;
  let up: string;
  let down: string;

  beforeAll(async () => {
    up = `127.0.0.1:${await freePort()}`;
    down = `127.0.0.1:${await freePort()}`;
    ops = await startMesh([opsService], { DISCOVERY_URL: `static:gateway=${up}+${down}` });
    folder = await tempFolder();
    const environment = { GRPC_ENGINE: 'native', OPS_LISTEN: up, DISCOVERY_URL: `static:ops=${ops.address}` };
    gateway = await startProcess({ dataDir: folder.path, args: ['gateway'], environment });
  });
  afterAll(async () => {
    await gateway.end('SIGKILL');
    await ops.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('lists both', async () => {
    const { code, lines } = await spawnTool('status', ops.address, []);
    expect(lines[0]).toMatch(/: 2 of 3 processes serve, 1 does not answer$/);
    expect(lines).toContainEqual(expect.stringMatching(`^  gateway@${up} +serving +\\d+ s +gateway +\\d`));
    expect(lines).toContainEqual(expect.stringMatching(`^  gateway@${down} +no answer +- `));
    expect(lines).toContainEqual(expect.stringMatching(`^  gateway@${down} did not answer: `));
    expect(code).toBe(1);
  });

  it('answers behind the gateway, not the gateway itself', async () => {
    const { code, lines } = await spawnTool('status', gateway.address, []);
    expect({ code, head: lines[0] }).toEqual({ code: 1, head: expect.stringContaining('2 of 3 processes serve') });
    const status = await gateway.client(StatusServiceContract).getStatus({});
    expect(status.process?.services).toEqual(['ops']);
  });

  it('shows the health of the gateway at its OPS_LISTEN', async () => {
    expect(await notServing(up)).toEqual([]);
  });

  it('does not expect sagas at a gateway', async () => {
    const saga = ops.runtime.client(SagaServiceContract).getSaga({ name: { $case: 'id', value: 'none' } });
    await expect(saga).rejects.toMatchObject({ reason: 'UNKNOWN_SAGA' });
  });
});
