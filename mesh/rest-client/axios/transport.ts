import axios, { type AxiosRequestConfig } from 'axios';
import axiosRetry from 'axios-retry';
import type { OutboundCall } from '../outbound-call.ts';
import type { BaseUrl } from '../request-url.ts';
import type { RawResponse } from '../response-body.ts';
import type { RestClientOptions } from '../rest-client.ts';
import { type SendOptions, sendWithRetries } from './send-with-retries.ts';

type TransportOptions = Pick<RestClientOptions, 'attemptTimeoutMs' | 'proxyFromEnvironment'> &
  Required<Pick<RestClientOptions, 'maxRedirects' | 'maxResponseBytes'>>;

/** Sends calls to one server over these connections. */
export function createTransport(
  base: BaseUrl,
  agents: Pick<AxiosRequestConfig, 'httpAgent' | 'httpsAgent'>,
  options: TransportOptions,
): (call: OutboundCall, options: SendOptions) => Promise<RawResponse> {
  const instance = axios.create({
    ...agents,
    adapter: 'http',
    responseType: 'arraybuffer',
    transformRequest: [],
    transformResponse: [],
    // It does not end a body that arrives slowly: the signal of each call does.
    timeout: options.attemptTimeoutMs ?? 0,
    transitional: { clarifyTimeoutError: true },
    maxContentLength: options.maxResponseBytes,
    maxRedirects: options.maxRedirects,
    beforeRedirect({ href, method }, { statusCode }, from) {
      const problem = redirectProblem(base, { href: String(href), method: String(method) }, statusCode, from.method);
      if (problem) throw new Error(problem);
    },
    ...(!options.proxyFromEnvironment && { proxy: false }),
  });
  // It would take the pauses from the timeout. The calls have a deadline of their own, over all attempts.
  axiosRetry(instance, { shouldResetTimeout: true });
  return (call, sendOptions) => sendWithRetries(instance, call, sendOptions);
}

/** Why a redirect is not followed: credentials stay with the origin they are for, and a change is not turned into a query. */
function redirectProblem(
  { origin }: BaseUrl,
  target: { readonly href: string; readonly method: string },
  status: number,
  method: string,
): string | undefined {
  const to = URL.parse(target.href);
  if (to?.origin !== origin) return `it leads to ${to?.origin ?? 'an invalid address'}`;
  // 303 says that the call is done, and where its result is.
  return target.method !== method && status !== 303 ? `HTTP ${status} would turn ${method} into GET` : undefined;
}
