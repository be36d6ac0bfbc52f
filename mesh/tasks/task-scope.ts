import { randomBytes } from 'node:crypto';
import { type CallScope, currentScope } from '../telemetry/call-scope.ts';
import type { NewTask, Task } from './task-queue.ts';

const requestIdHeader = 'x-request-id';

/** The task with the trace context and the request id of the call that sends it, unless it has its own. */
export function withScopeHeaders(task: NewTask): NewTask {
  const scope = currentScope();
  if (!scope) return task;
  return { ...task, headers: { traceparent: scope.traceparent, [requestIdHeader]: scope.requestId, ...task.headers } };
}

/** The scope that a task is worked on in: that of its sender, as far as its headers tell. */
export function scopeOf(task: Task, signal: AbortSignal): CallScope {
  const { traceparent, [requestIdHeader]: requestId } = task.headers;
  return {
    traceparent: traceparent ?? newTraceparent(),
    requestId: requestId ?? task.id,
    deadlineMs: undefined,
    signal,
  };
}

function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
