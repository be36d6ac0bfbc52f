import type { ConfirmChannel } from 'amqplib';
import { logFailedAttempt } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import type { AmqpConnection } from './connection.ts';
import { type BrokerFault, judgeFault } from './reply-codes.ts';
import { answered, brokerError } from './unavailable.ts';

/** The user of a channel. It starts over with each channel. */
export interface ChannelUser {
  /** Declares and subscribes. The channel is usable when this resolves. */
  opened(channel: ConfirmChannel): Promise<void>;
  /**
   * The channel is lost: unacknowledged messages are delivered again, unconfirmed ones may be lost. `fault` is why the
   * broker closed it; `undefined` if the connection was lost or this side closed it.
   */
  lost(fault: BrokerFault | undefined): void;
}

/** A channel that is reopened whenever it or its connection is lost. */
export interface LastingChannel {
  /** Returns the current channel, or the next one in a moment. Throws UNAVAILABLE `TASKS_UNAVAILABLE` if there is none. */
  current(): Promise<ConfirmChannel>;
  /** Whether this is still the current channel. */
  isCurrent(channel: ConfirmChannel): boolean;
  /** Closes it after what was sent has reached the broker. Resolves within half a second, even if the broker hangs. */
  close(): Promise<void>;
}

interface ChannelTools {
  readonly clock: Clock;
  readonly logger: Logger;
}

const retryMs = 500;
const readyTimeoutMs = 5_000;
const closeTimeoutMs = 400;

/** Closes a channel that may be lost already. Never fails, and takes at most half a second. A kept channel reopens. */
export async function closeChannel(channel: ConfirmChannel, { clock, logger }: ChannelTools): Promise<void> {
  try {
    await answered(clock, channel.close(), closeTimeoutMs);
  } catch (error) {
    logger.debug({ err: error }, 'RabbitMQ channel was already closed, or the broker does not answer');
  }
}

/** Keeps a channel open. It is usable when the broker can be reached and its user has opened it. */
export function keepChannel(connection: AmqpConnection, user: ChannelUser, tools: ChannelTools): LastingChannel {
  const { clock, logger } = tools;
  const ended = new AbortController();
  const notConnected = { kind: 'wait', code: 0, text: 'RabbitMQ is not connected' } as const;
  let failure: BrokerFault = notConnected;
  let open: ConfirmChannel | undefined;
  let usable = false;
  let reported = '';
  let tried = Promise.withResolvers<void>();

  const endTry = () => {
    tried.resolve();
    tried = Promise.withResolvers<void>();
  };
  /** Logs an answer of the broker once, because it may be the same for hours. */
  const report = (error: unknown, text: string) => {
    failure = judgeFault(error);
    const { kind, code, text: fault } = failure;
    if (code === 0 || kind === 'wiring') {
      // The connection reports that it was lost, too, and the health check that the setup is wrong.
      logFailedAttempt({ logger, clock }, { err: brokerError(failure) }, text);
      return;
    }
    if (reported === fault) return;
    reported = fault;
    logger.error({ err: error, kind, fault }, text);
  };
  const useOne = async () => {
    const channel = await connection.openChannel();
    if (ended.signal.aborted) return await closeChannel(channel, tools);
    open = channel;
    const closed = Promise.withResolvers<void>();
    let fault: BrokerFault | undefined;
    channel.on('error', (error) => {
      fault = judgeFault(error);
      report(error, 'RabbitMQ refused something and closed the channel: opening another');
    });
    channel.on('close', () => {
      open = undefined;
      usable = false;
      user.lost(fault);
      closed.resolve();
    });
    await user.opened(channel).catch(async (error: unknown) => {
      await closeChannel(channel, tools);
      throw error;
    });
    failure = notConnected;
    reported = '';
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
        report(error, 'a channel of RabbitMQ could not be made ready: trying again');
        await sleep(clock, retryMs, ended.signal);
      }
    }
  };
  void run();
  return {
    async current() {
      if (!connection.isConnected()) throw connection.failure();
      if (!usable) {
        const callOff = clock.after(readyTimeoutMs, endTry);
        await tried.promise;
        callOff();
      }
      if (!open || !usable) throw brokerError(failure);
      return open;
    },
    isCurrent: (channel) => usable && channel === open,
    async close() {
      ended.abort();
      if (open) await closeChannel(open, tools);
    },
  };
}
