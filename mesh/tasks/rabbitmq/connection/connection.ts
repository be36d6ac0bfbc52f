import { type ConfirmChannel, connect } from 'amqplib';
import type { ServerTrust } from '../../../config/server-trust.ts';
import type { MeshError } from '../../../errors/mesh-error.ts';
import { logFailedAttempt, logRecovery } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { brokerTls } from '../../brokered/broker-tls.ts';
import { rabbitmqAway, tasksMisconfigured, tasksUnavailable } from '../../errors.ts';
import { judgeConnectFault } from './reply-codes.ts';
import { answered } from './unavailable.ts';

/** A connection to a broker that reconnects until it is closed. */
export interface AmqpConnection {
  /** Resolves with a new channel when the broker can be reached. Rejects once the connection is closed. */
  openChannel(): Promise<ConfirmChannel>;
  isConnected(): boolean;
  /** Why it is not connected: UNAVAILABLE `TASKS_MISCONFIGURED` if the broker refuses it, otherwise `TASKS_UNAVAILABLE`. */
  failure(): MeshError;
  /** Why the broker accepts no messages on this connection (`low on memory`, `low on disk`); `undefined` while it does. */
  blockedBy(): string | undefined;
  /** Resolves within half a second, even if the broker hangs. */
  close(): Promise<void>;
}

export interface ConnectionOptions {
  /** How a broker with TLS is checked. Default: by the authorities of Node. */
  readonly trust?: ServerTrust | undefined;
  /** The purpose, for the log and the broker's list of connections. */
  readonly purpose: 'publishing' | 'consuming';
  readonly clock: Clock;
  readonly logger: Logger;
}

const recovery = { initialDelay: 100, maxDelay: 2_000, waitForConnect: false };
const connectTimeoutMs = 5_000;
const closeTimeoutMs = 400;

/** Connects, and resolves after the first attempt, successful or not: an unavailable broker may come back later. */
export async function openConnection(
  url: string,
  { purpose, trust, clock, logger }: ConnectionOptions,
): Promise<AmqpConnection> {
  const socket = new AbortController();
  const options = {
    timeout: connectTimeoutMs,
    recovery,
    // An option of the socket, missing in the types.
    signal: socket.signal,
    ...brokerTls(trust),
    clientProperties: { connection_name: `ordermesh ${purpose}` },
  };
  const target = new URL(url);
  const model = await connect(withHeartbeat(target), options);
  const tried = Promise.withResolvers<void>();
  let failures = 0;
  let connected = false;
  let failure = rabbitmqAway({ problem: 'RabbitMQ is not connected' });
  let blockedBy: string | undefined;
  const fail = (error: Error) => {
    const { kind, text } = judgeConnectFault(error, target);
    failure =
      kind === 'wiring'
        ? tasksMisconfigured({ problem: text })
        : rabbitmqAway({ problem: `RabbitMQ is not connected: ${text}` });
    failures += 1;
    logFailedAttempt({ logger, clock, failures }, { err: failure, purpose }, 'connecting to RabbitMQ again');
    connected = false;
    blockedBy = undefined;
    tried.resolve();
  };
  model.on('connect', () => {
    if (failures > 0) logRecovery({ logger, clock }, { err: failure, purpose }, 'RabbitMQ is connected again');
    failures = 0;
    connected = true;
    tried.resolve();
  });
  model.on('connect-failed', fail);
  model.on('disconnect', fail);
  model.on('blocked', (reason) => {
    blockedBy = reason;
    logger.warn({ reason, purpose }, 'RabbitMQ accepts no tasks because of an alarm; they wait in the outboxes');
  });
  model.on('unblocked', () => {
    blockedBy = undefined;
    logger.info({ purpose }, 'RabbitMQ accepts tasks again');
  });
  // Without a listener it would be thrown. 'disconnect' follows and reports it.
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
    failure: () => failure,
    blockedBy: () => blockedBy,
    async close() {
      try {
        await answered(clock, model.close(), closeTimeoutMs);
      } catch (error) {
        logger.warn({ err: error, purpose }, 'RabbitMQ did not confirm the end of the connection; cutting it');
      }
      socket.abort();
    },
  };
}

/** Both sides notice a lost peer within about 20 s, unless the URL sets another heartbeat. */
function withHeartbeat(target: URL): string {
  const url = new URL(target);
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', '10');
  return url.href;
}
