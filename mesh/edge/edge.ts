import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { ClientFactory } from '../client/client-factory.ts';
import { listenError, parseListenAddress } from '../engines/listen-address.ts';
import { requestIdKey } from '../engines/request-id.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { serverDraining } from '../server/errors.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { endOrGrace } from '../time/end-or-grace.ts';
import { TimerWheel } from '../time/timer-wheel.ts';
import { createCaller } from './caller.ts';
import { malformedHttp, methodNotAllowed, unsupportedMediaType } from './errors.ts';
import { HttpCall } from './http-call.ts';
import { asHttpError, maxBodyBytes, maxHeadBytes, refuseConnection } from './http-faults.ts';
import { problemHeaders, problemOf } from './problem.ts';
import { createRequestReport } from './request-report.ts';
import { begin, createRest, isStreaming, quotaOf, type RestMatch } from './rest.ts';
import { decompress } from './semantics/content-coding.ts';
import { unsupportedCoding } from './semantics/errors.ts';
import { rateLimitHeaders } from './semantics/rate-limit.ts';
import type { Exchange } from './semantics/semantics.ts';
import { jsonArray } from './streams/json-array.ts';
import { answerOnce } from './unary.ts';

export interface EdgeOptions {
  /** The descriptor set of the contracts. */
  readonly descriptors: URL;
  readonly client: ClientFactory['client'];
  /** Whether the service of a contract is in this process or known to discovery. */
  readonly has: (contract: string) => boolean;
  /** How many instances the service of a contract has. */
  readonly instancesOf: (contract: string) => number;
  /** Bytes of waiting requests at which further ones are refused. */
  readonly maxWaitingBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The HTTP listener of a mesh. */
export interface Edge {
  /** Listens on `host:port`; resolves with the port. Rejects with a MeshError that names the address. Requests wait for `open`. */
  listen(address: string): Promise<number>;
  /** Answers requests: the services can be called. */
  open(): void;
  /**
   * Accepts no further connections. Resolves when the requests in progress are answered; ends those that are left after
   * `graceMs` with UNAVAILABLE `SERVER_DRAINING`.
   */
  drain(graceMs: number): Promise<void>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The request on its way through the edge. */
    call: HttpCall;
    /** Its endpoint; only after the hook that finds it. */
    match: RestMatch | undefined;
    /** What its headers ask for; only after they were read. */
    exchange: Exchange | undefined;
    /** What it failed with. */
    failure: unknown;
  }
}

/** How long the whole request may take to arrive, as on the gRPC server. */
const requestTimeoutMs = 60_000;
/** How long calls have to end after they were cancelled. */
const cancelMs = 250;

/**
 * Creates the edge: every method with `google.api.http` as JSON over HTTP. A request is matched, its body read, admitted, turned
 * into a message, and sent to its service by a client of the mesh; each refusal is a problem (RFC 9457).
 */
