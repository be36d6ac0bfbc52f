import { type ConfirmChannel, connect } from 'amqplib';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { tasksUnavailable } from '../../errors.ts';
import { judgeFault } from './reply-codes.ts';
import { answered } from './unavailable.ts';

/** A connection to a broker that comes back by itself, for as long as it is not closed. */
export interface Connection {
  /** Resolves with a new channel as soon as the broker can be reached; rejects once the connection is closed. */
  openChannel(): Promise<ConfirmChannel>;
  isConnected(): boolean;
  /** Why it is not connected, and what to do. */
  problem(): string;
  /** Why the broker takes no messages on this connection (`low on memory`, `low on disk`); `undefined` while it does. */
  blockedBy(): string | undefined;
  /** Resolves within half a second, even if the broker hangs. */
  close(): Promise<void>;
}

export interface ConnectionOptions {
  /** What it is for: in the log, and in the list of connections that the broker shows. */
  readonly purpose: 'publishing' | 'consuming';
  readonly clock: Clock;
  readonly logger: Logger;
}

const recovery = { initialDelay: 100, maxDelay: 2_000, waitForConnect: false };
const connectTimeoutMs = 5_000;
const closeTimeoutMs = 400;

/** Connects, and resolves after the first attempt, whether or not it succeeded: a broker that is away may come later. */
export async function openConnection(url: string, { purpose, clock, logger }: ConnectionOptions): Promise<Connection> {
  const socket = new AbortController();
  const options = {
    timeout: connectTimeoutMs,
    recovery,
    // Of the socket below, which its types do not name.
    signal: socket.signal,
    clientProperties: { connection_name: `ordermesh ${purpose}` },
  };
  const model = await connect(withHeartbeat(url), options);
  const tried = Promise.withResolvers<void>();
  let failing = false;
  let connected = false;
  let problem = 'RabbitMQ is not connected';
  let blockedBy: string | undefined;
  const fail = (error: Error, text: string) => {
    const fault = judgeFault(error).text;
    if (!failing) logger.error({ err: error, purpose, fault }, text);
    problem = `RabbitMQ is not connected: ${fault}`;
    failing = true;
    connected = false;
    blockedBy = undefined;
    tried.resolve();
  };
  model.on('connect', () => {
    if (failing) logger.info({ purpose }, 'RabbitMQ is connected again');
    failing = false;
    connected = true;
    tried.resolve();
  });
  model.on('connect-failed', (error) => fail(error, 'RabbitMQ cannot be reached: trying again'));
  model.on('disconnect', (error) => fail(error, 'the connection to RabbitMQ was lost: connecting again'));
  model.on('blocked', (reason) => {
    blockedBy = reason;
    logger.warn({ reason, purpose }, 'RabbitMQ takes no tasks until its alarm is over: they wait in the outboxes');
  });
  model.on('unblocked', () => {
    blockedBy = undefined;
    logger.info({ purpose }, 'RabbitMQ takes tasks again');
  });
  // Without a listener it would be thrown; 'disconnect' follows and tells of it.
  model.on('error', () => undefined);
  await tried.promise;
  return {
    async openChannel() {
      try {
        return await model.createConfirmChannel();
      } catch (error) {
        throw tasksUnavailable({ problem: 'no channel could be opened' }, { cause: error });
      }
    },
    isConnected: () => connected,
    problem: () => problem,
    blockedBy: () => blockedBy,
    async close() {
      try {
        await answered(clock, model.close(), closeTimeoutMs);
      } catch (error) {
        logger.warn({ err: error, purpose }, 'RabbitMQ did not confirm the end of the connection: it is cut');
      }
      socket.abort();
    },
  };
}

/** Both sides notice within about 20 s that the other is gone, unless the URL says otherwise. */
function withHeartbeat(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', '10');
  return url.href;
}
