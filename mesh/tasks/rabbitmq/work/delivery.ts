import type { ConfirmChannel } from 'amqplib';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import type { WorkSettings } from '../../work-defaults.ts';
import type { TaskLetters } from '../dead-letters/task-dead-letters.ts';
import type { DeliveredTask } from '../messages/message.ts';
import type { RecentStamps } from '../messages/recent-stamps.ts';
import type { Publisher } from '../publish/publisher.ts';

/** What a try needs beside its message. */
export interface DeliveryContext {
  /** The channel that brought the message: only there can it be acknowledged. */
  readonly channel: ConfirmChannel;
  /** Sends it on, over a connection of its own: one that publishes is not read while the broker has an alarm. */
  readonly publisher: Publisher;
  readonly settings: WorkSettings;
  readonly letters: TaskLetters;
  /** What this process did. */
  readonly done: RecentStamps;
  /** What this process had in hand, without an outcome, when it lost the connection. */
  readonly interrupted: RecentStamps;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a task goes to wait for its next try. */
  readonly onRetry: (stamp: string, delayMs: number) => void;
}

/** A task that has been delivered, under the name of this delivery. */
export interface Delivered extends DeliveredTask {
  readonly firstTimeMs: number;
  readonly delivery: string;
}

/** How an attempt ended. */
export type Outcome =
  | { readonly is: 'done' }
  | { readonly is: 'failed'; readonly error: unknown }
  /** It was begun elsewhere, or by an earlier process, and nobody has said how it ended. */
  | { readonly is: 'cut-off' };
