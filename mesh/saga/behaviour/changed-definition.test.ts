import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { beforeEach, describe, expect, it } from 'vitest';
import { captureLog } from '../../testing/captured-log.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import type { RequestIds, SagaDefinition, SagaStep } from '../saga.ts';
import { createFileSaga, readEffects } from '../testing/kill-saga.ts';
import {
  begin,
  closeAfterEach,
  createGate,
  openTestFolder,
  openTestStorage,
  reaches,
  refuses,
  startEngine,
} from '../testing/test-engine.ts';
import { createTestSaga, type TestData } from '../testing/test-saga.ts';

type Steps = readonly SagaStep<TestData>[];

const added: SagaStep<TestData> = { name: 'check', run: async () => undefined };
const changes: [string, (steps: Steps) => Steps, string][] = [
  ['inserted', (steps) => [added, ...steps], 'check, reserve, charge, ship, commit'],
  ['removed', (steps) => steps.slice(1), 'charge, ship, commit'],
  [
    'renamed',
    (steps) => steps.map((step) => (step.name === 'ship' ? { ...step, name: 'send' } : step)),
    'send, commit',
  ],
  ['reordered', (steps) => [...steps.slice(1, 2), ...steps.slice(0, 1), ...steps.slice(2)], 'charge, reserve, ship'],
];

function changed(definition: SagaDefinition<TestData>, change: (steps: Steps) => Steps, version = 1) {
  return { ...definition, version, steps: change(definition.steps) };
}

function refusal(defined: string) {
  return {
    code: Status.FAILED_PRECONDITION,
    reason: 'SAGA_DEFINITION_CHANGED',
    message: expect.stringMatching(new RegExp(`v1 .*\\[reserve, charge, ship, commit\\].*\\[.*${defined}.*\\]`)),
  };
}

closeAfterEach();

describe('an engine whose process was killed in the middle of a saga', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await openTestFolder();
    const script = join(import.meta.dirname, '../testing/kill-child.ts');
    const child = spawn(process.execPath, [script, folder, 'completes', 'before run ship'], { stdio: 'inherit' });
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });

  it.each(changes)('does not start with a step %s, and reports saga, version and both lists', async (...args) => {
    const [, change, defined] = args;
    const storage = await openTestStorage(`sqlite:${folder}/saga.db`);
    const definition = createFileSaga(folder, 'completes', undefined);
    await expect(startEngine(storage, { definition: changed(definition, change) })).rejects.toMatchObject(
      refusal(defined),
    );
    const engine = await startEngine(storage, { definition });
    await reaches(engine, 'completed');
    expect(readEffects(folder)).toEqual(['run reserve', 'run charge', 'run ship', 'run commit']);
  });

  it('finishes the saga with the old version if the new steps have a new version', async () => {
    const storage = await openTestStorage(`sqlite:${folder}/saga.db`);
    const definition = createFileSaga(folder, 'completes', undefined);
    const next = changed(definition, (steps) => [added, ...steps], 2);
    const engine = await startEngine(storage, { definition }, { definitions: [definition, next] });
    const view = await reaches(engine, 'completed');
    expect(view.steps.map(({ name }) => name)).toEqual(['reserve', 'charge', 'ship', 'commit']);
  });
});

describeOnEachDatabase((newUrl) => {
  it.each(changes)('refuses to start with a step %s, even if the saga needs attention', async (_, change, defined) => {
    const saga = createTestSaga();
    const storage = await openTestStorage(newUrl());
    const engine = await startEngine(storage, saga);
    saga.onCall('run ship', refuses);
    saga.onCall('undo charge', refuses);
    await begin(storage, engine, saga);
    await reaches(engine, 'needs-attention');
    await engine.stop();
    const definition = changed(saga.definition, change);
    await expect(startEngine(storage, { definition })).rejects.toMatchObject(refusal(defined));
  });

  it.each([
    [undefined, 'by-time', 'hashed'],
    ['by-time', undefined, 'by-time'],
  ] as const)('refuses to start if request ids that are %s become %s', async (before, after, stored) => {
    const saga = createTestSaga();
    const define = (requestIds: RequestIds | undefined) => ({ ...saga.definition, ...(requestIds && { requestIds }) });
    const storage = await openTestStorage(newUrl());
    const definition = define(before);
    const engine = await startEngine(storage, { definition });
    saga.onCall('run charge', refuses);
    saga.onCall('undo reserve', refuses);
    await begin(storage, engine, { ...saga, definition });
    await reaches(engine, 'needs-attention');
    await engine.stop();
    await expect(startEngine(storage, { definition: define(after) })).rejects.toMatchObject({
      code: Status.FAILED_PRECONDITION,
      reason: 'SAGA_DEFINITION_CHANGED',
      message: expect.stringContaining(`test v1 began with request ids that are ${stored}`),
    });
    await startEngine(storage, { definition: define(before ?? 'hashed') });
  });

  it('starts if only finished sagas had other steps', async () => {
    const saga = createTestSaga();
    const storage = await openTestStorage(newUrl());
    const engine = await startEngine(storage, saga);
    await begin(storage, engine, saga);
    await reaches(engine, 'completed');
    await engine.stop();
    await startEngine(storage, { definition: changed(saga.definition, (steps) => [added, ...steps]) });
  });

  it('leaves a saga that another process begins with other steps unchanged, and shows it as failing', async () => {
    const storage = await openTestStorage(newUrl());
    const shared = { ...storage, exclusive: false };
    const other = createTestSaga();
    const { logger, lines } = captureLog();
    const definition = changed(other.definition, (steps) => [added, ...steps]);
    const engine = await startEngine(
      shared,
      { definition },
      { logger, leaseMs: 400, retry: { initialMs: 100, maxMs: 100 } },
    );
    const gate = createGate();
    other.onCall('run charge', gate.behaviour);
    const first = await startEngine(shared, other, { retry: { initialMs: 10, maxMs: 10 } });
    await begin(shared, first, other);
    await gate.reached;
    await first.stop(0);
    await eventually(async () => {
      const [failing] = await Array.fromAsync(engine.list({ failing: true }, ''));
      expect(failing?.steps[1]?.lastError).toContain('SAGA_DEFINITION_CHANGED');
    });
    await expect(
      storage.transaction((tx) => engine.cancel(tx, 'saga-1', { reason: 'R', message: '' })),
    ).rejects.toMatchObject({ reason: 'SAGA_DEFINITION_CHANGED' });
    expect(lines.filter(({ level }) => level === 'error')).not.toEqual([]);
    const again = await startEngine(shared, other, { retry: { initialMs: 10, maxMs: 10 }, leaseMs: 2_000 });
    await reaches(again, 'completed');
    expect(other.calls).toEqual(['run reserve', 'run charge', 'run charge', 'run ship', 'run commit']);
    gate.open();
  });
});
