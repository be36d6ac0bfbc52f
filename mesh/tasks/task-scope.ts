import { uuidv5 } from '../ids/ids.ts';
import { type CallScope, currentScope } from '../telemetry/call-scope.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { NewTask, Task } from './task-queue.ts';

const requestIdHeader = 'x-request-id';

/** The task with the trace context and the request id of the call that sends it, unless it has its own. */
export function withScopeHeaders(task: NewTask): NewTask {
  const scope = currentScope();
  if (!scope) return task;
  return { ...task, headers: { traceparent: scope.traceparent, [requestIdHeader]: scope.requestId, ...task.headers } };
}

/**
 * The scope that a task is worked on in: the trace and the request of its sender, as far as its headers tell. What is not
 * valid there is replaced: it would go out with every call that the work makes.
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

/** What may be a value of metadata, as the server takes it: visible characters of ASCII. */
function isRequestId(text: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(text);
}
