import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh, tempFolder } from '#mesh/testing';
import { compileCache } from '../../mesh/testing/servers/start-process.ts';
import { spawnTool, unusedAddress } from '../../scripts/ordermesh/testing/spawn-tool.ts';
import { inventoryService } from '../../services/inventory/service.ts';
import { paymentService } from '../../services/payment/service.ts';
import { shippingService } from '../../services/shipping/service.ts';
import { startRestartable } from '../support/restart-script.ts';

const contracts: [contract: string, options: string[]][] = [
  ['inventory', []],
  ['payment', []],
  ['shipping', ['--refused-country', 'AQ']],
];

/** Runs `verify-participant` and returns its exit code, its summary and the rules that are not kept. */
async function verify(address: string, contract: string, options: readonly string[]) {
  const { code, lines, errors } = await spawnTool('verify-participant', 'unused:1', [
    address,
    '--contract',
    contract,
    ...options,
  ]);
  const [summary, left] = lines.slice(-2);
  const notKept = lines.slice(1, -2).filter((line) => !line.startsWith('ok '));
  return { code, errors, notKept, summary, left };
}

describe.each(['native', 'grpc-js'])('our participants on the engine %s', (engine) => {
  let mesh: TestMesh;
  beforeAll(async () => {
    mesh = await startMesh([inventoryService, paymentService, shippingService], { GRPC_ENGINE: engine });
  });
  afterAll(() => mesh.stop());

  it.each(contracts)('keep all rules of the contract %s', { timeout: 120_000 }, async (contract, options) => {
    expect(await verify(mesh.address, contract, options)).toEqual({
      code: 0,
      errors: '',
      notKept: [expect.stringContaining('durable'), expect.stringContaining('crash')],
      summary: expect.stringMatching(/^\d+ rules: \d+ kept, 0 broken, 2 not checked$/),
      left: expect.stringMatching(/^it leaves .*verify-[0-9a-f]{8}-…$/),
    });
  });
});

describe('our participants that are killed and started again', () => {
  it.each(contracts)('keep all rules of the contract %s', { timeout: 240_000 }, async (contract, options) => {
    await using folder = await tempFolder();
    const address = await unusedAddress();
    const environment = {
      DATA_DIR: join(folder.path, 'data'),
      GRPC_LISTEN: address,
      LOG_LEVEL: 'warn',
      NODE_COMPILE_CACHE: compileCache,
    };
    const command = [process.execPath, 'services/main.ts', contract];
    await using server = await startRestartable({ address, command, environment }, folder.path);
    expect(await verify(address, contract, [...options, '--restart', server.restart])).toMatchObject({
      code: 0,
      errors: '',
      notKept: [],
      summary: expect.stringMatching(/ 0 broken, 0 not checked$/),
    });
  });
});
