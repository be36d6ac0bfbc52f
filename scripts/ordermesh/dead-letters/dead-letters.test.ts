import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DeadLetterServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { defineService } from '../../../mesh/app/service/define-service.ts';
import { uuidv7 } from '../../../mesh/ids/ids.ts';
import { serve } from '../../../mesh/server/serve.ts';
import { eventually } from '../../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../../mesh/testing/start-mesh.ts';
import { opsService } from '../../../services/ops/service.ts';
import { createStuckService, type StuckService } from '../../../services/ops/testing/stuck-service.ts';
import { runHere } from '../testing/run-here.ts';
import { spawnTool, unusedAddress } from '../testing/spawn-tool.ts';
import { deadLettersCommand } from './dead-letters.ts';

describe('make dead-letters', () => {
  let mesh: TestMesh;
  let stuck: StuckService;
  let event: string;
  let saga: string;
  let task: string;

  beforeEach(async () => {
    stuck = createStuckService();
    mesh = await startMesh([stuck.definition, opsService]);
    const deadLetters = mesh.runtime.client(DeadLetterServiceContract);
    event = await stuck.addDeadEvent('order-1');
    saga = uuidv7();
    await stuck.beginSaga(saga);
    const payload = Buffer.from([0, 1, 0xfe, ...Buffer.from('some text')]);
    await mesh.runtime.tasks.enqueue('jobs', [{ id: uuidv7(), payload, headers: { to: 'bob\x1b[31m' } }]);
    task = await eventually(async () => {
      const letters = await Array.fromAsync(deadLetters.listDeadLetters({}));
      expect(letters.map(({ id }) => id)).toContain(saga);
      return letters.find(({ origin }) => origin === 'jobs')?.id ?? expect.fail('the task is not a dead letter yet');
    });
  });

  afterEach(() => mesh.stop());

  const run = (...args: string[]) => runHere(deadLettersCommand, mesh.address, args);

  const listed = async (...args: string[]) =>
    (await run('list', ...args)).lines.slice(1).map((line) => line.slice(0, 36));

  it('lists an event, a task and a saga in one table', async () => {
    const { code, lines, errors } = await spawnTool('dead-letters', mesh.address, []);
    expect({ code, errors }).toEqual({ code: 1, errors: '' });
    const [headings, ...rows] = lines.map((line) => line.split(/ {2,}/));
    expect(headings).toEqual(['ID', 'SOURCE', 'ORIGIN', 'REASON', 'ATTEMPTS', 'LAST TIME', 'SUBJECT']);
    expect(rows).toHaveLength(3);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(rows).toContainEqual([event, 'event', 'order.events/stuck', 'HANDLER_FAILED', '5', time, 'order-1']);
    expect(rows).toContainEqual([saga, 'saga', 'ship-it', 'UNDO_REFUSED', '1', time, saga]);
    expect(rows).toContainEqual([task, 'task', 'jobs', 'ATTEMPTS_EXHAUSTED', '1', time, expect.any(String)]);
  });

  it('lists the dead letters that match a filter', async () => {
    expect(await listed('--source', 'task')).toEqual([task]);
    expect(await listed('--origin', 'order.events/stuck')).toEqual([event]);
    expect(await listed('--reason', 'UNDO_REFUSED')).toEqual([saga]);
    const none = await run('list', '--source', 'saga', '--reason', 'HANDLER_FAILED');
    expect(none).toEqual({ code: 0, lines: ['no dead letter matches this filter'], errors: '' });
  });

  it('prints dead letters as JSON lines', async () => {
    const { code, lines } = await run('list', '--source', 'event', '--json');
    expect(code).toBe(1);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { id: event, source: 'DEAD_LETTER_SOURCE_EVENT', origin: 'order.events/stuck', attempts: 5 },
    ]);
    const redriven = await run('redrive', event, '--dry-run', '--json');
    expect(redriven.lines.map((line) => JSON.parse(line))).toEqual([
      { redrivenIds: [event], missingIds: [], failures: [], leftIds: [], dryRun: true },
    ]);
  });

  it('reports that there are none', async () => {
    const empty = await startMesh([opsService]);
    const none = await spawnTool('dead-letters', empty.address, []);
    await empty.stop();
    expect(none).toEqual({ code: 0, lines: ['no dead letters'], errors: '' });
  });

  it('shows everything in a dead letter, with its payload as text', async () => {
    const { code, lines } = await run('show', event);
    expect(code).toBe(0);
    expect(lines).toContain('error       no template');
    expect(lines).toContain('first time  2023-11-14T22:13:20.000Z');
    expect(lines).toContain('header      ce_type: ORDER_PLACED');
    expect(lines.slice(-2)).toEqual(['payload     2 bytes', '  {}']);
  });

  it('shows a binary payload in hexadecimal and escapes control characters', async () => {
    const { lines } = await run('show', task);
    expect(lines).toContain('header      to: bob\\u{1b}[31m');
    expect(lines.at(-1)).toMatch(/^ {2}000000 {2}00 01 fe 73 6f 6d 65 20 74 65 78 74 +\.\.\.some text$/);
  });

  it('lists what it would redrive in a dry run, and changes nothing', async () => {
    const { code, lines } = await run('redrive', '--all', '--source', 'event', '--dry-run');
    expect({ code, lines }).toEqual({ code: 0, lines: [`${event} would be redriven`, '1 would be redriven, 0 not'] });
    expect(await listed()).toHaveLength(3);
  });

  it('redrives all dead letters', async () => {
    stuck.healed = true;
    const { code, lines } = await run('redrive', '--all');
    expect(code).toBe(0);
    expect(lines).toEqual([...[event, saga, task].toSorted().map((id) => `${id} redriven`), '3 redriven, 0 not']);
    expect(stuck.handledEvents).toEqual(['order-1']);
    expect(await listed()).toEqual([]);
  });

  it('ends if the mesh reaches none of the dead letters in time', async () => {
    let calls = 0;
    const busy = defineService({
      name: 'busy',
      migrations: [],
      setup: () => ({
        serves: [
          serve(DeadLetterServiceContract, {
            async *listDeadLetters() {
              yield { id: 'a' };
              yield { id: 'b' };
            },
            getDeadLetter: async () => ({}),
            redriveDeadLetters: async ({ ids }) => {
              calls += 1;
              return calls === 1 ? { redrivenIds: ['a'], leftIds: ['b'] } : { leftIds: ids };
            },
            discardDeadLetters: async () => ({}),
          }),
        ],
      }),
    });
    const other = await startMesh([busy]);
    onTestFinished(() => other.stop());
    const { code, lines } = await spawnTool('dead-letters', other.address, ['redrive', '--all']);
    expect({ code, calls }).toEqual({ code: 1, calls: 2 });
    expect(lines).toEqual([
      'a redriven',
      '1 dead letter not reached: the mesh is busy with other redrives; run this again later',
      '1 redriven, 1 not',
    ]);
  });

  it('redrives by id and exits with 1 if one fails again or does not exist', async () => {
    const { code, lines } = await run('redrive', event, task, 'none');
    expect(code).toBe(1);
    expect(lines).toEqual([
      `${task} redriven`,
      'none not open: already redriven or discarded, or never existed; "show none" shows which',
      expect.stringMatching(`^${event} failed: HANDLER_FAILED: `),
      '1 redriven, 2 not',
    ]);
  });

  it('discards with a note, except for sagas', async () => {
    const { code, lines } = await run('discard', event, saga, '--note', 'a test order');
    expect(code).toBe(1);
    expect(lines[0]).toBe(`${event} discarded`);
    expect(lines[1]).toMatch(`${saga} failed: SAGA_NEEDS_RESOLVE: `);
    expect(await listed()).not.toContain(event);
    const { code: shown, lines: text } = await run('show', event);
    expect(shown).toBe(0);
    expect(text).toContainEqual(expect.stringMatching(/^closed {6}discarded \d{4}-.*Z$/));
    expect(text).toContain('note        a test order');
    expect(text).toContainEqual(expect.stringMatching(/^closed by {3}request_id \S+ in the log$/));
  });

  it('reports why a call was refused', async () => {
    const { code, errors } = await run('show', 'none');
    expect(code).toBe(4);
    expect(errors).toMatch(/^refused with NOT_FOUND \(UNKNOWN_DEAD_LETTER\): dead letter "none" not found: .*\n$/);
  });

  it('shows its usage on request', async () => {
    const { code, lines } = await run('help');
    expect(code).toBe(0);
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}list \[filter\]/));
  });

  it('explains what to do if the mesh cannot be reached', async () => {
    const address = await unusedAddress();
    const { code, errors } = await spawnTool('dead-letters', address, []);
    expect(code).toBe(3);
    expect(errors).toBe(
      `the mesh at ${address} cannot be reached: run "make start" in another terminal, or set ADDRESS\n`,
    );
  });
});

describe('dead-letters, before it calls', () => {
  it.each([
    [['redrive'], 'redrive requires either ids or --all'],
    [['redrive', 'a', '--all'], 'redrive requires either ids or --all'],
    [['redrive', 'a', '--source', 'task'], 'redrive takes a filter only with --all'],
    [['discard', 'a'], 'discard requires --note with the reason'],
    [['discard', '--note', 'why'], 'discard requires at least one id'],
    [
      ['discard', '--all', '--note', 'why'],
      'discard does not support --all: discarding is permanent, so check each one and pass its id',
    ],
    [['show', '--all'], "Unknown option '--all'"],
    [['show'], 'show requires exactly one id'],
    [['list', '--source', 'mail'], 'invalid --source mail: use event, task or saga'],
    [['list', '--note', 'x'], "Unknown option '--note'"],
    [['toString'], 'unknown command toString'],
  ])('refuses %j and shows its usage', async (args, problem) => {
    const { code, errors } = await runHere(deadLettersCommand, 'unused:1', args);
    expect(code).toBe(2);
    expect(errors).toContain(`${problem}\n`);
    expect(errors).toContain('discard <id>... --note "<why>"');
  });
});
