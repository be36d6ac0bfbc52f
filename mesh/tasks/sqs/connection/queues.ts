import type { SqsTarget } from '../../../config/sqs-url.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { sqsMisconfigured, taskRefused } from '../../errors.ts';
import type { TaskCounts } from '../../task-queue.ts';
import type { SqsCalls } from './calls.ts';
import { faultKindOf } from './faults.ts';

/** A queue of the account. */
export interface SqsQueue {
  readonly url: string;
  /** How many bytes a message may have, with its attributes. */
  readonly maxBytes: number;
}

/** The dead letter queue of a queue. Other queues may have the same. */
export interface SqsDeadLetterQueue {
  readonly url: string;
  /** The ARN of the queue whose messages SQS moves here. */
  readonly sourceArn: string;
  /** Whether it has the name that belongs to this queue alone. */
  readonly isOwn: boolean;
}

/** The queues that this process uses. */
export interface SqsQueues {
  /**
   * Returns a queue. A missing one is created with its dead letter queue, unless the URL says that all exist. One that
   * exists is used as its owner configured it.
   */
  ensure(queue: string): Promise<SqsQueue>;
  /** Returns its dead letter queue; `undefined` if it has none, which is looked up again after a minute. */
  deadLettersOf(queue: string): Promise<SqsDeadLetterQueue | undefined>;
  /** Looks it up again at the next use. */
  forget(queue: string): void;
  /** Calls with a queue, and once more if it was deleted meanwhile. */
  with<T>(queue: string, use: (found: SqsQueue) => Promise<T>): Promise<T>;
  count(queue: string): Promise<TaskCounts>;
  /** Rejects while SQS cannot be used. */
  check(): Promise<void>;
}

/** After this many receives without an outcome, SQS moves a message to the dead letter queue. */
export const maxReceiveCount = 3;

/** What a new dead letter queue adds to the name of its queue. */
export const deadLetterSuffix = '-dlq';

const dayS = 86_400;
// The longest that SQS keeps messages. By default it deletes them after 4 days.
const retentionS = 14 * dayS;
const visibilityTimeoutS = 60;
const longPollS = 20;
/** The limit of SQS before August 2025, and of servers that do not tell theirs. */
const defaultMaxBytes = 262_144;
const maxNameLength = 80;
/** A call that succeeded shows for this long that SQS can be used. */
const checkedForMs = 10_000;
const noDeadLettersForMs = 60_000;

