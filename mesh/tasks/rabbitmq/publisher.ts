import type { ConfirmChannel, Message } from 'amqplib';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { NewTask } from '../task-queue.ts';
import type { Connection } from './connection.ts';
import { keepChannel, type LastingChannel } from './lasting-channel.ts';
import { checkSendable, newTravel, stampOf, toProperties } from './message.ts';
import { type Outgoing, send } from './send.ts';
import { declareQueue } from './topology.ts';
import { orUnavailable, tasksUnavailable } from './unavailable.ts';

/** How long a task may be without a confirm, over a reconnect or several, before its sender is told. */
const confirmTimeoutMs = 10_000;

/** Sends tasks so that none is lost. */
export interface Publisher {
  /** Resolves when the broker has all of them durably. */
  publish(queue: string, tasks: readonly NewTask[]): Promise<void>;
  /** The channel that it sends on, for what else is to be asked of the broker. */
  readonly channel: LastingChannel;
  /** Fails what is not confirmed yet. */
  close(): Promise<void>;
}

interface Pending extends Outgoing {
  /** Where the broker had no queue for it. */
  returned: boolean;
  readonly settle: (error?: Error) => void;
}

/**
 * Makes a publisher. A task that is not confirmed when the channel is lost is sent again, with the same id, on the next
 * one, for 10 s in all: it may then be there twice. Memory is bounded by what callers wait for.
 */
export function createPublisher(
  connection: Connection,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Publisher {
  const pending = new Map<string, Pending>();
  const declared = new Set<string>();

  const declare = async (channel: ConfirmChannel, queue: string) => {
    if (declared.has(queue)) return;
    await declareQueue(channel, queue);
    declared.add(queue);
  };
  const transmit = async (channel: ConfirmChannel, one: Pending) => {
    try {
      await send(channel, one);
      if (one.returned) declared.delete(one.queue);
      one.settle(one.returned ? tasksUnavailable(`queue ${one.queue} was deleted; send again`) : undefined);
    } catch (error) {
      // Otherwise the channel is lost, and the next one sends it again.
      if (lasting.isCurrent(channel)) one.settle(tasksUnavailable('RabbitMQ did not take a task', error));
    }
  };
  const lasting = keepChannel(
    connection,
    {
      async opened(opened) {
        opened.on('return', (message: Message) => {
          const returned = pending.get(stampOf(message.properties));
          if (returned) returned.returned = true;
        });
        for (const queue of new Set(pending.values().map((one) => one.queue))) await declare(opened, queue);
        for (const one of pending.values()) void transmit(opened, one);
      },
      lost: () => declared.clear(),
    },
    { clock, logger },
  );
  const track = (queue: string, task: NewTask): { readonly one: Pending; readonly settled: Promise<void> } => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const properties = toProperties(task, newTravel());
    const stamp = stampOf(properties);
    const callOff = clock.after(confirmTimeoutMs, () => one.settle(tasksUnavailable('RabbitMQ confirmed no task')));
    const one: Pending = {
      queue,
      content: task.payload,
      properties,
      returned: false,
      settle(error) {
        callOff();
        pending.delete(stamp);
        if (error) reject(error);
        else resolve();
      },
    };
    pending.set(stamp, one);
    return { one, settled: promise };
  };
  return {
    channel: lasting,
    async publish(queue, tasks) {
      for (const task of tasks) checkSendable(queue, task);
      const current = await lasting.current();
      await orUnavailable(declare(current, queue));
      if (!lasting.isCurrent(current)) throw tasksUnavailable('the connection was just lost');
      const sent = tasks.map((task) => track(queue, task));
      for (const { one } of sent) void transmit(current, one);
      await Promise.all(sent.map(({ settled }) => settled));
    },
    async close() {
      for (const one of pending.values()) one.settle(tasksUnavailable('it is closed'));
      await lasting.close();
    },
  };
}
