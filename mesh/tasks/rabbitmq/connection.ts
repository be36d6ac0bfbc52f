import { type ConfirmChannel, connect } from 'amqplib';
import type { Logger } from '../../telemetry/logger.ts';
import { tasksUnavailable } from './unavailable.ts';

/** A connection to a broker that comes back by itself, for as long as it is not closed. */
export interface Connection {
  /** Resolves with a new channel as soon as the broker can be reached; rejects once the connection is closed. */
  openChannel(): Promise<ConfirmChannel>;
  isConnected(): boolean;
  close(): Promise<void>;
}

const recovery = { initialDelay: 100, maxDelay: 2_000, waitForConnect: false };
const connectTimeoutMs = 5_000;

/** Connects, and resolves after the first try, whether or not it succeeded: a broker that is away may come later. */
export async function openConnection(url: string, logger: Logger): Promise<Connection> {
  const model = await connect(withHeartbeat(url), { timeout: connectTimeoutMs, recovery });
  const tried = Promise.withResolvers<void>();
  let failing = false;
  let connected = false;
  const fail = (error: Error, text: string) => {
    if (!failing) logger.error({ err: error }, text);
    failing = true;
    connected = false;
    tried.resolve();
  };
  model.on('connect', () => {
    if (failing) logger.info('RabbitMQ is connected again');
    failing = false;
    connected = true;
    tried.resolve();
  });
  model.on('connect-failed', (error) => fail(error, 'RabbitMQ cannot be reached: trying again'));
  model.on('disconnect', (error) => fail(error, 'the connection to RabbitMQ was lost: connecting again'));
  // Without a listener it would be thrown; 'disconnect' follows and tells of it.
  model.on('error', () => undefined);
  await tried.promise;
  return {
    async openChannel() {
      try {
        return await model.createConfirmChannel();
      } catch (error) {
        throw tasksUnavailable('no channel could be opened', error);
      }
    },
    isConnected: () => connected,
    close: () => model.close(),
  };
}

/** Both sides notice within about 20 s that the other is gone, unless the URL says otherwise. */
function withHeartbeat(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', '10');
  return url.href;
}