export interface SqsQueuesOptions {
  readonly target: SqsTarget;
  readonly calls: SqsCalls;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createSqsQueues({ target, calls, clock, logger }: SqsQueuesOptions): SqsQueues {
  const { prefix, account, createsQueues } = target;
  const known = new Map<string, Promise<SqsQueue>>();
  const deadLetters = new Map<string, Promise<SqsDeadLetterQueue | undefined>>();

  const urlOf = async (name: string, owner = account): Promise<string | undefined> => {
    const request = { QueueName: name, ...(owner !== undefined && { QueueOwnerAWSAccountId: owner }) };
    try {
      return (await calls.call((sqs, options) => sqs.getQueueUrl(request, options))).QueueUrl;
    } catch (error) {
      if (faultKindOf(error) === 'no-queue') return undefined;
      throw error;
    }
  };
  const attributesOf = async (url: string) => {
    const request = { QueueUrl: url, AttributeNames: ['All' as const] };
    return (await calls.call((sqs, options) => sqs.getQueueAttributes(request, options))).Attributes ?? {};
  };
  /** Another process may do the same at the same time: equal attributes are no conflict. */
  const create = async (name: string, attributes: Readonly<Record<string, string>>): Promise<string> => {
    const request = {
      QueueName: name,
      Attributes: {
        MessageRetentionPeriod: `${retentionS}`,
        VisibilityTimeout: `${visibilityTimeoutS}`,
        ReceiveMessageWaitTimeSeconds: `${longPollS}`,
        ...attributes,
      },
    };
    const { QueueUrl } = await calls.call((sqs, options) => sqs.createQueue(request, options));
    return QueueUrl ?? '';
  };
  const createBoth = async (name: string): Promise<string> => {
    if (account !== undefined)
      throw sqsMisconfigured({ problem: `queue ${name} does not exist in account ${account}: create it there` });
    if (!createsQueues)
      throw sqsMisconfigured({ problem: `queue ${name} does not exist: create it, or let TASKS_URL create queues` });
    const letters = name + deadLetterSuffix;
    const lettersUrl = (await urlOf(letters)) ?? (await create(letters, {}));
    const { QueueArn: deadLetterTargetArn } = await attributesOf(lettersUrl);
    const url = await create(name, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }) });
    logger.info({ queue: name, dead_letters: letters }, 'queue created in SQS');
    return url;
  };
  const find = async (queue: string): Promise<SqsQueue> => {
    const name = nameOf(prefix, queue);
    const url = (await urlOf(name)) ?? (await createBoth(name));
    const attributes = await attributesOf(url);
    if (deadLetterTarget(attributes.RedrivePolicy) === undefined)
      logger.warn(
        { queue: name },
        'queue has no dead letter queue in SQS: what no worker can receive returns until it expires',
      );
    return { url, maxBytes: Number(attributes.MaximumMessageSize ?? defaultMaxBytes) };
  };
  const ensure = (queue: string): Promise<SqsQueue> => {
    const found = known.get(queue) ?? find(queue);
    known.set(queue, found);
    found.catch(() => deleteEntry(known, queue, found));
    return found;
  };
  const findDeadLetters = async (queue: string): Promise<SqsDeadLetterQueue | undefined> => {
    const { RedrivePolicy, QueueArn: sourceArn = '' } = await attributesOf((await ensure(queue)).url);
    const target = deadLetterTarget(RedrivePolicy);
    const url = target && (await urlOf(target.name, target.account));
    return url === undefined
      ? undefined
      : { url, sourceArn, isOwn: target?.name === nameOf(prefix, queue) + deadLetterSuffix };
  };
  const deadLettersOf = (queue: string): Promise<SqsDeadLetterQueue | undefined> => {
    const earlier = deadLetters.get(queue);
    if (earlier !== undefined) return earlier;
    const found = findDeadLetters(queue);
    deadLetters.set(queue, found);
    const forgetIt = () => deleteEntry(deadLetters, queue, found);
    found.then((answer) => answer ?? clock.after(noDeadLettersForMs, forgetIt), forgetIt);
    return found;
  };
  const forget = (queue: string) => {
    known.delete(queue);
    deadLetters.delete(queue);
  };
  const withQueue = async <T>(queue: string, use: (found: SqsQueue) => Promise<T>): Promise<T> => {
    try {
      return await use(await ensure(queue));
    } catch (error) {
      if (faultKindOf(error) !== 'no-queue') throw error;
      forget(queue);
      return await use(await ensure(queue));
    }
  };
  return {
    ensure,
    deadLettersOf,
    forget,
    with: withQueue,
    count: (queue) =>
      withQueue(queue, async ({ url }) => {
        const found = await attributesOf(url);
        return {
          ready: Number(found.ApproximateNumberOfMessages ?? 0),
          running: Number(found.ApproximateNumberOfMessagesNotVisible ?? 0),
          delayed: Number(found.ApproximateNumberOfMessagesDelayed ?? 0),
        };
      }),
    async check() {
      if (calls.failure() === undefined && calls.idleMs() < checkedForMs) return;
      const [queue = 'ordermesh-check'] = known.keys();
      const request = { QueueName: prefix + queue, ...(account !== undefined && { QueueOwnerAWSAccountId: account }) };
      // A refused look at a queue that this process does not use is an answer too.
      await calls.call((sqs, options) => sqs.getQueueUrl(request, options).catch(ignoreMissing));
    },
  };
}

function ignoreMissing(error: unknown): void {
  if (!/(QueueDoesNotExist|NonExistentQueue|AccessDenied\w*)$/.test(error instanceof Error ? error.name : ''))
    throw error;
}

function nameOf(prefix: string, queue: string): string {
  const name = prefix + queue;
  if (/^[\w-]+$/.test(name) && name.length <= maxNameLength - deadLetterSuffix.length) return name;
  const problem = `"${name.slice(0, 60)}" is no name of a queue in SQS: use up to 76 letters, digits, "-" and "_"`;
  throw taskRefused({ id: queue, problem });
}

/** Deletes an entry, unless a later one has replaced it. */
function deleteEntry<T>(entries: Map<string, T>, key: string, entry: T): void {
  if (entries.get(key) === entry) entries.delete(key);
}

/** Returns name and account of the dead letter queue that a policy names; `undefined` if it names none. */
function deadLetterTarget(redrivePolicy: string | undefined): { name: string; account: string } | undefined {
  const policy: unknown = redrivePolicy === undefined ? {} : JSON.parse(redrivePolicy);
  if (typeof policy !== 'object' || policy === null || !('deadLetterTargetArn' in policy)) return undefined;
  // arn:aws:sqs:eu-central-1:123456789012:email-jobs-dlq
  const [, , , , account = '', name = ''] = String(policy.deadLetterTargetArn).split(':');
  return { account, name };
}
