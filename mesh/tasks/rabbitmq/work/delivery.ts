import type { ConfirmChannel } from 'amqplib';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import type { TaskDeadLetters } from '../../brokered/dead-letters/task-dead-letters.ts';
import type { Delivered as DeliveredOnce } from '../../brokered/record-outcome.ts';
import type { AttemptMemory } from '../../brokered/run-attempt.ts';
import type { WorkSettings } from '../../work-defaults.ts';
import type { TaskPublisher } from '../publish/publisher.ts';

export interface DeliveryContext extends AttemptMemory {
  /** The channel of the message, the only one on which it can be acknowledged. */
  readonly channel: ConfirmChannel;
  /** Moves it, over another connection: the broker does not read from publishers while it has an alarm. */
  readonly publisher: TaskPublisher;
  readonly settings: WorkSettings;
  readonly deadLetters: Pick<TaskDeadLetters, 'add'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a task is moved to wait for its next attempt. */
  readonly onRetry: (stamp: string, delayMs: number) => void;
}

/** A delivered task, with the name of this delivery. */
export interface Delivered extends DeliveredOnce {
  readonly delivery: string;
}
