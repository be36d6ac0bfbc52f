import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';

/** The broker cannot do it now; the same call may succeed later. */
export function tasksUnavailable(problem: string, cause?: unknown): MeshError {
  return new MeshError(
    Status.UNAVAILABLE,
    'TASKS_UNAVAILABLE',
    `the task queue cannot be used now: ${problem}`,
    cause === undefined ? {} : { cause },
  );
}

/** Passes on what the broker answers; any failure of it is UNAVAILABLE `TASKS_UNAVAILABLE`. */
export async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw tasksUnavailable(error instanceof Error ? error.message : String(error), error);
  }
}
