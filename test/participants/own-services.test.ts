import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '#mesh/testing';
import { spawnTool } from '../../scripts/ordermesh/testing/spawn-tool.ts';
import { inventoryService } from '../../services/inventory/service.ts';
import { paymentService } from '../../services/payment/service.ts';
import { shippingService } from '../../services/shipping/service.ts';

describe.each(['native', 'grpc-js'])('our participants on the engine %s', (engine) => {
  let mesh: TestMesh;
  beforeAll(async () => {
    mesh = await startMesh([inventoryService, paymentService, shippingService], { GRPC_ENGINE: engine });
  });
  afterAll(() => mesh.stop());

  it.each([
    ['inventory', []],
    ['payment', []],
    ['shipping', ['--refused-country', 'AQ']],
  ])('keep all rules of the contract %s', { timeout: 120_000 }, async (contract, options) => {
    const args = [mesh.address, '--contract', contract, ...options];
    const { code, lines, errors } = await spawnTool('verify-participant', 'unused:1', args);
    expect({ code, errors, broken: lines.filter((line) => !line.startsWith('ok')).slice(1, -1) }).toEqual({
      code: 0,
      errors: '',
      broken: [expect.stringMatching(/^\d+ rules: \d+ kept, 0 broken, 0 not checked$/)],
    });
  });
});
