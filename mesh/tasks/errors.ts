import { Status } from 'nice-grpc-common';
import { withCommandsHere } from '../errors/commands-here.ts';
import { defineError, defineReason } from '../errors/define-error.ts';
import { storageCorrupt } from '../storage/errors.ts';

export const tasksUnavailable = defineError({
  reason: 'TASKS_UNAVAILABLE',
  code: Status.UNAVAILABLE,
  means: 'the task queue cannot be used',
  fix: "see the server's log; it continues by itself",
  text: ({ problem }: { readonly problem: string }) => `task queue cannot be used now: ${problem}`,
  publicText: 'task queue cannot be used now: call again later',
  metadata: () => ({}),
});

export const rabbitmqAway = tasksUnavailable.variant({
  text: ({ problem }: { readonly problem: string }) => problem,
  publicText: 'task queue cannot be used now: call again later',
  metadata: () => ({}),
});

const misconfiguredPublicly = 'task queue does not accept this program: call again after its operator has fixed that';

export const tasksMisconfigured = defineError({
  reason: 'TASKS_MISCONFIGURED',
  code: Status.UNAVAILABLE,
  means:
    'the broker rejects this program, or its certificate is not accepted, or the client of SQS is not installed, or `TASKS_URL` is `off`',
  fix: 'fix user, rights, virtual host, authorities or installation as the log says',
  text: ({ problem }: { readonly problem: string }) => `RabbitMQ cannot be used until its setup is fixed: ${problem}`,
  publicText: misconfiguredPublicly,
  metadata: () => ({}),
});

export const sqsMisconfigured = tasksMisconfigured.variant({
  text: ({ problem }: { readonly problem: string }) => `SQS cannot be used until its setup is fixed: ${problem}`,
  publicText: misconfiguredPublicly,
  metadata: () => ({}),
});

export const sqsNotInstalled = tasksMisconfigured.variant({
  text: ({ name }: { readonly name: string }) =>
    `TASKS_URL is sqs://…, whose client is an optional package that is not installed: run "npm install --save-prod --save-exact --omit=dev ${name}"`,
  publicText: misconfiguredPublicly,
  metadata: () => ({}),
});

export const tasksOff = tasksMisconfigured.variant({
  text: 'this process has no tasks, as TASKS_URL is off, and a service of it uses them: set TASKS_URL to their broker',
  publicText: misconfiguredPublicly,
  metadata: () => ({}),
});

export const taskRefused = defineError({
  reason: 'TASK_REFUSED',
  code: Status.INVALID_ARGUMENT,
  means: 'the task is larger than a message of the broker can be',
  fix: 'make it smaller: id, headers, payload',
  text: ({ id, problem }: { readonly id: string; readonly problem: string }) =>
    `task ${id.slice(0, 60)} cannot be queued: ${problem}; make it smaller`,
  metadata: () => ({}),
});

export const leaseLost = defineError({
  reason: 'LEASE_LOST',
  code: Status.ABORTED,
  means: 'the task was given to another worker',
  fix: 'nothing',
  seenIn: 'logs',
  text: ({ id, queue, problem }: { readonly id: string; readonly queue: string; readonly problem: string }) =>
    `task ${id} of queue ${queue} was given to another worker: ${problem}`,
  metadata: () => ({}),
});

export const workerStopped = defineError({
  reason: 'WORKER_STOPPED',
  code: Status.CANCELLED,
  means: 'the worker stopped before the task was done',
  fix: 'nothing: another worker takes it',
  seenIn: 'logs',
  text: ({ id, queue }: { readonly id: string; readonly queue: string }) =>
    `worker stopped before task ${id} of queue ${queue} was done: another worker takes it`,
  metadata: () => ({}),
});

/** The file of an embedded queue is damaged outside of its tasks. */
export const queueDamaged = storageCorrupt.variant({
  text: ({ file, problem }: { readonly file: string; readonly problem: string }) =>
    `task queue ${file} is damaged: ${problem}; stop this process, move its data folder aside, put the whole folder of a backup in its place, and start it again`,
  publicText: 'task queue is damaged: call again after its operator has restored it',
  metadata: () => ({}),
});

export const taskDamaged = storageCorrupt.variant({
  text: (task: { readonly file: string; readonly queue: string; readonly id: string; readonly seq: bigint }) =>
    `task queue ${task.file} is damaged: task ${task.id} (number ${task.seq}) of ${task.queue} is corrupt, so no worker gets it; ` +
    `stop this process and restore the whole data folder from a backup, or give up the task with: ${withCommandsHere(`make damaged ARGS='skip task/${task.seq} --note=why'`)}`,
  publicText: 'a task is damaged: call again after its operator has restored it',
  metadata: ({ queue, id }) => ({ queue, task: id }),
});

export const taskRejected = defineReason({
  reason: 'TASK_REJECTED',
  means: 'a worker of another system, or the broker, rejected the task',
  fix: 'see its headers; redrive it',
  seenIn: 'dead letters',
});

export const attemptsExhausted = defineReason({
  reason: 'ATTEMPTS_EXHAUSTED',
  means: 'every attempt of the task failed, or too many were interrupted',
  fix: 'see its error; redrive it',
  seenIn: 'dead letters',
});