export function createEdge(options: EdgeOptions): Edge {
  const { descriptors, clock } = options;
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
  const match = createRest({ ...options, registry, caller: createCaller({ ...options, registry }) });
  const report = createRequestReport(options);
  const tools = { clock, timers: new TimerWheel() };
  const open = Promise.withResolvers<void>();
  const calls = new Set<HttpCall>();
  let isOpen = false;
  let isDraining = false;

  const app = createApp();
  app.decorateRequest('match', undefined);
  app.decorateRequest('exchange', undefined);
  app.decorateRequest('failure', undefined);

  app.addHook('onRequest', (request, reply, done) => {
    const { raw, headers } = request;
    const call = new HttpCall({ headers, peer: raw.socket.remoteAddress ?? 'unknown' }, tools);
    request.call = call;
    calls.add(call);
    reply.header(requestIdKey, call.requestId);
    reply.raw.once('close', () => {
      calls.delete(call);
      const isAnswered = reply.raw.writableFinished;
      if (!isAnswered) call.end();
      report.ended(call, isAnswered ? reply.statusCode : 499, request.failure);
    });
    // Node answers a request without it by itself, which would be no problem.
    if (headers.host === undefined && raw.httpVersion === '1.1') throw malformedHttp({ problem: 'it has no host' });
    request.match = match(request.method, pathOf(request.originalUrl));
    const { method, semantics } = request.match.endpoint;
    call.path = method.path;
    call.contract = method.contract;
    const timeoutMs = semantics.timeoutMs(headers);
    call.deadlineMs = timeoutMs === undefined ? undefined : clock.now() + timeoutMs;
    done();
  });

  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (request: FastifyRequest, sent: Buffer) => {
    const { 'content-type': type = '', 'content-encoding': encoding } = request.headers;
    const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1] ?? 'utf-8';
    if (charset.toLowerCase() !== 'utf-8') throw unsupportedMediaType();
    const body = encoding === undefined ? sent : await decompress(sent, encoding, maxBodyBytes);
    if (!isUtf8(body)) throw malformedHttp({ problem: 'the body is not UTF-8' });
    request.call.requestBytes = body.length;
    return body.toString();
  });

  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    if (!isOpen) await open.promise;
    return await runInScope(request.call, () => answer(request, reply));
  };

  app.addHook('onSend', (request, reply, payload, done) => {
    // What is not read of a refused body would be taken for the next request, or read for nothing.
    if (isDraining || (request.failure !== undefined && !request.raw.complete)) reply.header('connection', 'close');
    if (request.match) reply.headers(rateLimitHeaders(quotaOf(request.match.endpoint, request.call.peer)));
    done(null, payload);
  });

  app.setErrorHandler((thrown, request, reply) => {
    const { call } = request;
    const isCutOff = isDraining && call.signal.aborted;
    const error = isCutOff ? serverDraining() : report.publicError(call, asHttpError(call.failure(thrown), call.path));
    request.failure = error;
    const quota = request.match && quotaOf(request.match.endpoint, call.peer);
    const problem = problemOf(error, { requestId: call.requestId, isIfMatch: request.exchange?.isIfMatch, quota });
    if (methodNotAllowed.is(error)) reply.header('allow', error.metadata.allow);
    if (unsupportedCoding.is(error)) reply.header('accept-encoding', 'gzip');
    reply.code(problem.status).headers(problemHeaders(problem));
    return reply.send(Buffer.from(JSON.stringify(problem)));
  });

  app.route({ method: app.supportedMethods, url: '/', handler });
  app.setNotFoundHandler(handler);

  return {
    async listen(address) {
      await app.ready();
      app.server.listen(parseListenAddress(address));
      await once(app.server, 'listening').catch((error) => Promise.reject(listenError(address, error, 'HTTP_LISTEN')));
      return (app.server.address() as AddressInfo).port;
    },
    open() {
      isOpen = true;
      open.resolve();
    },
    async drain(graceMs) {
      isDraining = true;
      // It also closes the connections that are idle; the others are closed after their answer.
      const closed = new Promise((resolve) => app.server.close(resolve));
      if ((await endOrGrace(closed, graceMs, clock)) === 'late') {
        for (const call of calls) call.end();
        await endOrGrace(closed, cancelMs, clock);
        app.server.closeAllConnections();
        await closed;
      }
      await app.close();
    },
  };
}

/** Fastify with nothing but its life cycle: paths, JSON and errors are those of the edge. */
function createApp(): FastifyInstance {
  const app = fastify({
    // A route of Fastify would decode a path before it is matched.
    rewriteUrl: () => '/',
    exposeHeadRoutes: false,
    requestIdHeader: false,
    genReqId: () => '',
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    return503OnClosing: false,
    http: { maxHeaderSize: maxHeadBytes, requireHostHeader: false, noDelay: true, keepAlive: true },
    clientErrorHandler: refuseConnection,
  });
  app.removeAllContentTypeParsers();
  return app;
}

/** Calls the method of a request, and returns its answer. */
async function answer(request: FastifyRequest, reply: FastifyReply) {
  const { match, call, body, headers, originalUrl } = request;
  if (match === undefined) throw new TypeError('the request has no endpoint');
  const { endpoint, variables } = match;
  const { admission, method, semantics, read, write } = endpoint;
  const isStream = isStreaming(endpoint);
  const place = await admission.enter(call, isStream ? 'streaming' : 'once');
  const options = call.deadlineMs === undefined ? {} : { deadline: call.deadlineMs };
  try {
    const message = read({ variables, query: queryOf(originalUrl), body: body as string | undefined });
    const exchange = semantics.begin(message, headers);
    request.exchange = exchange;
    reply.headers(exchange.headers);
    if (!isStream) return await answerOnce(endpoint, exchange, request, reply, options);
    reply.header('content-type', 'application/json');
    // A stream costs nothing while nobody sends.
    place.rest();
    const begun = await begin(method.serverStreaming(message, options));
    reply.raw.once('close', () => place.leave());
    return Readable.from(jsonArray(begun, write));
  } finally {
    if (!isStream) place.leave();
  }
}

/** The path of a request target, as it was sent. One with a host (for proxies) has its path after that. */
function pathOf(target: string): string {
  const end = target.indexOf('?');
  const path = end < 0 ? target : target.slice(0, end);
  return path.startsWith('/') ? path : path.replace(/^https?:\/\/[^/]*/i, '');
}

function queryOf(target: string): string {
  const start = target.indexOf('?');
  return start < 0 ? '' : target.slice(start + 1);
}
