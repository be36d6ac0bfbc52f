import { ClientError, Status } from 'nice-grpc';
import { inRepository, withCommandsHere } from '../../mesh/errors/commands-here.ts';
import { AccessError } from './access.ts';
import { AnsweredError, asAnswered, isNotServed, isUnreached } from './clients.ts';

/** The exit codes of the programs that call a mesh. docs/operating.md explains them. */
export const exitCode = {
  /** It is done, and nothing needs attention. */
  done: 0,
  /** It is done, and what it found needs attention. Also: the program has a bug. */
  attention: 1,
  /** The arguments, the settings or local files are wrong. */
  usage: 2,
  /** The mesh cannot be reached, does not serve, or did not respond in time: retry later. */
  unavailable: 3,
  /** The mesh refused the call. */
  refused: 4,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** A setting of a program does not fit. The text says why, and what to do. */
export class SettingError extends Error {}

/** The mesh cannot be reached, and the program knows what to do. The text says it. */
export class UnreachedError extends Error {}

/** Why a program failed: what to print, and the exit code. */
export interface Failure {
  readonly text: string;
  readonly code: ExitCode;
}

/**
 * Describes the failure of a program that calls the mesh at `address`: the same cause has the same text and code. `setting` is
 * where the address is from, such as `--address`.
 */
export function describeFailure(thrown: unknown, address: string, setting = 'ADDRESS'): Failure {
  const error = asAnswered(thrown);
  if (error instanceof UnreachedError) return { text: error.message, code: exitCode.unavailable };
  if (isTimeout(error)) {
    return { text: `the mesh at ${address} did not respond in time: check its log`, code: exitCode.unavailable };
  }
  if (error instanceof AccessError || error instanceof SettingError)
    return { text: error.message, code: exitCode.usage };
  if (!(error instanceof ClientError)) {
    return { text: error instanceof Error ? String(error.stack) : String(error), code: exitCode.attention };
  }
  if (isHttpPort(error)) {
    const port = `its gRPC port, 50051 ${withMake('with "make start"', 'by default')}`;
    const text = `the mesh at ${address} cannot be reached: this port serves HTTP, not gRPC: set ${setting} to ${port}`;
    return { text, code: exitCode.unavailable };
  }
  if (isUnreached(error)) {
    const advice = tlsAdvice(error.details, setting);
    if (advice !== undefined)
      return { text: `the mesh at ${address} cannot be reached: ${advice}`, code: exitCode.unavailable };
    const isUnknownName = /name resolution failed/i.test(error.details);
    const text = isUnknownName ? `the host of ${address} is unknown: set ${setting}` : unreachedText(address, setting);
    return { text, code: exitCode.unavailable };
  }
  const code = exitCodeOf(error.code);
  if (isNotServed(error)) return { text: notServedText(error.path, address), code };
  // An error of the mesh or of what it needs, not of this call: its text is complete.
  if (code === exitCode.unavailable) return { text: withCommandsHere(error.details), code };
  const reason = error instanceof AnsweredError && error.reason !== '' ? ` (${error.reason})` : '';
  const advice = refusalAdvice[error.code] ?? '';
  const details = withCommandsHere(error.details);
  return { text: `refused with ${Status[error.code]}${reason}: ${details}${advice}`, code };
}

/** What to do about a refusal that depends on who calls. */
const refusalAdvice: Readonly<Partial<Record<Status, string>>> = {
  [Status.UNAUTHENTICATED]:
    '; set ORDERMESH_TOKEN to a token that the mesh accepts' +
    withMake(', for example $(make -s token ROLES=operator)'),
  [Status.PERMISSION_DENIED]:
    '; set ORDERMESH_TOKEN to a token of a user or a role that may: see docs/authorization.md',
};

const untrusted = /self[- ]signed|unable to (verify|get)/i;
const otherName = /ALTNAME_INVALID|does not match certificate/i;
const serverExpired = /certificate has expired/i;
/**
 * grpc-js, of a connection that ends before HTTP/2 begins: `Last error: Failed to connect (2026-11-29T22:02:21.427Z)`.
 */
const endedAtOnce = /Last error: Failed to connect/;
const noTls = /wrong version number|packet length too long|EPROTO/i;
const ownCertificate = /certificate required|bad certificate|unknown ca|certificate unknown|certificate expired/i;

/**
 * Of a server that answers in HTTP/1.1 (grpc-js), and of one that answers a call with an HTTP status (grpc-js, the built-in engine),
 * as the HTTP port of a mesh does with 415. Not of a status that a proxy in front of a mesh gives: for callers that may not, too many calls, or a mesh that is away.
 */
const answersHttp =
  /Last error: Protocol error|^(Received HTTP status code|the server answered with HTTP status) 4(?!01|03|29)\d\d/;

function isHttpPort(error: ClientError): boolean {
  return !(error instanceof AnsweredError) && answersHttp.test(error.details);
}

/** Returns why TLS failed and what to do, if the text of a connection error says that it did. */
function tlsAdvice(details: string, setting: string): string | undefined {
  if (ownCertificate.test(details))
    return `it does not accept this client certificate: set TLS_CERT and TLS_KEY to a valid one${withMake(', see "make certs"')}`;
  if (serverExpired.test(details))
    return `its certificate has expired: ${withMake('run "make certs", or ')}renew it with your issuer; it needs no restart`;
  if (untrusted.test(details))
    return `TLS_CA is not the CA that signed its certificate: set it${withMake(', see "make certs"')}`;
  if (otherName.test(details)) return `its certificate has another name: set ${setting} to a name that it has`;
  if (noTls.test(details)) return 'it does not use TLS: unset TLS_CA, or start it with TLS=1';
  if (endedAtOnce.test(details))
    return 'it ends the connection, as a mesh with TLS does: set TLS_CA, or DATA_DIR to its data folder (docs/security.md)';
  return undefined;
}

/** The exit code for a call that the mesh ended with an error. */
export function exitCodeOf(status: Status): ExitCode {
  const isTemporary = status === Status.UNAVAILABLE || status === Status.DEADLINE_EXCEEDED;
  return isTemporary ? exitCode.unavailable : exitCode.refused;
}

/** The text for a mesh that does not run, or not there. */
export function unreachedText(address: string, setting = 'ADDRESS'): string {
  const start = withMake('run "make start" in another terminal', 'check that it runs');
  return `the mesh at ${address} cannot be reached: ${start}, or set ${setting}`;
}

/** A part of a text that names a target of make, and what stands in its place outside of the repository. */
function withMake(text: string, outside = ''): string {
  return inRepository ? text : outside;
}

/** A path begins with the package of the service, such as `/inventory.v1.InventoryService/CreateItem`. */
function notServedText(path: string, address: string): string {
  const [name = ''] = path.slice(1).split('.');
  const service = name === 'events' ? 'bridge' : name;
  const add =
    name === 'ops' ? withMake('', ', or add opsService of @ordermesh/mesh/ops to the services of that process') : '';
  return `the process at ${address} does not serve ${path.slice(1)}: use an address where ${service} is served too${add}`;
}

// An IPv6 host is in brackets.
const addressFormat = /^(\[[0-9a-fA-F:.]+\]|[^:/\s]+):(?<port>\d{1,5})$/;

/** Returns what is wrong with the address in a variable; `undefined` if nothing. */
export function addressProblem(address: string, variable = 'ADDRESS'): string | undefined {
  const port = addressFormat.exec(address)?.groups?.port;
  const isValid = port !== undefined && Number(port) > 0 && Number(port) <= 65_535;
  return isValid ? undefined : `invalid ${variable} "${address}": use <host>:<port>`;
}

/** Throws a SettingError if the address is not valid. */
export function requireAddress(address: string): void {
  const problem = addressProblem(address);
  if (problem !== undefined) throw new SettingError(problem);
}

/** A time limit of this program, or the deadline of the call. */
function isTimeout(error: unknown): boolean {
  if (error instanceof DOMException) return true;
  return error instanceof ClientError && !(error instanceof AnsweredError) && error.code === Status.DEADLINE_EXCEEDED;
}
