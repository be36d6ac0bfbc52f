import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { listenError, parseListenAddress } from '../engines/listen-address.ts';
import { requestIdKey } from '../engines/request-id.ts';
import type { MeshError } from '../errors/mesh-error.ts';
import { createDenialReport } from '../security/authorization/denial-report.ts';
import { serverDraining } from '../server/errors.ts';
import { endIdleStreams, type OpenStream } from '../server/forwarding/end-idle-streams.ts';
import { DoorRates } from '../server/policies/rate-limit/door-rates.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import { endOrGrace } from '../time/end-or-grace.ts';
import { TimerWheel } from '../time/timer-wheel.ts';
import { createAdmissions, quotaOf } from './admissions.ts';
import { answer } from './answer.ts';
import { createConnect } from './connect/connect.ts';
import { createHeaderFilter } from './connect/request-metadata.ts';
import { createHttpEndReport } from './connections/end-reasons.ts';
import { inPieces } from './connections/in-pieces.ts';
import { limitBody } from './connections/limit-body.ts';
import { measureHttpConnections } from './connections/measure-connections.ts';
import { httpPatience } from './connections/patience.ts';
import { createApp } from './create-app.ts';
import type { Edge, EdgeOptions } from './edge-options.ts';
import { methodNotAllowed, pathNotFound } from './errors.ts';
import { healthAnswer, healthMethods, healthPath } from './health.ts';
import { HttpCall } from './http-call.ts';
import { asHttpError, closeGently, maxBodyBytes } from './http-faults.ts';
import { challengeOf, createIdentify } from './identify.ts';
import { countIdentityHeaders } from './identity-headers.ts';
import { createMethodCalls } from './method-calls.ts';
import { answerPage } from './openapi/answer-page.ts';
import { createApiDocs, documentCall } from './openapi/api-docs.ts';
import { type Problem, problemHeaders, problemOf } from './problem.ts';
import { jsonBody } from './request/json-body.ts';
import { checkHead, pathOf } from './request-head.ts';
import { createRequestReport } from './request-report.ts';
import { createRest } from './rest.ts';
import { createCors, isPreflight } from './security/cors.ts';
import { createHostCheck, transportHeaders } from './security/hosts.ts';
import { unsupportedCoding } from './semantics/errors.ts';
import { KeysInUse } from './semantics/keys-in-use.ts';
import { rateLimitHeaders } from './semantics/rate-limit.ts';
import { bodyRefusal, hasBody, refuseUnannouncedBody } from './unexpected-body.ts';

/** How long a connection without a request stays during a drain: its client may be sending one. */
const idleMs = 1_000;
/** How long calls have to end after they were cancelled. */
const cancelMs = 250;

/**
 * Creates the edge: every method with `google.api.http` as JSON over HTTP. A request is matched, its body read, admitted, turned
 * into a message, and sent to its service by a client of the mesh; each refusal is a problem (RFC 9457).
 */
