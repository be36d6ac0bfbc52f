import type { Caller } from '../identity/caller.ts';
import { decodeSubject, encodeSubject, isActor } from '../identity/caller-text.ts';
import { uuidv5 } from '../ids/ids.ts';
import { actorOfScope, type CallScope, currentScope } from '../telemetry/call-scope.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { NewTask, Task } from './task-queue.ts';

const requestIdHeader = 'x-request-id';

/** The user on whose behalf a task is done; no roles, which the user may lose meanwhile. */
const subjectHeader = 'mesh-subject';
/** Who has caused it, for records. */
const actorHeader = 'actor';

/**
 * Adds trace context, request id and caller of the current call to a task, unless it has its own. Whoever may write
 * into the queue is believed, as other services of the mesh are. Never has a token.
 */
export function withScopeHeaders(task: NewTask): NewTask {
  const scope = currentScope();
  if (!scope) return task;
  const { caller } = scope;
  const actor = actorOfScope(scope);
  return {
    ...task,
    headers: {
      traceparent: scope.traceparent,
      [requestIdHeader]: scope.requestId,
      ...(caller?.subject !== undefined && { [subjectHeader]: encodeSubject(caller.subject) }),
      ...(actor !== undefined && { [actorHeader]: actor }),
      ...task.headers,
    },
  };
}

/**
 * Returns the scope that a task runs in: trace, request id and caller of its sender, if its headers are valid.
 * Otherwise they are replaced, because every call of the work would send them.
 */
export function scopeOf(task: Task, signal: AbortSignal): CallScope {
  const { traceparent, [requestIdHeader]: requestId = task.id, [actorHeader]: actor = '' } = task.headers;
  return {
    traceparent: continueTrace(traceparent),
    requestId: isRequestId(requestId) ? requestId : uuidv5('task', task.queue, task.id),
    deadlineMs: undefined,
    signal,
    caller: callerOf(task),
    actor: isActor(actor) ? actor : undefined,
  };
}

/** The user on whose behalf it is done; `undefined` if there is none, or the header is not valid. */
function callerOf({ headers }: Task): Caller | undefined {
  const subject = decodeSubject(headers[subjectHeader] ?? '');
  return subject === undefined ? undefined : { service: undefined, subject, roles: [] };
}

/** Whether the server accepts this value of metadata: visible ASCII characters. */
function isRequestId(text: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(text);
}
