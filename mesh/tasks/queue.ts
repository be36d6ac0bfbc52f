import { messageOf } from '../errors/error-text.ts';
import { undecodable } from '../errors/errors.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { NewTask, Task, TaskQueue, TaskWorker, WorkOptions } from './task-queue.ts';

/** How jobs become JSON and back. A generated message is such a codec. */
export interface JobCodec<Job> {
  toJSON(job: Job): unknown;
  /** Throws for JSON that is not a job, which makes the task a dead letter. */
  fromJSON(json: object): Job;
}

/** A task with its queue. */
export interface QueuedTask extends NewTask {
  readonly queue: string;
}

/** A queue with its kind of job. */
export interface Queue<Job> {
  /** `email-jobs`. */
  readonly name: string;
  /** Returns the task of a job, for `outbox.addTask`. A queue does not accept an id again while it holds it. */
  task(id: string, job: Job): QueuedTask;
  /** Returns the job of a task. Throws INVALID_ARGUMENT `UNDECODABLE`. */
  jobOf(task: Task): Job;
}

/**
 * Defines a queue once: its name and its kind of job, stored as JSON. A `codec` is needed if other programs add tasks,
 * or if a job is more than plain JSON. Default: the JSON is the job.
 */
export function defineQueue<Job extends object>(name: string, codec: JobCodec<Job> = plainJson<Job>()): Queue<Job> {
  return {
    name,
    task: (id, job) => ({
      queue: name,
      id,
      payload: Buffer.from(JSON.stringify(codec.toJSON(job))),
      headers: { 'content-type': 'application/json' },
    }),
    jobOf(task) {
      try {
        return codec.fromJSON(parseObject(task.payload));
      } catch (error) {
        if (error instanceof MeshError) throw error;
        const problem = messageOf(error);
        throw undecodable({ thing: `task ${task.id} of queue ${name}`, problem }, { cause: error });
      }
    },
  };
}

/** Options of `createQueueWorker`, in addition to those of `TaskQueue.work`. */
export interface QueueWorkerOptions<Job> extends Omit<WorkOptions, 'queue' | 'handle' | 'onEnd'> {
  readonly tasks: TaskQueue;
  readonly queue: Queue<Job>;
  /** As `handle` of `TaskQueue.work`, with the decoded job. */
  readonly handle: (job: Job, task: Task, signal: AbortSignal) => Promise<void>;
}

export interface QueueWorker {
  start(): Promise<void>;
  /** As `TaskWorker.stop`. */
  stop(graceMs?: number): Promise<void>;
}

/** Creates a worker for the jobs of a queue. A task that cannot be decoded becomes a dead letter. */
export function createQueueWorker<Job>({ tasks, queue, handle, ...options }: QueueWorkerOptions<Job>): QueueWorker {
  let worker: TaskWorker | undefined;
  return {
    async start() {
      worker = await tasks.work({
        ...options,
        queue: queue.name,
        handle: async (task, signal) => await handle(queue.jobOf(task), task, signal),
      });
    },
    async stop(graceMs) {
      await worker?.stop(graceMs);
    },
  };
}

function plainJson<Job extends object>(): JobCodec<Job> {
  return { toJSON: (job) => job, fromJSON: (json) => json as Job };
}

function parseObject(payload: Uint8Array): object {
  const parsed: unknown = JSON.parse(Buffer.from(payload).toString());
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw new SyntaxError('not a JSON object');
}
