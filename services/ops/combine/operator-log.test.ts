import { afterEach, expect, it } from 'vitest';
import { DeadLetterServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { captureLog, startMesh, type TestMesh } from '#mesh/testing';
import { opsService } from '../service.ts';
import { createStuckService } from '../testing/stuck-service.ts';

let mesh: TestMesh;
afterEach(() => mesh.stop());

it('logs what an operator redrives and discards, with the note and without the payload', async () => {
  const stuck = createStuckService();
  const log = captureLog();
  mesh = await startMesh([stuck.definition, opsService], {}, log.logger);
  const deadLetters = mesh.runtime.client(DeadLetterServiceContract);
  const [first, second] = [await stuck.addDeadEvent('order-1'), await stuck.addDeadEvent('order-2')];
  const { payload } = await deadLetters.getDeadLetter({ id: first });
  await deadLetters.redriveDeadLetters({ ids: [first], dryRun: true });
  await deadLetters.discardDeadLetters({ ids: [first, 'none'], note: 'a test order' });
  await deadLetters.redriveDeadLetters({ ids: [second] });
  stuck.healed = true;
  await deadLetters.redriveDeadLetters({ ids: [second] });
  const lines = log.lines.filter(({ msg }) => msg.startsWith('dead letter '));
  const peer = expect.stringMatching(/^in-process:\d+$/);
  const common = { level: 'info', source: 'event', origin: 'order.events/stuck', peer };
  expect(lines).toMatchObject([
    { ...common, msg: 'dead letter discarded by an operator', id: first, subject: 'order-1', note: 'a test order' },
    { ...common, msg: 'dead letter redriven by an operator', id: second, subject: 'order-2' },
  ]);
  expect(payload.length).toBeGreaterThan(0);
  expect(JSON.stringify(lines)).not.toContain(Buffer.from(payload).toString());
});
