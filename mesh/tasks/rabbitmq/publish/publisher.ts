import { createHash } from 'node:crypto';
import type { ConfirmChannel, Message, Options } from 'amqplib';
import { MeshError } from '../../../errors/mesh-error.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { taskRefused, tasksUnavailable } from '../../errors.ts';
import type { NewTask } from '../../task-queue.ts';
import type { Connection } from '../connection/connection.ts';
import { keepChannel } from '../connection/lasting-channel.ts';
import { type Destination, queueNameOf, type Topology } from '../connection/topology.ts';
import { answered } from '../connection/unavailable.ts';
import { checkSendable, newTravel, stampOf, type Travel, toProperties } from '../messages/message.ts';
import { createRecentStamps } from '../messages/recent-stamps.ts';
import { type Outgoing, send } from './send.ts';

/** How long a task may be without a confirm, over a reconnect or several, before its sender is told. */
const confirmTimeoutMs = 10_000;

/** Sends tasks so that none is lost. All of it is bounded: a call ends within about 20 s, also when the broker hangs. */
export interface Publisher {
  /** Resolves when the broker has all of them durably. */
  publish(queue: string, tasks: readonly NewTask[]): Promise<void>;
  /** Resolves when the broker has a task durably at another place of its way. */
  move(to: Destination, task: NewTask, move: Move): Promise<void>;
  /** Fails while nothing can be sent: there is no connection, or the broker has an alarm. */
  check(): Promise<void>;
  /** Fails what is not confirmed yet. */
  close(): Promise<void>;
}

/** How a task that was delivered goes on. */
export interface Move {
  readonly travel: Travel;
  /** Names this delivery of it: whoever moves it again, because it is not known whether it was, moves it once. */
  readonly delivery: string;
  /** How long it may stay there. Default: for ever. */
  readonly expirationMs?: number;
}

export interface PublisherOptions {
  readonly topology: Topology;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A message that the broker has not confirmed. */
interface Pending extends Outgoing {
  readonly to: Destination;
  /** The same for the same work to the same place: who sends it again meanwhile waits for this one. */
  readonly key: string;
  /** How many callers wait for it. */
  waiting: number;
  /** Whether the broker had no queue for it. */
  returned: boolean;
  readonly settled: PromiseWithResolvers<void>;
}

/**
 * Makes a publisher on a connection that does nothing else. A task that is not confirmed when the channel is lost is sent
 * again, with the same id, on the next one, while somebody waits for it: it may then be there twice. One that a caller gave
 * up on after 10 s is not sent a second time when the first arrives after all. A message for which the broker closes the
 * channel is found by sending one at a time, and refused.
 */
export function createPublisher(connection: Connection, { topology, clock, logger }: PublisherOptions): Publisher {
  const pending = new Map<string, Pending>();
  const declared = new Set<string>();
  // What was confirmed after its sender had given up, who then sends it again.
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
      // Otherwise the channel is lost, and the next one sends it again.
      else if (lasting.isCurrent(channel))
        settle(one, tasksUnavailable({ problem: 'RabbitMQ did not take a task' }, { cause: error }));
    }
  };
  /** The broker had no queue for it: somebody deleted that, or is just making it. */
  const sendToNewQueue = async (channel: ConfirmChannel, one: Pending) => {
    declared.delete(one.queue);
    await declare(one.to);
    one.returned = false;
    await send(channel, one);
    if (!one.returned) return;
    declared.delete(one.queue);
    throw tasksUnavailable({ problem: `queue ${one.queue} was deleted; send again` });
  };
  /** One at a time, so that it shows which of them makes the broker close the channel. */
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
        // Once this has resolved, it is the channel to use.
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
    // Who waited may be gone when it fails.
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

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The same for the same task: a sender knows it by its id, and may send another under that id. */
function keyOf(queue: string, { id, payload }: NewTask): string {
  return createHash('sha256')
    .update(JSON.stringify([queue, id]))
    .update(payload)
    .digest('base64url');
}
