import { Status } from 'nice-grpc-common';
import { afterEach, expect } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { systemClock } from '../../time/clock.ts';
import type { SagaView } from '../admin/admin.ts';
import type { SagaState } from '../decide/record.ts';
import type { SagaEngine } from '../engine.ts';
import { createSagaEngine, type SagaEngineOptions } from '../engine.ts';
import type { AnyDefinition } from '../saga.ts';
import type { Behaviour, TestSaga } from './test-saga.ts';

const toClose: (() => PromiseLike<void>)[] = [];

/** Closes after each test what the helpers of this file opened, the last first. */
export function closeAfterEach(): void {
  afterEach(async () => {
    for (const close of toClose.splice(0).toReversed()) await close();
  });
}

/** Creates a folder for the time of the test. */
export async function openTestFolder(): Promise<string> {
  const folder = await tempFolder();
  toClose.push(() => folder[Symbol.asyncDispose]());
  return folder.path;
}

/** Opens a database for the time of the test. */
export async function openTestStorage(url: string): Promise<Storage> {
  const storage = await openStorage(url);
  toClose.push(() => storage.close());
  return storage;
}

/** Starts an engine for a saga, for the time of the test. It retries after milliseconds and keeps finished sagas. */
export async function startEngine(
  storage: Storage,
  { definition }: { readonly definition: AnyDefinition },
  options: Partial<SagaEngineOptions> = {},
): Promise<SagaEngine> {
  // A test that changes the clock changes that of the database as well.
  const { clock } = options;
  const engine = await createSagaEngine({
    service: 'test',
    storage,
    definitions: [definition],
    clock: systemClock,
    logger: createLogger('silent'),
    retry: { initialMs: 2, maxMs: 20 },
    retentionMs: Number.POSITIVE_INFINITY,
    ...(clock && { databaseTime: async () => clock.now() }),
    ...options,
  });
  await engine.start();
  toClose.push(() => engine.stop(0));
  return engine;
}

/** Begins a saga. */
export function begin(storage: Storage, engine: SagaEngine, { definition }: TestSaga, id = 'saga-1'): Promise<void> {
  const data = { total: 9_007_199_254_740_993n, trail: '' };
  return storage.transaction((tx) => engine.begin(tx, definition, { id, data }));
}

/** Returns a saga once it is in `state`. */
export function reaches(engine: SagaEngine, state: SagaState, id = 'saga-1'): Promise<SagaView> {
  return eventually(async () => {
    const view = await engine.get({ id });
    expect(view?.state).toBe(state);
    return view as SagaView;
  });
}

/** Refuses a call. */
export const refuses = async (): Promise<never> => {
  throw new MeshError(Status.FAILED_PRECONDITION, 'OUT_OF_LUCK', 'no such luck; do not try again');
};

/** Leaves the outcome of a call unknown. */
export const getsLost: Behaviour = async () => {
  throw new MeshError(Status.UNAVAILABLE, 'PEER_GONE', 'the peer went away; try again');
};

/** A call that is in progress until the test opens the gate. */
export function createGate(): {
  readonly behaviour: Behaviour;
  readonly reached: Promise<void>;
  readonly open: () => void;
} {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const behaviour = async () => {
    reached.resolve();
    await opened.promise;
  };
  return { behaviour, reached: reached.promise, open: opened.resolve };
}
