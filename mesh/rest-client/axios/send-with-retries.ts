import { type AxiosError, type AxiosInstance, isAxiosError } from 'axios';
import type { RetryBudget } from '../../client/policies/retry.ts';
import type { OutboundCall } from '../outbound-call.ts';
import { createRepetition, isIdempotent } from '../repeat.ts';
import type { RawResponse } from '../response-body.ts';
import { failedAttempt } from './failed-attempt.ts';
import { toRawResponse } from './raw-response.ts';

/** What a call needs besides itself. */
export interface SendOptions {
  readonly maxAttempts: number;
  readonly firstDelayMs: number;
  readonly maxResponseBytes: number;
  readonly expectedStatuses?: readonly number[];
  readonly budget: RetryBudget;
  readonly isClosed: () => boolean;
}

/** Sends a call until a response has an expected status or no further attempt may be made; then rejects with a RestError. */
export async function sendWithRetries(
  axios: AxiosInstance,
  call: OutboundCall,
  options: SendOptions,
): Promise<RawResponse> {
  const { method, url, headers, body, signal, leftMs } = call;
  const { expectedStatuses = [], budget } = options;
  const toError = (error: AxiosError) => failedAttempt(error, call, options);
  const repetition = createRepetition({ ...options, isIdempotent: isIdempotent(method, headers), leftMs });
  try {
    const response = await axios.request<Buffer>({
      method,
      url,
      data: body,
      signal,
      // Without a body axios would send a POST as a form.
      headers: { 'content-type': false, ...headers, 'request-timeout': seconds(leftMs()) },
      validateStatus: (status) => (status >= 200 && status < 300) || expectedStatuses.includes(status),
      'axios-retry': {
        retries: Number.POSITIVE_INFINITY,
        retryCondition: (error) => repetition.mayRepeat(toError(error)),
        retryDelay: () => repetition.delayMs,
        onRetry: (_, __, next) => {
          next.headers = { ...next.headers, 'request-timeout': seconds(leftMs() - repetition.delayMs) };
        },
      },
    });
    budget.succeeded();
    return toRawResponse(response);
  } catch (error) {
    // Anything else is a fault of the caller, such as a header that cannot be sent.
    throw isAxiosError(error) ? toError(error) : error;
  }
}

/** As the header `Request-Timeout` has them. */
function seconds(milliseconds: number): string {
  return (Math.max(0, milliseconds) / 1_000).toFixed(3);
}
