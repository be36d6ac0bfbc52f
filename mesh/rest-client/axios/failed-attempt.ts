import { type AxiosError, isCancel } from 'axios';
import type { MeshError } from '../../errors/mesh-error.ts';
import { tlsAdvice } from '../../errors/tls-advice.ts';
import { redirectRefused, responseLost, responseTooLarge, responseUnreadable, serverUnreachable } from '../errors.ts';
import { endOf, type OutboundCall } from '../outbound-call.ts';
import { failedResponse, nameOf, RestError } from '../rest-error.ts';
import { isComplete, toRawResponse } from './raw-response.ts';

/** What the errors of a call depend on, besides the call. */
interface ClientState {
  readonly maxResponseBytes: number;
  readonly isClosed: () => boolean;
}

/** Returns the error of an attempt that axios ended with `error`. */
export function failedAttempt(error: AxiosError, call: OutboundCall, client: ClientState): RestError {
  if (isCancel(error)) return new RestError(call, endOf(call, client.isClosed()));
  if (!isComplete(error.response)) return new RestError(call, faultOf(error, call, client));
  const response = toRawResponse(error.response);
  if (!isRedirect(response.status) || response.headers.location === undefined) return failedResponse(call, response);
  const problem = `HTTP ${response.status}, and redirects are switched off`;
  return new RestError(call, redirectRefused({ ...nameOf(call), problem }), response);
}

function faultOf(error: AxiosError, call: OutboundCall, { maxResponseBytes }: ClientState): MeshError {
  // The AxiosError itself has the headers of the request, credentials included: it must not get into a log.
  const { code = '', cause } = error;
  const fault = { ...nameOf(call), problem: code || error.message };
  if (error.message.startsWith('maxContentLength')) return responseTooLarge({ ...fault, maxBytes: maxResponseBytes });
  if (code.startsWith('ERR_FR_')) return redirectRefused({ ...fault, problem: redirectProblem(error) });
  if (/^(Z_|HPE_|ERR__?ERROR_FORMAT)/.test(code)) return responseUnreadable(fault, { cause });
  const advice = tlsAdvice(error, 'ca or NODE_EXTRA_CA_CERTS');
  if (advice) return serverUnreachable({ ...fault, problem: `${code}: ${advice}` }, { cause });
  return isUnconnected(error) ? serverUnreachable(fault, { cause }) : responseLost(fault, { cause });
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}

const unconnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);

/** Whether nothing was sent, because there was no connection. */
function isUnconnected({ code = '', cause }: AxiosError): boolean {
  return unconnected.has(code) || isConnectFault(cause);
}

/** A host can become unreachable after a request was sent, too: the system call tells. Several addresses have several faults. */
function isConnectFault(cause: unknown): boolean {
  if (cause instanceof AggregateError) return cause.errors.length > 0 && cause.errors.every(isConnectFault);
  return cause instanceof Error && 'syscall' in cause && cause.syscall === 'connect';
}

/** follow-redirects wraps what its callback throws. */
function redirectProblem({ code, cause }: AxiosError): string {
  if (code === 'ERR_FR_TOO_MANY_REDIRECTS') return 'there are too many';
  return cause?.cause instanceof Error ? cause.cause.message : 'its address is invalid';
}
