import http from 'node:http';
import https from 'node:https';
import { registryAnswerInvalid, registryRefused, registryUnavailable } from './errors.ts';

/** A request to a registry. */
export interface RegistryRequest {
  /** Default: GET. */
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** With its query: `/v1/agent/self?dc=a`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: object;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a registry answered: a status below 400, or 404, 410 and the like, whose meaning the adapter knows. */
export interface RegistryAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Returns the body as an object. Throws REGISTRY_ANSWER_INVALID if it is not a JSON object or list. */
  json(): object;
}

export interface RegistryHttp {
  /**
   * Resolves with the answer. Rejects with REGISTRY_UNAVAILABLE if there is none within the time or with status 5xx or 429,
   * REGISTRY_REFUSED with 401 and 403, REGISTRY_ANSWER_INVALID for redirects and bodies of more than 4 MiB.
   */
  ask(request: RegistryRequest): Promise<RegistryAnswer>;
  close(): void;
}

export interface RegistryHttpOptions {
  /** `http://10.0.0.1:8500`. */
  readonly origin: string;
  /** The registry as `DISCOVERY_URL` names it, without secrets. */
  readonly registry: string;
  /** PEM of the authorities that may sign its certificate. Default: those of Node. */
  readonly ca?: string | undefined;
}

/** The maximum size of an answer: a registry, or what is in its place, must not fill the memory. */
const maxAnswerBytes = 4 * 1024 * 1024;

/** Asks one registry over HTTP. Connections are reused. */
export function createRegistryHttp({ origin, registry, ca }: RegistryHttpOptions): RegistryHttp {
  const base = new URL(origin);
  const agent =
    base.protocol === 'https:' ? new https.Agent({ keepAlive: true, ca }) : new http.Agent({ keepAlive: true });
  const unavailable = (problem: string, cause?: unknown) => registryUnavailable({ registry, problem }, { cause });
  const invalid = (problem: string) => registryAnswerInvalid({ registry, problem });

  return {
    close: () => agent.destroy(),
    async ask({ method = 'GET', path, headers, body, timeoutMs, signal }) {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const limit = AbortSignal.timeout(timeoutMs);
      const {
        status,
        headers: fields,
        text,
      } = await exchange({
        url: new URL(path, base),
        agent,
        method,
        headers: {
          accept: 'application/json',
          ...(payload !== undefined && {
            'content-type': 'application/json',
            'content-length': `${Buffer.byteLength(payload)}`,
          }),
          ...headers,
        },
        payload,
        signal: AbortSignal.any([signal, limit]),
        tooLong: () => invalid(`more than ${maxAnswerBytes} bytes`),
      }).catch((error: unknown) => {
        if (limit.aborted) throw unavailable(`no complete answer within ${timeoutMs} ms`);
        if (registryAnswerInvalid.is(error)) throw error;
        throw unavailable(codeOf(error), error);
      });
      if (status === 401 || status === 403) throw registryRefused({ registry, problem: `HTTP ${status}` });
      if (status >= 500 || status === 429) throw unavailable(`HTTP ${status}`);
      if (status >= 300 && status < 400) throw invalid(`a redirect, HTTP ${status}`);
      return {
        status,
        headers: fields,
        json() {
          const value = parseObject(text);
          if (value === undefined) throw invalid(`HTTP ${status} without JSON`);
          return value;
        },
      };
    },
  };
}

interface Exchange {
  readonly url: URL;
  readonly agent: http.Agent;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string | undefined;
  readonly signal: AbortSignal;
  readonly tooLong: () => Error;
}

function exchange({ url, agent, method, headers, payload, signal, tooLong }: Exchange) {
  const { request } = url.protocol === 'https:' ? https : http;
  const { promise, resolve, reject } = Promise.withResolvers<{
    readonly status: number;
    readonly headers: http.IncomingHttpHeaders;
    readonly text: string;
  }>();
  const sent = request(url, { agent, method, headers, signal }, (response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes) response.destroy(tooLong());
      else chunks.push(chunk);
    });
    response.on('end', () => {
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, text: Buffer.concat(chunks).toString('utf8') });
    });
    response.on('error', reject);
  });
  sent.on('error', reject);
  sent.end(payload);
  return promise;
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.message;
}
