import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { logFailedAttempt } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import type { TaskDeadLetters } from '../../brokered/dead-letters/task-dead-letters.ts';
import { identityOf } from '../../brokered/delivered-task.ts';
import { taskRejected } from '../../errors.ts';
import type { AmqpConnection } from '../connection/connection.ts';
import { closeChannel, keepChannel, type LastingChannel } from '../connection/lasting-channel.ts';
import { rejectedName, type Topology } from '../connection/topology.ts';
import { textOf } from '../messages/header-values.ts';
import { readMessage } from '../messages/message.ts';

export interface RejectedOptions {
  readonly topology: Topology;
  readonly deadLetters: TaskDeadLetters;
  readonly clock: Clock;
  readonly logger: Logger;
}

const prefetched = 20;
const retryMs = 1_000;

/**
 * Makes tasks that workers of other programs rejected dead letters. The broker keeps them until they are written. One
 * that is delivered twice may become two dead letters if its publisher is another program.
 */
export function collectRejected(
  connection: AmqpConnection,
  { topology, deadLetters, clock, logger }: RejectedOptions,
): LastingChannel {
  let cutOff = new AbortController();
  const collect = async (channel: ConfirmChannel, message: ConsumeMessage, signal: AbortSignal) => {
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await addDeadLetter(deadLetters, message, clock.now());
        return channel.ack(message);
      } catch (error) {
        const text = 'writing the dead letter of a rejected task failed; retrying every second';
        logFailedAttempt({ logger, clock, failures: failures + 1 }, { err: error }, text);
        await sleep(clock, retryMs, signal);
      }
    }
  };
  return keepChannel(
    connection,
    {
      async opened(channel) {
        cutOff = new AbortController();
        const { signal } = cutOff;
        await topology.ensureRejected();
        await channel.prefetch(prefetched);
        await channel.consume(rejectedName, (message) => {
          if (message === null) void closeChannel(channel, { clock, logger });
          else void collect(channel, message, signal);
        });
      },
      lost: () => cutOff.abort(),
    },
    { clock, logger },
  );
}

async function addDeadLetter(deadLetters: TaskDeadLetters, message: ConsumeMessage, nowMs: number): Promise<void> {
  const read = readMessage(message, nowMs);
  const { id: subjectId, payload, headers, attempts, cutOffs, firstTimeMs = nowMs, problem } = read;
  const { queue, reason } = lastDeath(message);
  const error = `rejected by a worker or the broker: ${reason}`;
  await deadLetters.add(identityOf(read), {
    origin: queue,
    reason: taskRejected.reason,
    error: problem === undefined ? error : `${error}; some of it is invalid: ${problem}`,
    attempts: attempts + cutOffs + 1,
    payload,
    headers,
    subjectId,
    firstTimeMs,
  });
}

/**
 * RabbitMQ records in a header which queues rejected a message and why, the last first: `rejected`, `expired`,
 * `maxlen`, ... A sender may forge it.
 */
function lastDeath({ properties }: ConsumeMessage): { readonly queue: string; readonly reason: string } {
  const deaths: unknown = properties.headers?.['x-death'];
  const last: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  const { queue, reason }: { queue?: unknown; reason?: unknown } =
    typeof last === 'object' && last !== null ? last : {};
  return { queue: textOf(queue) || rejectedName, reason: textOf(reason) || 'unknown reason' };
}
