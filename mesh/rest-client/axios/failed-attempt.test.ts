import { AxiosError } from 'axios';
import { expect, it } from 'vitest';
import { beginCall } from '../outbound-call.ts';
import { parseBaseUrl } from '../request-url.ts';
import { failedAttempt } from './failed-attempt.ts';

/** An error as Node has it when a system call fails. */
function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}

/** As for a name with two addresses. */
function severalErrors(code: string, ...syscalls: readonly string[]): Error {
  const errors = syscalls.map((syscall) => systemError(code, syscall));
  return Object.assign(new AggregateError(errors), { code });
}

it.each([
  ['SERVER_UNREACHABLE', systemError('ECONNREFUSED', 'connect')],
  ['SERVER_UNREACHABLE', systemError('ENOTFOUND', 'getaddrinfo')],
  ['SERVER_UNREACHABLE', systemError('EHOSTUNREACH', 'connect')],
  ['SERVER_UNREACHABLE', severalErrors('ENETUNREACH', 'connect', 'connect')],
  // The request was sent, so it may have taken effect.
  ['RESPONSE_LOST', systemError('EHOSTUNREACH', 'read')],
  ['RESPONSE_LOST', systemError('ENETUNREACH', 'write')],
  ['RESPONSE_LOST', systemError('ECONNRESET', 'read')],
])('a call has ended with %s after %s', (reason, error) => {
  const defaults = { base: parseBaseUrl('http://localhost'), service: 'orders', timeoutMs: 1_000, headers: {} };
  using call = beginCall({ method: 'POST', path: '/orders', body: {}, options: {} }, defaults);
  const failure = failedAttempt(AxiosError.from(error), call, { maxResponseBytes: 1, isClosed: () => false });
  expect(failure).toMatchObject({ reason });
});
