import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { CorsOrigins } from '../../config/cors-origins.ts';
import { changeReasonKey } from '../../operator-actions/change-reason.ts';
import { protocolHeaders } from '../connect/protocol-headers.ts';
import { originNotAllowed } from './errors.ts';
import { securityHeaders } from './security-headers.ts';

type Headers = Readonly<Record<string, string>>;

/** What pages of other origins may do: cross-origin resource sharing, and the refusal of changes without it. */
export interface Cors {
  /** The headers that every answer to a request begins with: those of security, and what a page may read of it. */
  answerHeaders(request: IncomingHttpHeaders): Headers;
  /** Answers a preflight for a path with these methods. */
  answerPreflight(reply: FastifyReply, methods: readonly string[]): void;
  /**
   * Throws PERMISSION_DENIED `ORIGIN_NOT_ALLOWED` if a page of an origin that is not allowed makes a change, or asks whether it may. It
   * may send requests that only read, since it cannot read their answers.
   */
  checkOrigin(method: string, request: IncomingHttpHeaders): void;
}

/** Request headers that pages of other origins may set, besides those that any page may. */
const requestHeaders = [
  'authorization',
  'content-type',
  'accept',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'last-event-id',
  changeReasonKey,
  'request-timeout',
  'traceparent',
  'tracestate',
  'x-request-id',
  ...protocolHeaders,
];
const preflightHeaders: Headers = {
  'access-control-allow-headers': [...new Set(requestHeaders)].join(', '),
  // Seconds. Chromium keeps it no longer.
  'access-control-max-age': '7200',
};
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** All headers of answers, also `trailer-…` of Connect and metadata of services: `*` holds for requests without credentials. */
const exposed = { 'access-control-expose-headers': '*' };

/** Whether a browser asks if a page of another origin may send a request. */
export function isPreflight(method: string, request: IncomingHttpHeaders): boolean {
  return method === 'OPTIONS' && request.origin !== undefined && request['access-control-request-method'] !== undefined;
}

/** Lets pages of these origins call the edge. Credentials are never allowed: the edge has no cookies. */
export function createCors(allowed: CorsOrigins): Cors {
  const isAllowed = (origin: string | undefined) => allowed === '*' || (origin !== undefined && allowed.has(origin));
  const headersOfOrigin = new Map(
    allowed === '*' ? [] : [...allowed].map((origin): readonly [string, Headers] => [origin, headersFor(origin)]),
  );
  const headersOfOthers = othersHeaders(allowed);
  return {
    answerHeaders: ({ origin }) => (origin !== undefined && headersOfOrigin.get(origin)) || headersOfOthers,
    answerPreflight(reply, methods) {
      reply.headers(preflightHeaders);
      // Without methods, a page may still send GET and POST, and so read that there is nothing.
      if (methods.length > 0) reply.header('access-control-allow-methods', methods.join(', '));
      reply.code(204).send();
    },
    checkOrigin(method, request) {
      if (safeMethods.has(method) && !isPreflight(method, request)) return;
      if (isAllowed(request.origin) || isOwn(request)) return;
      throw originNotAllowed({ origin: request.origin });
    },
  };
}

function headersFor(origin: string): Headers {
  return { ...securityHeaders, 'access-control-allow-origin': origin, ...exposed, vary: 'origin' };
}

/** The headers of answers to all for whom there are no special ones. */
function othersHeaders(allowed: CorsOrigins): Headers {
  if (allowed === '*') return { ...securityHeaders, 'access-control-allow-origin': '*', ...exposed };
  return allowed.size === 0 ? securityHeaders : { ...securityHeaders, vary: 'origin' };
}

/**
 * Whether a request is not from a page of another origin, as Go's `http.CrossOriginProtection` decides it. What a browser says of itself
 * counts most, since a proxy may have changed the host. Older browsers say only the origin, and other clients neither.
 */
function isOwn({ 'sec-fetch-site': site, origin, host, ':authority': authority }: IncomingHttpHeaders): boolean {
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const own = host ?? authority;
  return origin === undefined || (own !== undefined && URL.parse(origin)?.host === own);
}
