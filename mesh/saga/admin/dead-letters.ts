import {
  asListed,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterQueue,
  type ListedDeadLetter,
} from '../../dead-letters/dead-letters.ts';
import { sagaNeedsResolve, sagaNotParked, stepRefused, undoRefused, unknownSaga } from '../errors.ts';
import type { SagaAdmin, SagaView } from './admin.ts';

/**
 * Shows sagas that need attention as dead letters: the id is the saga's, the payload its view as JSON. Redrive retries the
 * saga. Discard throws FAILED_PRECONDITION `SAGA_NEEDS_RESOLVE`: an operator has to report how its stuck step ended.
 */
export function sagaDeadLetters(admin: SagaAdmin): DeadLetterQueue {
  const stuck = async (id: string) => {
    const saga = await admin.get({ id });
    return saga?.state === 'needs-attention' ? saga : undefined;
  };
  return {
    list: (filter, afterId) => listDeadLetters(admin, filter, afterId),
    async get(id) {
      const saga = await stuck(id);
      return saga && toDeadLetter(saga);
    },
    async count() {
      const parked = (await admin.countUnfinished()).filter(({ state }) => state === 'needs-attention');
      return parked.map(({ name, count, oldestTimeMs }) => ({ source: 'saga', origin: name, count, oldestTimeMs }));
    },
    redrive: (id) => redrive(admin, id),
    async discard(id) {
      if (!(await stuck(id))) return false;
      throw sagaNeedsResolve({ sagaId: id });
    },
  };
}

async function* listDeadLetters(
  admin: SagaAdmin,
  filter: DeadLetterFilter,
  afterId: string,
): AsyncGenerator<ListedDeadLetter, void, undefined> {
  if (filter.source !== undefined && filter.source !== 'saga') return;
  for await (const saga of admin.list({ state: 'needs-attention' }, afterId)) {
    const deadLetter = toDeadLetter(saga);
    if (filter.origin !== undefined && filter.origin !== deadLetter.origin) continue;
    if (filter.reason !== undefined && filter.reason !== deadLetter.reason) continue;
    yield asListed(deadLetter);
  }
}

async function redrive(admin: SagaAdmin, id: string): Promise<boolean> {
  try {
    await admin.retry(id, 'redriven from the dead letters');
    return true;
  } catch (error) {
    if (unknownSaga.is(error) || sagaNotParked.is(error)) return false;
    throw error;
  }
}

function toDeadLetter(saga: SagaView): DeadLetter {
  return {
    ...whereItStopped(saga),
    id: saga.id,
    source: 'saga',
    origin: saga.name,
    payload: Buffer.from(JSON.stringify(saga)),
    headers: { 'content-type': 'application/json' },
    subjectId: saga.subjectId,
    firstTimeMs: saga.createTimeMs,
    lastTimeMs: saga.updateTimeMs,
  };
}

function whereItStopped(saga: SagaView): Pick<DeadLetter, 'reason' | 'error' | 'attempts'> {
  const stuck = saga.steps.find((step) => step.state === 'stuck');
  if (!stuck) throw new Error(`saga ${saga.id} needs attention, but none of its steps is stuck`);
  const { name, lastError, attempts, undoAttempts } = stuck;
  return undoAttempts > 0
    ? { reason: undoRefused.reason, error: `undoing ${name}: ${lastError}`, attempts: undoAttempts }
    : { reason: stepRefused.reason, error: `${name}: ${lastError}`, attempts };
}
