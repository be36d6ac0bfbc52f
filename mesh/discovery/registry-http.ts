import http from 'node:http';
import https from 'node:https';
import { type ServerTrust, trustOptions } from '../config/server-trust.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { registryAnswerInvalid, registryRefused, registryUnavailable } from './errors.ts';
import { maxAnswerBytes, readLines, readText } from './registry-body.ts';

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
  /** Whether its connection has ended by now. The registry may then have restarted, and forgotten what it knew. */
  isDisconnected(): boolean;
  /** Returns the body as an object. Throws REGISTRY_ANSWER_INVALID if it is not a JSON object or list. */
  json(): object;
}

/** An answer that arrives line by line, for as long as the registry has something to report. */
export interface RegistryLines {
  readonly status: number;
  /**
   * The lines that are not empty; none if the status is not 200. Leaving the loop ends the exchange. Throws
   * REGISTRY_UNAVAILABLE if it breaks off or lasts longer than `maxMs`, REGISTRY_ANSWER_INVALID for a line of more than 4 MiB.
   */
  readonly lines: AsyncIterable<string>;
}

export interface RegistryHttp {
  /**
   * Resolves with the answer. Rejects with REGISTRY_UNAVAILABLE if there is none within the time or with status 5xx or 429,
   * REGISTRY_REFUSED with 401 and 403, REGISTRY_ANSWER_INVALID for redirects and bodies of more than 4 MiB.
   */
  ask(request: RegistryRequest): Promise<RegistryAnswer>;
  /** Resolves with the head of the answer, within `timeoutMs`. Rejects like `ask`. The lines of a 200 have to be read. */
  lines(request: RegistryRequest & { readonly maxMs: number }): Promise<RegistryLines>;
  close(): void;
}

export interface RegistryHttpOptions {
  /** `host:port`. */
  readonly server: string;
  /** The registry as `DISCOVERY_URL` names it, without secrets. */
  readonly registry: string;
  /** Asks over TLS, with what is valid at each request. Default: over plain HTTP. */
  readonly tls?: ServerTrust | undefined;
}

/** A connection whose other end has disappeared is noticed after about 20 s, although nothing is sent on it. */
const keepAliveMs = 10_000;

/** After a change of certificates nobody uses the connections that were made with the former ones. */
const maxIdleMs = 60_000;

/** Asks one registry over HTTP. Connections are reused. */
export function createRegistryHttp({ server, registry, tls }: RegistryHttpOptions): RegistryHttp {
  const base = new URL(`${tls ? 'https' : 'http'}://${server}`);
  const agent = tls ? new https.Agent({ keepAlive: true, timeout: maxIdleMs }) : new http.Agent({ keepAlive: true });
  const unavailable = (problem: string, cause?: unknown) => registryUnavailable({ registry, problem }, { cause });
  const invalid = (problem: string) => registryAnswerInvalid({ registry, problem });

  /** Resolves with the head of an answer. Rejects if its status means that the registry did not do what was asked. */
  async function open({ method = 'GET', path, headers, body, signal }: Omit<RegistryRequest, 'timeoutMs'>) {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const fields = {
      accept: 'application/json',
      ...(payload !== undefined && {
        'content-type': 'application/json',
        'content-length': `${Buffer.byteLength(payload)}`,
      }),
      ...headers,
    };
    const response = await send(
      new URL(path, base),
      { ...(tls && trustOptions(tls)), agent, method, headers: fields, signal },
      payload,
    );
    const { statusCode: status = 0 } = response;
    const refusal = refusalOf(status);
    if (!refusal) return { status, response };
    response.destroy();
    throw refusal;
  }

  function refusalOf(status: number): Error | undefined {
    if (status === 401 || status === 403) return registryRefused({ registry, problem: `HTTP ${status}` });
    if (status >= 500 || status === 429) return unavailable(`HTTP ${status}`);
    if (status >= 300 && status < 400) return invalid(`a redirect, HTTP ${status}`);
    return undefined;
  }

  /** Runs `work` until it is done or `limit` aborts. What it throws is a MeshError. */
  async function limited<Result>(limit: Limit, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (limit.signal.aborted) throw unavailable(`no complete answer within ${limit.ms} ms`);
      throw error instanceof MeshError ? error : unavailable(codeOf(error), error);
    }
  }

  const tooLong = () => invalid(`more than ${maxAnswerBytes} bytes`);

  return {
    close: () => agent.destroy(),
    async ask({ timeoutMs, signal, ...request }) {
      using limit = startLimit(timeoutMs);
      return await limited(limit, async () => {
        const { status, response } = await open({ ...request, signal: AbortSignal.any([signal, limit.signal]) });
        const { socket } = response;
        const text = await readText(response, tooLong);
        return {
          status,
          headers: response.headers,
          isDisconnected: () => socket.destroyed,
          json() {
            const value = parseObject(text);
            if (value === undefined) throw invalid(`HTTP ${status} without JSON`);
            return value;
          },
        };
      });
    },
    async lines({ timeoutMs, maxMs, signal, ...request }) {
      const limit = startLimit(timeoutMs);
      const read = () => open({ ...request, signal: AbortSignal.any([signal, limit.signal]) });
      const { status, response } = await limited(limit, read).finally(() => limit[Symbol.dispose]());
      if (status !== 200) response.destroy();
      return { status, lines: limitedLines(response, maxMs) };
    },
  };

  async function* limitedLines(response: http.IncomingMessage, maxMs: number): AsyncGenerator<string> {
    using limit = startLimit(maxMs);
    limit.signal.addEventListener('abort', () => response.destroy(new Error('too late')));
    if (response.statusCode !== 200) return;
    const lines = readLines(response, tooLong);
    try {
      for (;;) {
        const next = await limited(limit, () => lines.next());
        if (next.done) return;
        yield next.value;
      }
    } finally {
      response.destroy();
    }
  }
}

interface Limit extends Disposable {
  readonly signal: AbortSignal;
  readonly ms: number;
}

function startLimit(ms: number): Limit {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ms);
  timer.unref();
  return { signal: controller.signal, ms, [Symbol.dispose]: () => clearTimeout(timer) };
}

function send(url: URL, options: https.RequestOptions, payload: string | undefined): Promise<http.IncomingMessage> {
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(url, options);
    sent
      .on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs))
      .on('response', resolve)
      .on('error', reject)
      .end(payload);
  });
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
