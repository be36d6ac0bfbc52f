import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { measureTurns } from '../../testing/measure-turns.ts';
import { systemClock } from '../../time/clock.ts';
import { createFileSaga, type KillPoint, readEffects } from '../testing/kill-saga.ts';
import {
  begin,
  closeAfterEach,
  createGate,
  openTestFolder,
  openTestStorage,
  startEngine,
} from '../testing/test-engine.ts';
import { createTestSaga } from '../testing/test-saga.ts';

const steps = ['reserve', 'charge', 'ship', 'commit'];
const forward: KillPoint[] = steps.flatMap((step): KillPoint[] => [
  `before run ${step}`,
  `after run ${step}`,
  `reporting step-done ${step}`,
]);
const back: KillPoint[] = [
  'reporting compensating',
  ...['ship', 'charge', 'reserve'].flatMap((step): KillPoint[] => [`before undo ${step}`, `after undo ${step}`]),
  'reporting compensated',
];

describe('an engine after a restart', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await openTestFolder();
  });
  closeAfterEach();

  async function killedAt(point: KillPoint, ending: 'completes' | 'compensates'): Promise<void> {
    const script = join(import.meta.dirname, '../testing/kill-child.ts');
    const child = spawn(process.execPath, [script, folder, ending, point], { stdio: 'inherit' });
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGKILL');
  }

  async function finish(ending: 'completes' | 'compensates', downMs = 0): Promise<string | undefined> {
    const storage = await openTestStorage(`sqlite:${folder}/saga.db`);
    const saga = createFileSaga(folder, ending, undefined);
    const clock = { ...systemClock, now: () => Date.now() + downMs };
    const engine = await startEngine(storage, { definition: saga }, { clock });
    return eventually(async () => {
      const view = await engine.get({ id: 'saga-1' });
      expect(view?.state).toMatch(/^compl|^compensated/);
      return view?.state;
    });
  }

  it.each(forward)('completes a saga killed %s, with each effect once', async (point) => {
    await killedAt(point, 'completes');
    expect(await finish('completes')).toBe('completed');
    expect(readEffects(folder)).toEqual(['run reserve', 'run charge', 'run ship', 'run commit']);
  });

  it('completes a saga even if its process was down for longer than its time limit', async () => {
    await killedAt('before run charge', 'completes');
    expect(await finish('completes', 24 * 3_600_000)).toBe('completed');
    expect(readEffects(folder)).toEqual(['run reserve', 'run charge', 'run ship', 'run commit']);
  });

  it.each(back)('compensates a saga killed %s, with each effect once', async (point) => {
    await killedAt(point, 'compensates');
    expect(await finish('compensates')).toBe('compensated');
    const done = ['run reserve', 'run charge', 'run ship'];
    expect(readEffects(folder)).toEqual([...done, 'undo ship', 'undo charge', 'undo reserve']);
  });

  it('drives 2000 unfinished sagas without a stall, while new ones can begin', { timeout: 120_000 }, async () => {
    const storage = await openTestStorage(`sqlite:${folder}/saga.db`);
    const saga = createTestSaga({ steps: [{ name: 'only' }] });
    const { engine: dead, gates } = await diesWith(2_000);
    const count = async (condition: string) => {
      const [row] = await storage.query<{ count: bigint }>(`SELECT COUNT(*) AS count FROM saga WHERE ${condition}`);
      return Number(row?.count);
    };
    let mostHeld = 0;
    const { longestMs } = await measureTurns(async () => {
      const engine = await startEngine(storage, saga, { maxConcurrent: 50 });
      await begin(storage, engine, saga, 'new');
      expect(await count("state <> 'completed'")).toBeGreaterThan(500);
      await eventually(
        async () => {
          mostHeld = Math.max(mostHeld, await count('lease_owner IS NOT NULL'));
          expect(await count("state <> 'completed'")).toBe(0);
        },
        { timeoutMs: 60_000 },
      );
    });
    // The backlog waits in the database; in addition to the 50, only a saga that begins while a page is claimed is here.
    expect(mostHeld).toBeLessThanOrEqual(51);
    expect(longestMs).toBeLessThan(250);
    for (const gate of gates) gate.open();
    await dead.stop(0);
    expect(new Set(saga.contexts.map(({ sagaId }) => sagaId)).size).toBe(2_001);
    expect(saga.calls).toHaveLength(2_001);

    /** Returns an engine that holds the leases of sagas, 200 of them in progress, while another starts. */
    async function diesWith(count: number) {
      const old = createTestSaga({ steps: [{ name: 'only' }] });
      const gates = Array.from({ length: 200 }, createGate);
      old.onCall('run only', ...gates.map(({ behaviour }) => behaviour));
      const engine = await startEngine(storage, old);
      await Promise.all(Array.from({ length: count }, (_, index) => begin(storage, engine, old, `saga-${index}`)));
      await Promise.all(gates.map(({ reached }) => reached));
      return { engine, gates };
    }
  });
});
