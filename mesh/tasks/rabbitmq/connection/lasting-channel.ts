import type { ConfirmChannel } from 'amqplib';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import { tasksUnavailable } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { type BrokerFault, judgeFault } from './reply-codes.ts';
import { answered } from './unavailable.ts';

/** Who uses a channel, and must begin again with each. */
export interface ChannelUser {
  /** Declares and subscribes; the channel counts as usable once this resolves. */
  opened(channel: ConfirmChannel): Promise<void>;
  /**
   * The channel is gone: what was not acknowledged is delivered again, what was not confirmed may be lost. `fault` is why
   * the broker closed it; `undefined` when the connection was lost, or it was closed from here.
   */
  lost(fault: BrokerFault | undefined): void;
}

/** A channel that is opened again whenever it or its connection is lost. */
export interface LastingChannel {
  /** The channel as it is now, or in a moment. Fails with UNAVAILABLE `TASKS_UNAVAILABLE` while there is none. */
  current(): Promise<ConfirmChannel>;
  /** Whether a channel got earlier is still the one to use. */
  isCurrent(channel: ConfirmChannel): boolean;
  /** Closes it; what was sent on it before reaches the broker. Resolves within half a second, even if the broker hangs. */
  close(): Promise<void>;
}

interface ChannelTools {
  readonly clock: Clock;
  readonly logger: Logger;
}

const retryMs = 500;
const readyTimeoutMs = 5_000;
const closeTimeoutMs = 400;

/** Closes a channel that may be gone already; never fails, and takes half a second at most. One that is kept is opened again. */
export async function closeChannel(channel: ConfirmChannel, { clock, logger }: ChannelTools): Promise<void> {
  try {
    await answered(clock, channel.close(), closeTimeoutMs);
  } catch (error) {
    logger.debug({ err: error }, 'a channel of RabbitMQ was closed that was gone already, or the broker is silent');
  }
}

/** Begins to keep a channel; it is there when the broker can be reached and its user has got ready. */
export function keepChannel(connection: Connection, user: ChannelUser, tools: ChannelTools): LastingChannel {
  const { clock, logger } = tools;
  const ended = new AbortController();
  let problem = 'RabbitMQ is not connected';
  let open: ConfirmChannel | undefined;
  let usable = false;
  let reported = '';
  let tried = Promise.withResolvers<void>();

  const endTry = () => {
    tried.resolve();
    tried = Promise.withResolvers<void>();
  };
  /** Once for each fault: what is set up wrongly stays so for hours. */
  const report = (error: unknown, text: string) => {
    const { kind, text: fault } = judgeFault(error);
    problem = fault;
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
    problem = 'RabbitMQ is not connected';
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
      if (!connection.isConnected()) throw tasksUnavailable({ problem: connection.problem() });
      if (!usable) {
        const callOff = clock.after(readyTimeoutMs, endTry);
        await tried.promise;
        callOff();
      }
      if (!open || !usable) throw tasksUnavailable({ problem });
      return open;
    },
    isCurrent: (channel) => usable && channel === open,
    async close() {
      ended.abort();
      if (open) await closeChannel(open, tools);
    },
  };
}
