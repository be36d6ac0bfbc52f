import { expect, it, onTestFinished } from 'vitest';
import { startGuardedMesh } from '../../mesh/testing/start-guarded-mesh.ts';
import { opsService } from '../../services/ops/service.ts';
import { createStuckService } from '../../services/ops/testing/stuck-service.ts';
import { spawnTool } from './testing/spawn-tool.ts';

it('lists who changed what and how that ended, and a dead letter shows who closed it', {
  timeout: 60_000,
}, async () => {
  const stuck = createStuckService();
  const mesh = await startGuardedMesh([stuck.definition, opsService]);
  onTestFinished(() => mesh.stop());
  const token = await mesh.tokenOf({ subject: 'olga', roles: ['operator'] });
  const run = (command: string, ...args: string[]) => spawnTool(command, mesh.address, args, token);
  const id = await stuck.addDeadEvent('order-1');

  const silent = await run('dead-letters', 'redrive', id);
  expect(silent).toMatchObject({
    code: 4,
    errors: expect.stringMatching(/needs a reason, which is recorded: .*; with --note="<why>"\n$/),
  });
  const calling = ['ops.v1.DeadLetterService/RedriveDeadLetters', JSON.stringify({ ids: [id] })] as const;
  const advice = /^INVALID_ARGUMENT: .* needs a reason, .*; with --reason="<why>" or ORDERMESH_REASON\n/;
  expect(await run('call', ...calling)).toMatchObject({ code: 4, errors: expect.stringMatching(advice) });
  expect((await run('call', ...calling, '--reason=tried')).code).toBe(0);
  expect((await run('dead-letters', 'redrive', id, '--note=fixed')).code).toBe(1);
  expect((await run('dead-letters', 'discard', id, '--note=a test order')).code).toBe(0);
  expect((await run('dead-letters', 'show', id)).lines).toContainEqual(
    expect.stringMatching(/^closed by {3}olga \(operator\), request_id \S+ in the log$/),
  );

  const { lines } = await run('actions');
  expect(lines.map((line) => line.split(/ {2,}/).slice(1))).toEqual([
    ['WHO', 'SERVICE', 'WHAT', 'WITH', 'OUTCOME', 'WHY'],
    ['olga (operator)', 'ops', 'RedriveDeadLetters', `ids=${id}`, 'HANDLER_FAILED', 'tried'],
    ['olga (operator)', 'ops', 'RedriveDeadLetters', `ids=${id}`, 'HANDLER_FAILED', 'fixed'],
    ['olga (operator)', 'ops', 'DiscardDeadLetters', `ids=${id}`, 'OK', 'a test order'],
  ]);
});
