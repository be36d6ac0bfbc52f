import type { Message } from '@aws-sdk/client-sqs';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import type { SqsCalls } from '../connection/calls.ts';

export interface ReceiveOptions {
  readonly calls: SqsCalls;
  readonly clock: Clock;
  /** Returns the address of the queue; `undefined`: there is none now. */
  readonly url: () => Promise<string | undefined>;
  /** How many messages can be taken now; asked before each request. */
  readonly room: () => number;
  /** Resolves when there may be more room. */
  readonly moreRoom: () => Promise<void>;
  /** How long SQS waits for a message before it answers without. */
  readonly waitS: number;
  /** How long SQS hides a received message from others. */
  readonly visibilityS: number;
  readonly take: (messages: readonly Message[]) => void;
  /** A request failed; it is repeated. */
  readonly failed: (error: unknown) => void;
  /** Makes no more requests, and lets the last one end. */
  readonly stopping: AbortSignal;
  /** Ends the last request too. */
  readonly cut: AbortSignal;
}

const maxMessages = 10;
const answerTimeoutMs = 5_000;
const retryMs = 500;

/** Receives messages by long polling until it is stopped. Never rejects. */
export async function receiveUntilStopped(options: ReceiveOptions): Promise<void> {
  const { calls, clock, url, room, moreRoom, waitS, visibilityS, take, failed, stopping, cut } = options;
  const receive = async (): Promise<readonly Message[] | undefined> => {
    const QueueUrl = await url();
    if (QueueUrl === undefined) return undefined;
    const request = {
      QueueUrl,
      MaxNumberOfMessages: Math.min(maxMessages, room()),
      WaitTimeSeconds: waitS,
      VisibilityTimeout: visibilityS,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['ApproximateReceiveCount' as const, 'DeadLetterQueueSourceArn' as const],
    };
    const limits = { timeoutMs: waitS * 1_000 + answerTimeoutMs, signal: cut };
    const { Messages = [] } = await calls.call((sqs, call) => sqs.receiveMessage(request, call), limits);
    return Messages;
  };
  while (!stopping.aborted) {
    if (room() <= 0) {
      await moreRoom();
      continue;
    }
    try {
      const messages = await receive();
      if (messages) take(messages);
      else await sleep(clock, retryMs, stopping);
    } catch (error) {
      if (cut.aborted) return;
      failed(error);
      await sleep(clock, retryMs, stopping);
    }
  }
}
