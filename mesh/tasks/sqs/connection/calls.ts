import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { SQS } from '@aws-sdk/client-sqs';
import type { ServerTrust } from '../../../config/server-trust.ts';
import type { SqsTarget } from '../../../config/sqs-url.ts';
import type { MeshError } from '../../../errors/mesh-error.ts';
import { logFailedAttempt, logRecovery } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { brokerTls } from '../../brokered/broker-tls.ts';
import { tasksUnavailable } from '../../errors.ts';
import { judgeSqsFault, sqsError } from './faults.ts';
import type { SqsModule } from './load-client.ts';

/** The options of one call of the client. */
export interface CallOptions {
  readonly abortSignal: AbortSignal;
}

export interface CallLimits {
  /** How long the answer may take. Default: 5 s. */
  readonly timeoutMs?: number;
  /** Ends the call early. */
  readonly signal?: AbortSignal;
}

/** Calls of SQS, signed with the credentials of the process. */
export interface SqsCalls {
  /**
   * Rejects with UNAVAILABLE `TASKS_UNAVAILABLE` or `TASKS_MISCONFIGURED`, whose cause is the client's error. For a moment
   * after SQS could not be reached, calls fail immediately, so an outage costs no caller the whole timeout. A call that is
   * refused, such as for a missing right, delays no other.
   */
  call<T>(run: (sqs: SQS, options: CallOptions) => Promise<T>, limits?: CallLimits): Promise<T>;
  /** Why SQS cannot be reached; `undefined` if it answered. */
  failure(): MeshError | undefined;
  /** Returns how long ago a call last succeeded; infinite if none has. */
  idleMs(): number;
  close(): void;
}

export interface SqsCallsOptions {
  readonly target: SqsTarget;
  /** How a server with TLS is checked. Default: by the authorities of Node. */
  readonly trust?: ServerTrust | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const answerTimeoutMs = 5_000;
const connectTimeoutMs = 3_000;
const maxSockets = 50;
const firstPauseMs = 100;
const longestPauseMs = 2_000;

/** Creates a client. It connects with its first call. */
export function createSqsCalls(
  { SQS: Client }: SqsModule,
  { target, trust, clock, logger }: SqsCallsOptions,
): SqsCalls {
  const agent = { keepAlive: true, maxSockets };
  const sqs = new Client({
    region: target.region,
    ...(target.endpoint !== undefined && { endpoint: target.endpoint }),
    // A server that is not Amazon's may name itself otherwise in the addresses of its queues.
    useQueueUrlAsEndpoint: target.endpoint === undefined,
    maxAttempts: 2,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({ ...agent, ...brokerTls(trust) }),
    },
  });
  let failures = 0;
  let failure: MeshError | undefined;
  let pausedUntilMs = 0;
  let succeededMs = Number.NEGATIVE_INFINITY;
  const succeed = () => {
    if (failures > 0) logRecovery({ logger, clock }, { err: failure }, 'SQS can be used again');
    failures = 0;
    failure = undefined;
    succeededMs = clock.elapsedMs();
  };
  const fail = (error: unknown): MeshError => {
    const { kind } = judgeSqsFault(error);
    const judged = sqsError(error);
    if (kind === 'wiring') {
      // It may be about one queue, so calls with others continue.
      logFailedAttempt({ logger, clock }, { err: judged }, 'SQS refuses this process; retrying');
      return judged;
    }
    if (kind !== 'away') {
      succeed();
      return judged;
    }
    failures += 1;
    failure = judged;
    pausedUntilMs = clock.elapsedMs() + Math.min(longestPauseMs, firstPauseMs * 2 ** failures);
    logFailedAttempt({ logger, clock, failures }, { err: judged }, 'SQS cannot be used; retrying');
    return judged;
  };
  return {
    async call(run, { timeoutMs = answerTimeoutMs, signal } = {}) {
      if (failure && clock.elapsedMs() < pausedUntilMs) throw failure;
      const timeout = new AbortController();
      const cancel = clock.after(timeoutMs, () => timeout.abort());
      const abortSignal = signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal;
      try {
        const answer = await run(sqs, { abortSignal });
        succeed();
        return answer;
      } catch (error) {
        if (signal?.aborted) throw tasksUnavailable({ problem: 'the call was ended' });
        if (timeout.signal.aborted) throw fail(new Error(`no answer within ${timeoutMs} ms`, { cause: error }));
        throw fail(error);
      } finally {
        cancel();
      }
    },
    failure: () => failure,
    idleMs: () => clock.elapsedMs() - succeededMs,
    close: () => sqs.destroy(),
  };
}
