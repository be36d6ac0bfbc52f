import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { CallError } from '../client/call-error.ts';
import { hangUp } from '../engines/hang-up.ts';
import { requestIdKey, requestIdOf } from '../engines/request-id.ts';
import { TransportError } from '../engines/transport-error.ts';
import { cancelled } from '../errors/errors.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { HttpEndReason } from './connections/end-reasons.ts';
import {
  answerTooLarge,
  bodyTooLarge,
  headersTooLarge,
  malformedHttp,
  requestTooSlow,
  unsupportedMediaType,
  urlTooLong,
} from './errors.ts';
import { problemHeaders, problemOf } from './problem.ts';
import { securityHeaders } from './security/security-headers.ts';

/** The largest body of a request, as the largest message of the gRPC server. */
export const maxBodyBytes = 4 * 1024 * 1024;
/** The largest request line and headers, together. */
export const maxHeadBytes = 16 * 1024;

/** How long a client that was refused may take to close its connection. */
const lingerMs = 1_000;

interface HttpFault extends Error {
  readonly code?: string;
  readonly reason?: string;
  readonly statusCode?: number;
  /** What was read last from the connection. */
  readonly rawPacket?: Buffer;
}

/** Turns what Fastify, Node and the client of the mesh throw into an error for the caller; returns any other unchanged. */
export function asHttpError(error: unknown, path: string): unknown {
  if (error instanceof CallError) return isAnswerTooLarge(error) ? answerTooLarge({ path }, { cause: error }) : error;
  if (error instanceof MeshError || !(error instanceof Error)) return error;
  const { code, statusCode, message } = error as HttpFault;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return bodyTooLarge({ maxBytes: maxBodyBytes });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return unsupportedMediaType();
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return malformedHttp({ problem: 'the body is not as long as its content-length' });
    case 'ECONNRESET':
    case 'ABORT_ERR':
      return cancelled({ path });
    default:
      return code?.startsWith('FST_') && statusCode === 400 ? malformedHttp({ problem: message }) : error;
  }
}

/** The own client refuses a message that is too large, with the code that a server has for quotas. */
function isAnswerTooLarge({ cause }: CallError): boolean {
  return cause instanceof TransportError && cause.tooLarge;
}

/** Answers bytes that are not a request, and closes their connection. */
export function refuseConnection(fault: HttpFault, socket: Socket): void {
  // Within an answer, a second one would be taken for a part of it.
  const { _httpMessage: answering } = socket as Socket & { readonly _httpMessage?: { readonly headersSent: boolean } };
  // What it still sends is discarded, so it gets the answer.
  if (socket.writableEnded) return;
  if (fault.code === 'ECONNRESET' || !socket.writable || answering?.headersSent) {
    socket.destroy();
    return;
  }
  sendProblem(errorOf(fault), socket);
  hangUp(socket, lingerMs);
}

/** Answers a connection that has no request which could be answered. */
export function sendProblem(error: MeshError, socket: Socket): void {
  const requestId = requestIdOf(undefined);
  const problem = problemOf(error, { requestId });
  const body = JSON.stringify(problem);
  const headers = {
    ...securityHeaders,
    ...problemHeaders(problem),
    [requestIdKey]: requestId,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\n${fields.join('')}\r\n`;
  socket.write(head + body);
}

/** Lets a client that still sends the body of a refused request read the answer before its connection is closed. */
export function closeGently(socket: Socket): void {
  // What Node calls after an answer with `connection: close`; with bytes that were not read, it would reset the connection.
  socket.destroySoon = () => hangUp(socket, lingerMs);
}

/** As what the end of a connection counts; `undefined`: its client has left. */
export function faultOf({ code }: HttpFault): HttpEndReason | undefined {
  switch (code) {
    case 'ECONNRESET':
      return undefined;
    case 'HPE_HEADER_OVERFLOW':
      return 'headers_too_large';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'slow_request';
    default:
      return 'malformed_request';
  }
}

function errorOf({ code, reason, message, rawPacket }: HttpFault): MeshError {
  if (code === 'HPE_HEADER_OVERFLOW') return isRequestLine(rawPacket) ? urlTooLong() : headersTooLarge();
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return requestTooSlow();
  return malformedHttp({ problem: reason ?? message });
}

/** Whether a packet has nothing but the begin of a request line. If it came in parts, the last does not tell. */
function isRequestLine(packet: Buffer = Buffer.alloc(0)): boolean {
  return /^[A-Z]+ \S+$/.test(packet.subarray(0, maxHeadBytes / 2).toString('latin1'));
}
