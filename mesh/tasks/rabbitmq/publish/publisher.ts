import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ConfirmChannel, Message, Options } from 'amqplib';
import { MeshError } from '../../../errors/mesh-error.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { newTravel, type Travel } from '../../brokered/delivered-task.ts';
import { createRecentStamps } from '../../brokered/recent-stamps.ts';
import { taskRefused, tasksUnavailable } from '../../errors.ts';
import type { NewTask } from '../../task-queue.ts';
import type { AmqpConnection } from '../connection/connection.ts';
import { keepChannel } from '../connection/lasting-channel.ts';
import { type Destination, queueNameOf, type Topology } from '../connection/topology.ts';
import { answered } from '../connection/unavailable.ts';
import { checkSendable, stampOf, toProperties } from '../messages/message.ts';

/** How long a task may stay unconfirmed, even across reconnects, before its sender gets an error. */
const confirmTimeoutMs = 10_000;

/** Sends tasks without loss. A call ends within about 20 s, even if the broker hangs. */
export interface TaskPublisher {
  /** Resolves when the broker has stored all of them durably. */
  publish(queue: string, tasks: readonly NewTask[]): Promise<void>;
  /** Resolves when the broker has stored a task durably in its next queue. */
  move(to: Destination, task: NewTask, move: Move): Promise<void>;
  /** Rejects while nothing can be sent: there is no connection, or the broker has an alarm. */
  check(): Promise<void>;
  /** Rejects what is not confirmed yet. */
  close(): Promise<void>;
}

/** How a delivered task moves to its next queue. */
export interface Move {
  readonly travel: Travel;
  /** Identifies the delivery, so a repeated move with an unknown outcome moves the task once. */
  readonly delivery: string;
  /** How long it may stay there. Default: forever. */
  readonly expirationMs?: number;
}

