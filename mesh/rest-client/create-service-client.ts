import http from 'node:http';
import https from 'node:https';
import { createRetryBudget } from '../client/policies/retry.ts';
import { beginCall, endOf, type OutboundCall } from './outbound-call.ts';
import { readResponse } from './read-response.ts';
import { parseBaseUrl } from './request-url.ts';
import type { RestCallOptions, RestClient, RestClientOptions, RestResponse } from './rest-client.ts';
import { RestError } from './rest-error.ts';
import type { RestRoutes, TypedRestClient } from './typed-client.ts';

const defaults = {
  timeoutMs: 5_000,
  maxAttempts: 4,
  firstDelayMs: 100,
  maxResponseBytes: 10 * 1024 * 1024,
  maxRedirects: 5,
  maxConnections: 100,
  headers: {},
};

/**
 * Creates a client of the REST API at `baseUrl`. A call takes up to 5 s with all its attempts. If it is idempotent, it is
 * attempted again after network errors, 5xx and 429, with growing delays or as the server asks. It takes deadline, trace, request
 * id and cancellation from the call that it is made for. Throws INVALID_ARGUMENT `INVALID_BASE_URL`. With the routes of an API,
 * `createServiceClient<RestApi>(…)`, its paths, bodies and responses are checked by the compiler.
 */
export function createServiceClient(baseUrl: string, options?: RestClientOptions): RestClient;
export function createServiceClient<Api extends RestRoutes>(
  baseUrl: string,
  options?: RestClientOptions,
): TypedRestClient<Api>;
export function createServiceClient(baseUrl: string, options: RestClientOptions = {}): RestClient {
  const base = parseBaseUrl(baseUrl);
  const settings = { ...defaults, ...options };
  const connections = { keepAlive: true, maxSockets: settings.maxConnections };
  const agents = {
    httpAgent: new http.Agent(connections),
    httpsAgent: new https.Agent({ ...connections, rejectUnauthorized: true, ...(options.ca && { ca: options.ca }) }),
  };
  // A process that calls no REST API does not load axios, which takes as long as a tenth of all else.
  const transport = import('./axios/transport.ts').then(({ createTransport }) =>
    createTransport(base, agents, settings),
  );
  const budget = createRetryBudget();
  const active = new Set<OutboundCall>();
  let isClosed = false;

  async function send<Data>(method: string, path: string, options: RestCallOptions = {}, body?: unknown) {
    const { token } = settings;
    const headers = token === undefined ? settings.headers : { ...(await bearer(token)), ...settings.headers };
    using call = beginCall(
      { method, path, body, options },
      { ...settings, headers, base, service: settings.name ?? base.host },
    );
    const state = { ...settings, ...options, budget, isClosed: () => isClosed };
    if (isClosed) throw new RestError(call, endOf(call, isClosed));
    active.add(call);
    try {
      const sendWithRetries = await transport;
      // The caller says what the server sends.
      return readResponse(call, await sendWithRetries(call, state)) as RestResponse<Data>;
    } finally {
      active.delete(call);
    }
  }

  const end = () => {
    isClosed = true;
    for (const call of active) call.abort();
    agents.httpAgent.destroy();
    agents.httpsAgent.destroy();
  };
  return {
    get: (path, options) => send('GET', path, options),
    head: (path, options) => send('HEAD', path, options),
    delete: (path, options) => send('DELETE', path, options),
    post: (path, body, options) => send('POST', path, options, body),
    put: (path, body, options) => send('PUT', path, options, body),
    patch: (path, body, options) => send('PATCH', path, options, body),
    close: end,
    [Symbol.dispose]: end,
  };
}

/** The header with a token. */
async function bearer(token: NonNullable<RestClientOptions['token']>): Promise<Readonly<Record<string, string>>> {
  return { authorization: `Bearer ${typeof token === 'function' ? await token() : token}` };
}
