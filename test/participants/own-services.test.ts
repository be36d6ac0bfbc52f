import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startMesh, type TempFolder, type TestMesh, tempFolder } from '#mesh/testing';
import { reach } from '../../mesh/testing/servers/reach.ts';
import { spawnTool, unusedAddress } from '../../scripts/ordermesh/testing/spawn-tool.ts';
import { inventoryService } from '../../services/inventory/service.ts';
import { paymentService } from '../../services/payment/service.ts';
import { shippingService } from '../../services/shipping/service.ts';

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
  let folder: TempFolder;
  beforeAll(async () => {
    folder = await tempFolder();
  });
  afterEach(async () => {
    process.kill(Number(await readFile(join(folder.path, 'pid'), 'utf8')), 'SIGKILL');
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  it.each(contracts)('keep all rules of the contract %s', { timeout: 240_000 }, async (contract, options) => {
    const address = await unusedAddress();
    const file = (name: string) => join(folder.path, name);
    const script = `[ "$1" = start ] || kill -9 "$(cat ${file('pid')})"
DATA_DIR=${file(contract)} GRPC_LISTEN=${address} LOG_LEVEL=warn \
  nohup ${process.execPath} services/main.ts ${contract} > ${file('log')} 2>&1 &
echo $! > ${file('pid')}
`;
    await writeFile(file('restart.sh'), script);
    execFileSync('sh', [file('restart.sh'), 'start']);
    await eventually(() => reach(address), { timeoutMs: 30_000 });
    expect(await verify(address, contract, [...options, '--restart', `sh ${file('restart.sh')}`])).toMatchObject({
      code: 0,
      errors: '',
      notKept: [],
      summary: expect.stringMatching(/ 0 broken, 0 not checked$/),
    });
  });
});
