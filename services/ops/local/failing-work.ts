import type { FailingWork } from '#gen/ops/v1/status.ts';
import { type QueueBacklog, type SagaAdmin, type SagaView, take } from '#mesh';

/** Fewer failed attempts are no news: most failures end with the next attempt. */
const minAttempts = { saga: 5, queue: 3 } as const;

const maxSagas = 1_000;

/** Returns what keeps sagas from continuing, by saga and step, if they are retried. Those that are parked are not. */
export async function findFailingSagas(sagas: Pick<SagaAdmin, 'list'>, signal: AbortSignal): Promise<FailingWork[]> {
  const byPart = new Map<string, FailingWork>();
  for await (const saga of take(sagas.list({ failing: true }, ''), maxSagas, signal)) {
    const failing = failureOf(saga);
    if (failing === undefined) continue;
    const found = byPart.get(failing.part);
    byPart.set(failing.part, found ? joined(found, failing) : failing);
  }
  return [...byPart.values()];
}

/** Returns the queues whose tasks keep failing and are retried. */
export function failingQueues(backlogs: readonly QueueBacklog[]): FailingWork[] {
  return backlogs.flatMap(({ queue, tasks, failing }) => {
    if (failing === undefined || failing.attempts < minAttempts.queue) return [];
    const { sinceMs, error } = failing;
    return [{ part: `queue ${queue}`, waiting: BigInt(tasks), sinceTime: new Date(sinceMs), lastError: error }];
  });
}

function failureOf({ name, state, steps }: SagaView): FailingWork | undefined {
  if (state === 'needs-attention') return undefined;
  const step = steps.find((each) => each.state === 'started' || each.state === 'undoing');
  if (step === undefined || step.lastError === '') return undefined;
  const isUndo = step.state === 'undoing';
  const [attempts, sinceMs] = isUndo ? [step.undoAttempts, step.undoStartTimeMs] : [step.attempts, step.startTimeMs];
  if (attempts < minAttempts.saga) return undefined;
  const part = `saga ${name}, ${isUndo ? 'undo of ' : ''}step ${step.name}`;
  return { part, waiting: 1n, sinceTime: new Date(sinceMs ?? 0), lastError: step.lastError };
}

/** The error is that of the saga that has failed longest. */
function joined(one: FailingWork, other: FailingWork): FailingWork {
  const earlier = (one.sinceTime ?? 0) <= (other.sinceTime ?? 0) ? one : other;
  return { ...earlier, waiting: one.waiting + other.waiting };
}
