import type { ConfirmChannel } from 'amqplib';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import type { WorkSettings } from '../../work-defaults.ts';
import type { TaskDeadLetters } from '../dead-letters/task-dead-letters.ts';
import type { DeliveredTask } from '../messages/message.ts';
import type { RecentStamps } from '../messages/recent-stamps.ts';
import type { TaskPublisher } from '../publish/publisher.ts';

export interface DeliveryContext {
  /** The channel of the message, the only one on which it can be acknowledged. */
  readonly channel: ConfirmChannel;
  /** Moves it, over another connection: the broker does not read from publishers while it has an alarm. */
  readonly publisher: TaskPublisher;
  readonly settings: WorkSettings;
  readonly deadLetters: Pick<TaskDeadLetters, 'add'>;
  /** The tasks that this process has done. */
  readonly done: RecentStamps;
  /** The tasks that were in progress here when the connection was lost. */
  readonly interrupted: RecentStamps;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a task is moved to wait for its next attempt. */
  readonly onRetry: (stamp: string, delayMs: number) => void;
}

/** A delivered task, with the name of this delivery. */
export interface Delivered extends DeliveredTask {
  readonly firstTimeMs: number;
  readonly delivery: string;
}

/** How an attempt ended. */
export type Outcome =
  | { readonly is: 'done' }
  | { readonly is: 'failed'; readonly error: unknown }
  /** It began elsewhere or in an earlier process, and its outcome is unknown. */
  | { readonly is: 'cut-off' };