export function createEdge(options: EdgeOptions): Edge {
  const { descriptors, openApi, health, draining, clock, tls, patience = httpPatience } = options;
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
  const methods = createMethodCalls({ ...options, registry });
  const parts = { registry, methods, admissionOf: createAdmissions(options), keys: new KeysInUse() };
  const rest = createRest(parts);
  const docs = createApiDocs(openApi);
  const checkHost = createHostCheck(options.hosts ?? '*');
  const cors = createCors(options.corsOrigins ?? new Set());
  const { authenticator, metrics } = options;
  const reportDenial = createDenialReport({ ...options, metrics: authenticator && metrics });
  const identify = createIdentify(authenticator, { reportDenial, rates: new DoorRates(options) });
  const report = createRequestReport(options);
  const countIdentity = countIdentityHeaders(options.metrics);
  const timers = new TimerWheel();
  const calls = new Set<HttpCall>();
  const streams = new Set<OpenStream>();
  const stopEnding = endIdleStreams(streams, draining, clock);
  const opened = Promise.withResolvers<void>();
  let isOpen = false;
  let isDraining = false;

  const fail = (request: FastifyRequest, thrown: unknown): MeshError => {
    const { call } = request;
    request.failure = report.publicError(call, asHttpError(call.failure(thrown), call.path));
    return request.failure;
  };
  const failed = (request: FastifyRequest, thrown: unknown): Problem => {
    const { call, match, exchange } = request;
    const quota = match && quotaOf(match.endpoint, call.peer);
    return problemOf(fail(request, thrown), { requestId: call.requestId, isIfMatch: exchange?.isIfMatch, quota });
  };

  const rpcOf = createConnect({
    ...parts,
    streams,
    identify,
    failed: fail,
    passesHeader: createHeaderFilter(options.metadataHeaders),
    maxMessageBytes: options.maxMessageBytes ?? maxBodyBytes,
  });
  const methodsOf = (path: string) =>
    path === healthPath ? healthMethods : (rpcOf(path)?.verbs ?? [...docs.methodsOf(path), ...rest.methodsOf(path)]);
  const { app, http } = createApp({ limits: options.connections, report: createHttpEndReport(options), patience, tls });
  measureHttpConnections(options.metrics, options.connections, () => http.openConnections);

  app.addHook('onRequest', (request, reply, done) => {
    const { raw, headers, method: verb, originalUrl } = request;
    const call = new HttpCall({ headers, peer: raw.socket.remoteAddress ?? 'unknown' }, { clock, timers });
    request.call = call;
    calls.add(call);
    reply.headers(cors.answerHeaders(headers)).header(requestIdKey, call.requestId);
    if (tls) reply.headers(transportHeaders(headers));
    reply.raw.once('close', () => {
      calls.delete(call);
      call.close();
      // A stream of HTTP/2 that its client has reset counts as finished too.
      const isAnswered = reply.raw.writableEnded && reply.raw.writableFinished;
      if (!isAnswered) call.end();
      report.ended(call, isAnswered ? reply.statusCode : undefined, request.failure);
    });
    countIdentity(headers);
    checkHead(raw);
    checkHost(headers);
    cors.checkOrigin(verb, headers);
    const path = pathOf(originalUrl);
    if (isPreflight(verb, headers)) return cors.answerPreflight(reply, methodsOf(path));
    if (path === healthPath) {
      return void reply.header('content-type', 'application/json').send(Buffer.from(healthAnswer(verb, health)));
    }
    const rpc = rpcOf(path);
    if (rpc !== undefined) {
      if (!rpc.takesStream) limitBody(raw, patience.requestMs, timers);
      opened.promise.then(() => runInScope(call, () => rpc.answer(request, reply))).catch((error) => reply.send(error));
      return;
    }
    if (docs.redirect(verb, path, headers.accept, reply)) return;
    const proceed = (identifying: Promise<void> | undefined) =>
      identifying === undefined ? done() : void identifying.then(() => done(), done);
    request.page = docs.find(verb, path);
    if (request.page) {
      if (path !== documentCall.path) return done();
      call.callMethod(documentCall, undefined);
      return proceed(identify(request, documentCall));
    }
    request.match = rest.match(verb, path);
    const { route, method, semantics } = request.match.endpoint;
    call.callMethod(method, semantics.timeoutMs(headers));
    // Fastify reads none of a GET request.
    if (route.body === undefined && hasBody(headers)) throw bodyRefusal(route);
    const identifying = identify(request, method);
    limitBody(raw, patience.requestMs, timers);
    proceed(identifying);
  });

  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, jsonBody);

  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const { call, match, page, raw, method, originalUrl } = request;
    if (page) return await answerPage(page, request, reply);
    if (match === undefined) throw pathNotFound({ method, path: pathOf(originalUrl) });
    if (raw.httpVersionMajor === 2) await refuseUnannouncedBody(request, match.endpoint.route);
    if (!isOpen) await opened.promise;
    return await runInScope(call, () => answer(request, reply, match, { draining, clock, streams, failed }));
  };
  app.route({ method: app.supportedMethods, url: '/', handler });
  app.setNotFoundHandler(handler);

  app.setErrorHandler((thrown, request, reply) => {
    const problem = failed(request, thrown);
    if (methodNotAllowed.is(request.failure)) reply.header('allow', request.failure.metadata.allow);
    if (unsupportedCoding.is(request.failure)) reply.header('accept-encoding', 'gzip');
    reply.code(problem.status).headers(problemHeaders(problem));
    return reply.send(Buffer.from(JSON.stringify(problem)));
  });

  app.addHook('onSend', ({ raw, call, match, failure }, reply, payload, done) => {
    // The rest of a refused body is not read.
    const isUnread = failure !== undefined && !raw.complete;
    if ((isDraining || isUnread) && raw.httpVersionMajor === 1) {
      reply.header('connection', 'close');
      if (isUnread) closeGently(raw.socket);
    }
    if (reply.statusCode === 401) reply.header('www-authenticate', challengeOf(failure));
    if (match) reply.headers(rateLimitHeaders(quotaOf(match.endpoint, call.peer)));
    if (payload instanceof Uint8Array) reply.header('content-length', payload.length);
    done(null, inPieces(payload));
  });

  return {
    async listen(address) {
      await app.ready();
      const { server } = http;
      server.listen(parseListenAddress(address));
      await once(server, 'listening').catch((error) => Promise.reject(listenError(address, error, 'HTTP_LISTEN')));
      // A connection that fails for lack of files or memory must not stop the others.
      server.on('error', () => undefined);
      return (server.address() as AddressInfo).port;
    },
    open() {
      isOpen = true;
      opened.resolve();
    },
    async drain(graceMs) {
      isDraining = true;
      const closed = http.close(Math.min(idleMs, graceMs / 2));
      if ((await endOrGrace(closed, graceMs, clock)) === 'late') {
        for (const call of calls) call.end(serverDraining());
        await endOrGrace(closed, cancelMs, clock);
        http.closeAll();
        await closed;
      }
      stopEnding();
      await app.close();
    },
  };
}