export interface PublisherOptions {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An unconfirmed message. */
interface Pending extends Outgoing {
  readonly to: Destination;
  /** The same for the same work and destination: another sender of it waits for this one. */
  readonly key: string;
  /** The number of waiting callers. */
  waiting: number;
  /** Whether the broker had no queue for it. */
  returned: boolean;
  readonly settled: PromiseWithResolvers<void>;
}

/**
 * Creates a publisher on a connection that it uses alone. A task that is unconfirmed when the channel is lost is sent
 * again on the next one, with the same id, while a caller waits for it, so it may be queued twice. If a caller gives up
 * after 10 s and sends it again, a late confirm of the first message counts. A message for which the broker closes the
 * channel is found by sending one at a time, and refused.
 */
export function createTaskPublisher(
  connection: AmqpConnection,
  { topology, clock, logger }: PublisherOptions,
): TaskPublisher {
  const pending = new Map<string, Pending>();
  const declared = new Set<string>();
  // Messages that were confirmed after their sender had given up, who will send them again.
  const confirmedLate = createRecentStamps();
  let suspect: Pending | undefined;
  let inspecting: Promise<void> | undefined;
  let refusedOne = false;

  const settle = (one: Pending, error?: MeshError) => {
    pending.delete(one.key);
    if (!error && one.waiting === 0) confirmedLate.add(one.key);
    if (error) one.settled.reject(error);
    else one.settled.resolve();
  };
  const declare = async (to: Destination) => {
    if (declared.has(queueNameOf(to))) return;
    await topology.ensure(to);
    declared.add(queueNameOf(to));
  };
  const transmit = async (channel: ConfirmChannel, one: Pending) => {
    try {
      await send(channel, one);
      if (one.returned) await sendToNewQueue(channel, one);
      settle(one);
    } catch (error) {
      if (error instanceof MeshError) settle(one, error);
      // Otherwise the channel is lost and it is sent again on the next one.
      else if (lasting.isCurrent(channel))
        settle(one, tasksUnavailable({ problem: 'RabbitMQ did not take a task' }, { cause: error }));
    }
  };
  /** The broker had no queue for it: it was deleted, or is just being created. */
  const sendToNewQueue = async (channel: ConfirmChannel, one: Pending) => {
    declared.delete(one.queue);
    await declare(one.to);
    one.returned = false;
    await send(channel, one);
    if (!one.returned) return;
    declared.delete(one.queue);
    throw tasksUnavailable({ problem: `queue ${one.queue} was deleted; send again` });
  };
  /** Sends one at a time to find the message for which the broker closes the channel. */
  const inspect = async (channel: ConfirmChannel) => {
    for (const one of [...pending.values()]) {
      suspect = one;
      await transmit(channel, one);
      if (!lasting.isCurrent(channel)) return;
    }
    suspect = undefined;
    refusedOne = false;
  };
  const refuseSuspect = (problem: string) => {
    refusedOne = true;
    const [only] = pending.size === 1 ? pending.values() : [];
    const culprit = suspect ?? only;
    if (culprit) settle(culprit, taskRefused({ id: String(culprit.properties.messageId), problem }));
  };
  const lasting = keepChannel(
    connection,
    {
      async opened(channel) {
        channel.on('return', (message: Message) => {
          const stamp = stampOf(message.properties);
          for (const one of pending.values()) if (stampOf(one.properties) === stamp) one.returned = true;
        });
        for (const one of pending.values()) await declare(one.to);
        // The channel is in use once this has resolved.
        if (refusedOne) inspecting = nextTurn().then(() => inspect(channel));
        else for (const one of pending.values()) void transmit(channel, one);
      },
      lost(fault) {
        declared.clear();
        if (fault?.kind === 'message') refuseSuspect(fault.text);
        suspect = undefined;
        for (const one of pending.values()) if (one.waiting === 0) pending.delete(one.key);
      },
    },
    { clock, logger },
  );
  const track = (to: Destination, task: NewTask, key: string, properties: Options.Publish): Pending => ({
    to,
    key,
    queue: queueNameOf(to),
    content: task.payload,
    properties,
    waiting: 0,
    returned: false,
    settled: Promise.withResolvers<void>(),
  });
  const confirmed = async (one: Pending) => {
    one.waiting += 1;
    try {
      await answered(clock, one.settled.promise, confirmTimeoutMs);
    } finally {
      one.waiting -= 1;
    }
  };
  const sendOnce = async (channel: ConfirmChannel, made: Pending) => {
    if (confirmedLate.take(made.key)) return;
    const known = pending.get(made.key);
    if (known) return await confirmed(known);
    // Its callers may have given up when it fails.
    made.settled.promise.catch(() => undefined);
    pending.set(made.key, made);
    const confirm = confirmed(made);
    void transmit(channel, made);
    await confirm;
  };
  const hand = async (to: Destination, make: () => readonly Pending[]) => {
    refuseWhileBlocked();
    const channel = await lasting.current();
    await declare(to);
    await inspecting;
    if (!lasting.isCurrent(channel)) throw tasksUnavailable({ problem: 'the connection was just lost' });
    await Promise.all(make().map((made) => sendOnce(channel, made)));
  };
  const refuseWhileBlocked = () => {
    const reason = connection.blockedBy();
    if (reason !== undefined)
      throw tasksUnavailable({ problem: `RabbitMQ is blocked by an alarm (${reason}); end its cause` });
  };
  return {
    async publish(queue, tasks) {
      for (const task of tasks) checkSendable(queue, task);
      await hand({ queue }, () =>
        tasks.map((task) => track({ queue }, task, keyOf(queue, task), toProperties(task, newTravel()))),
      );
    },
    async move(to, task, { travel, delivery, expirationMs }) {
      checkSendable(queueNameOf(to), task);
      const properties = toProperties(task, travel);
      const expiration = expirationMs === undefined ? {} : { expiration: expirationMs };
      await hand(to, () => [track(to, task, delivery, { ...properties, ...expiration })]);
    },
    async check() {
      refuseWhileBlocked();
      await lasting.current();
    },
    async close() {
      for (const one of pending.values()) settle(one, tasksUnavailable({ problem: 'it is closed' }));
      await lasting.close();
    },
  };
}

/** The same for the same task: its id and its content, because a sender may reuse an id. */
function keyOf(queue: string, { id, payload }: NewTask): string {
  return createHash('sha256')
    .update(JSON.stringify([queue, id]))
    .update(payload)
    .digest('base64url');
}

/** A message to a queue. */
interface Outgoing {
  /** The queue's name in RabbitMQ. */
  readonly queue: string;
  readonly content: Uint8Array;
  readonly properties: Options.Publish;
}

/**
 * Publishes a message and resolves when the broker has stored it durably. Rejects if that is unknown or refused, with
 * INVALID_ARGUMENT `TASK_REFUSED` for a message that cannot be encoded.
 */
async function send(channel: ConfirmChannel, { queue, content, properties }: Outgoing): Promise<void> {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const confirmed = Promise.withResolvers<void>();
  const onConfirm = (error: Error | null) => (error ? confirmed.reject(error) : confirmed.resolve());
  try {
    channel.publish('', queue, bytes, { ...properties, mandatory: true }, onConfirm);
  } catch (error) {
    // Thrown by the encoder: nothing was sent.
    if (error instanceof TypeError || error instanceof RangeError) {
      throw taskRefused({ id: String(properties.messageId ?? ''), problem: error.message }, { cause: error });
    }
    throw error;
  }
  await confirmed.promise;
}
