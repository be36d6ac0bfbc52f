import { createHash } from 'node:crypto';
import { uuidv7 } from '../../ids/ids.ts';
import type { NewTask } from '../task-queue.ts';

/** What a message of a broker has in addition to the sender's task. */
export interface Travel {
  /** Identifies this sending of the task, no matter how often it is resent or delivered. */
  readonly stamp: string;
  /** Finished attempts. */
  readonly attempts: number;
  /** Attempts that began and whose outcome is unknown. */
  readonly cutOffs: number;
  /** When the first attempt began; `undefined` before. */
  readonly firstTimeMs: number | undefined;
}

/** A task as delivered. All of its fields are valid, even if the message is not. */
export interface DeliveredTask extends NewTask, Travel {
  /** What is invalid in the message, so it must not be worked on. `undefined` for a valid message. */
  readonly problem: string | undefined;
}

/** The values of a task that is sent for the first time. */
export function newTravel(): Travel {
  return { stamp: uuidv7(), attempts: 0, cutOffs: 0, firstTimeMs: undefined };
}

/**
 * Identifies the same work, no matter how often it is delivered. The stamp alone is not enough: programs that copy the
 * headers of a message give it to other messages too.
 */
export function identityOf({ stamp, id, payload }: NewTask & Travel): string {
  return createHash('sha256')
    .update(JSON.stringify([stamp, id]))
    .update(payload)
    .digest('base64url');
}
