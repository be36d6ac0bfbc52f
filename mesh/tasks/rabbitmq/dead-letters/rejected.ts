import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import { taskRejected } from '../../errors.ts';
import type { Connection } from '../connection/connection.ts';
import { closeChannel, keepChannel, type LastingChannel } from '../connection/lasting-channel.ts';
import { declareRejected, rejectedName } from '../connection/topology.ts';
import { textOf } from '../messages/header-values.ts';
import { identityOf, readMessage } from '../messages/message.ts';
import type { TaskLetters } from './task-dead-letters.ts';

export interface RejectedOptions {
  readonly letters: TaskLetters;
  readonly clock: Clock;
  readonly logger: Logger;
}

const prefetched = 20;
const retryMs = 1_000;

/**
 * Takes what workers of others rejected into the dead letters, one way or the other: the broker keeps it until it is
 * written. One that is delivered twice may become two letters when its publisher was not a mesh.
 */
export function collectRejected(connection: Connection, { letters, clock, logger }: RejectedOptions): LastingChannel {
  let cutOff = new AbortController();
  const collect = async (channel: ConfirmChannel, message: ConsumeMessage, signal: AbortSignal) => {
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await bury(letters, message, clock.now());
        return channel.ack(message);
      } catch (error) {
        if (failures === 0) {
          logger.error({ err: error }, 'a rejected task is not among the dead letters yet: trying again every second');
        }
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
        await declareRejected(channel);
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

async function bury(letters: TaskLetters, message: ConsumeMessage, nowMs: number): Promise<void> {
  const read = readMessage(message, nowMs);
  const { id: subjectId, payload, headers, attempts, cutOffs, firstTimeMs = nowMs, problem } = read;
  const { queue, reason } = lastDeath(message);
  const error = `a worker or the broker gave it up: ${reason}`;
  await letters.bury(identityOf(read), {
    origin: queue,
    reason: taskRejected.reason,
    error: problem === undefined ? error : `${error}; not all of it is valid: ${problem}`,
    attempts: attempts + cutOffs + 1,
    payload,
    headers,
    subjectId,
    firstTimeMs,
  });
}

/**
 * RabbitMQ notes on a message which queues gave it up, the last first, and why: `rejected`, `expired`, `maxlen`, ... A
 * sender may write there what it likes.
 */
function lastDeath({ properties }: ConsumeMessage): { readonly queue: string; readonly reason: string } {
  const deaths: unknown = properties.headers?.['x-death'];
  const last: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  const { queue, reason }: { queue?: unknown; reason?: unknown } =
    typeof last === 'object' && last !== null ? last : {};
  return { queue: textOf(queue) || rejectedName, reason: textOf(reason) || 'nobody knows why' };
}
