import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChannelCredentials, type ChannelOptions } from 'nice-grpc';

/** How a program reaches a mesh and says who it is. */
export interface Access {
  /** PEM. `undefined`: the mesh is reached without TLS. */
  readonly tls: AccessTls | undefined;
  /** A bearer token. `undefined`: none. */
  readonly token: string | undefined;
}

export interface AccessTls {
  /** The CA that signed the certificate of the mesh. */
  readonly ca: string;
  /** A certificate of the program's own with its key, for a mesh that requires one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** What `make start` and `make start-split` leave in their data folder when they run with TLS or tokens. */
export interface RunningMesh {
  /** Of the process that runs the mesh. The file counts as long as that runs. */
  readonly pid: number;
  /** `host:port` of its gRPC and HTTP listeners. */
  readonly addresses: readonly string[];
  /** Paths. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
}

/** A file that cannot be read, or settings that do not fit together. The text says which. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads how to reach the mesh at `address`: from `TLS_CA`, `TLS_CERT`, `TLS_KEY` and `ORDERMESH_TOKEN` or
 * `ORDERMESH_TOKEN_FILE`. What is not set, from the data folder of a mesh that runs there on this machine. Throws an
 * `AccessError`, also for a token that others could read on its way: without TLS it may be sent to this machine only.
 * `hasTls`: whether connections are encrypted, such as by the scheme of a URL; by default they are with `TLS_CA`.
 */
export function readAccess(environment: Environment, address: string, hasTls?: boolean): Access {
  const { TLS_CA, TLS_CERT, TLS_KEY, ORDERMESH_TOKEN, ORDERMESH_TOKEN_FILE } = environment;
  const running = runningAt(environment, address);
  const ca = TLS_CA || running.ca;
  const { cert, key } = TLS_CERT || TLS_KEY ? { cert: TLS_CERT, key: TLS_KEY } : running;
  const tokenFile = ORDERMESH_TOKEN ? undefined : ORDERMESH_TOKEN_FILE;
  const token = ORDERMESH_TOKEN || (tokenFile ? undefined : running.token);
  if ((cert || key) && !(ca && cert && key))
    throw new AccessError('a client certificate needs all of TLS_CA, TLS_CERT and TLS_KEY');
  if ((token || tokenFile) && !(hasTls ?? ca) && !isLoopback(address))
    throw new AccessError(
      `a token is sent to ${address} with TLS only: set TLS_CA to the CA of the mesh, or use an https URL`,
    );
  return {
    tls: ca
      ? { ca: read('TLS_CA', ca), ...(cert && key && { cert: read('TLS_CERT', cert), key: read('TLS_KEY', key) }) }
      : undefined,
    token: token || (tokenFile ? read('ORDERMESH_TOKEN_FILE', tokenFile).trim() : undefined),
  };
}

/** The file in which a mesh leaves how it is reached, for programs of the same user. */
export function runningMeshFile(dataDir: string): string {
  return join(dataDir, 'running-mesh.json');
}

/** The credentials of a channel of grpc-js. */
export function channelCredentials({ tls }: Access): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  const { ca, cert, key } = tls;
  return ChannelCredentials.createSsl(Buffer.from(ca), key ? Buffer.from(key) : null, cert ? Buffer.from(cert) : null);
}

/** The options of such a channel: a certificate has the name of this machine, and TLS sends names, not IP addresses. */
export function channelOptions({ tls }: Access, address: string): ChannelOptions {
  const isLocal = /^(127\.0\.0\.1|\[::1\]):/.test(address);
  return tls && isLocal ? { 'grpc.ssl_target_name_override': 'localhost' } : {};
}

/** Returns how the mesh is reached that runs with TLS or tokens on a data folder; `undefined` if none does. */
export function readRunningMesh(dataDir: string): RunningMesh | undefined {
  try {
    const mesh: RunningMesh = JSON.parse(readFileSync(runningMeshFile(dataDir), 'utf8'));
    return runs(mesh.pid) ? mesh : undefined;
  } catch {
    return undefined;
  }
}

function runningAt(environment: Environment, address: string): Partial<RunningMesh> {
  const mesh = readRunningMesh(environment.DATA_DIR || 'data');
  return mesh?.addresses.map(canonical).includes(canonical(address)) ? mesh : {};
}

function isLoopback(address: string): boolean {
  return /^(localhost|127\.[0-9.]+|\[::1\])(:|$)/.test(address);
}

function canonical(address: string): string {
  return address.replace(/^(localhost|\[::1\]|0\.0\.0\.0|\[::\]):/, '127.0.0.1:');
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function read(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // Neither the path nor the message, which repeats it: it may be the content, such as a key or a token.
    const reason = error instanceof Error && 'code' in error ? error.code : 'unknown reason';
    throw new AccessError(`${variable} names a file that cannot be read (${reason})`);
  }
}
