import type { ConfirmChannel } from 'amqplib';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { pause } from '../../telemetry/pause.ts';
import type { Connection } from './connection.ts';
import { tasksUnavailable } from './unavailable.ts';

/** Who uses a channel, and must begin anew with each. */
export interface ChannelUser {
  /** Declares and subscribes; the channel counts as usable once this resolves. */
  opened(channel: ConfirmChannel): Promise<void>;
  /** The channel is gone: what was not acknowledged is delivered again, what was not confirmed may be lost. */
  lost(): void;
}

/** A channel that is opened again whenever it or its connection is lost. */
export interface LastingChannel {
  /** The channel as it is now, or in a moment. Fails with UNAVAILABLE `TASKS_UNAVAILABLE` while there is none. */
  current(): Promise<ConfirmChannel>;
  /** Whether a channel got earlier is still the one to use. */
  isCurrent(channel: ConfirmChannel): boolean;
  /** Closes it; what was sent on it before reaches the broker. */
  close(): Promise<void>;
}

/** Closes a channel that may be gone already; never fails. One that is kept is opened again. */
export async function closeChannel(channel: ConfirmChannel, logger: Logger): Promise<void> {
  try {
    await channel.close();
  } catch (error) {
    logger.debug({ err: error }, 'a channel of RabbitMQ was closed that was gone already');
  }
}

const retryMs = 500;
const readyTimeoutMs = 5_000;

/** Begins to keep a channel; it is there when the broker can be reached and its user has got ready. */
export function keepChannel(
  connection: Connection,
  user: ChannelUser,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): LastingChannel {
  const ended = new AbortController();
  let problem = 'RabbitMQ is not connected';
  let open: ConfirmChannel | undefined;
  let usable = false;
  let tried = Promise.withResolvers<void>();

  const endTry = () => {
    tried.resolve();
    tried = Promise.withResolvers<void>();
  };
  const useOne = async () => {
    const channel = await connection.openChannel();
    if (ended.signal.aborted) return await closeChannel(channel, logger);
    open = channel;
    const closed = Promise.withResolvers<void>();
    channel.on('error', (error) => {
      problem = error.message;
      logger.error({ err: error }, 'RabbitMQ refused something and closed the channel: opening another');
    });
    channel.on('close', () => {
      open = undefined;
      usable = false;
      user.lost();
      closed.resolve();
    });
    await user.opened(channel).catch(async (error: unknown) => {
      await closeChannel(channel, logger);
      throw error;
    });
    problem = 'RabbitMQ is not connected';
    usable = open === channel;
    endTry();
    await closed.promise;
  };
  const run = async () => {
    while (!ended.signal.aborted) {
      try {
        await useOne();
      } catch (error) {
        endTry();
        if (ended.signal.aborted) return;
        problem = error instanceof Error ? error.message : String(error);
        logger.error({ err: error }, 'a channel of RabbitMQ could not be made ready: trying again');
        await pause(clock, retryMs, ended.signal);
      }
    }
  };
  void run();
  return {
    async current() {
      if (!usable && connection.isConnected()) {
        const callOff = clock.after(readyTimeoutMs, endTry);
        await tried.promise;
        callOff();
      }
      if (!open || !usable) throw tasksUnavailable(problem);
      return open;
    },
    isCurrent: (channel) => usable && channel === open,
    async close() {
      ended.abort();
      if (open) await closeChannel(open, logger);
    },
  };
}
