import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import type { SqsCalls } from '../connection/calls.ts';
import { faultKindOf } from '../connection/faults.ts';

/** The hold of this process on a received message. */
export interface Lease {
  /** Holds it by the handle of a later receive. */
  renewBy(receiptHandle: string): void;
  /** Takes the message off its queue, and ends the lease. */
  remove(): Promise<void>;
  /** Ends the lease: the message returns when its time is over. */
  end(): void;
}

export interface LeaseOptions {
  readonly calls: SqsCalls;
  readonly clock: Clock;
  readonly url: string;
  readonly receiptHandle: string;
  readonly visibilityS: number;
  /** The message is given to others: it was not extended in time, or SQS says so. */
  readonly lost: (problem: string, cause: 'outage' | 'answer') => void;
}

/** Of its time, when a lease is extended. */
const extendAfter = 1 / 3;
const retryMs = 1_000;
/** SQS counts from a moment before its answer arrived. */
const marginMs = 1_000;

/** Extends the time for which a message is hidden from others, until the lease ends. SQS allows twelve hours in all. */
export function holdMessage({ calls, clock, url, receiptHandle, visibilityS, lost }: LeaseOptions): Lease {
  const ended = new AbortController();
  const { signal } = ended;
  let handle = receiptHandle;
  const visibilityMs = visibilityS * 1_000;
  const endFrom = (nowMs: number) => nowMs + Math.max(visibilityMs / 2, visibilityMs - marginMs);
  let untilMs = endFrom(clock.elapsedMs());
  const lose = (problem: string, cause: 'outage' | 'answer') => {
    if (signal.aborted) return;
    ended.abort();
    lost(problem, cause);
  };
  const extend = async () => {
    const startMs = clock.elapsedMs();
    const request = { QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: visibilityS };
    const limits = { signal, timeoutMs: Math.max(retryMs, untilMs - startMs) };
    await calls.call((sqs, options) => sqs.changeMessageVisibility(request, options), limits);
    untilMs = endFrom(startMs);
  };
  const keep = async () => {
    let pauseMs = visibilityMs * extendAfter;
    for (;;) {
      await sleep(clock, Math.min(pauseMs, Math.max(0, untilMs - clock.elapsedMs())), signal);
      if (signal.aborted) return;
      if (clock.elapsedMs() >= untilMs) return lose('SQS could not be reached in time', 'outage');
      try {
        await extend();
        pauseMs = visibilityMs * extendAfter;
      } catch (error) {
        if (isGone(error)) return lose('SQS gave it to another', 'answer');
        pauseMs = retryMs;
      }
    }
  };
  void keep();
  return {
    renewBy(next) {
      handle = next;
      untilMs = endFrom(clock.elapsedMs());
    },
    async remove() {
      try {
        const request = { QueueUrl: url, ReceiptHandle: handle };
        await calls.call((sqs, options) => sqs.deleteMessage(request, options));
      } catch (error) {
        if (!isGone(error)) throw error;
        return lose('SQS gave it to another before it was taken off its queue', 'answer');
      }
      ended.abort();
    },
    end: () => ended.abort(),
  };
}

/** What SQS answers when a message is visible again, was deleted, or has been held for twelve hours. */
function isGone(error: unknown): boolean {
  const kind = faultKindOf(error);
  return kind === 'lost' || kind === 'message' || kind === 'no-queue';
}
