import { uuidv5 } from '../ids/ids.ts';
import { type CallScope, currentScope } from '../telemetry/call-scope.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { NewTask, Task } from './task-queue.ts';

const requestIdHeader = 'x-request-id';

/** Adds trace context and request id of the current call to a task, unless it has its own. */
export function withScopeHeaders(task: NewTask): NewTask {
  const scope = currentScope();
  if (!scope) return task;
  return { ...task, headers: { traceparent: scope.traceparent, [requestIdHeader]: scope.requestId, ...task.headers } };
}

/**
 * Returns the scope that a task runs in: trace and request id of its sender, if its headers are valid. Otherwise they
 * are replaced, because every call of the work would send them.
 */
export function scopeOf(task: Task, signal: AbortSignal): CallScope {
  const { traceparent, [requestIdHeader]: requestId = task.id } = task.headers;
  return {
    traceparent: continueTrace(traceparent),
    requestId: isRequestId(requestId) ? requestId : uuidv5('task', task.queue, task.id),
    deadlineMs: undefined,
    signal,
  };
}

/** Whether the server accepts this value of metadata: visible ASCII characters. */
function isRequestId(text: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(text);
}
