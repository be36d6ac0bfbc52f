import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { MeshError } from '../errors/mesh-error.ts';
import { describePortUser } from '../processes/port-user.ts';
import {
  addressForbidden,
  addressInUse,
  badListenAddress,
  cannotListen,
  cannotMakeSocket,
  socketFolderMissing,
  socketForbidden,
} from './errors.ts';

/** Parses `host:port`, with an IPv6 host in brackets. Throws INVALID_ARGUMENT `BAD_LISTEN_ADDRESS`. */
export function parseListenAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw badListenAddress({ address });
  }
  return { host, port };
}

/** The path in `unix:/path` or `unix:///path`; `undefined` for other addresses. */
export function socketPathOf(address: string): string | undefined {
  return /^unix:(?:\/\/(?=\/))?(.+)$/.exec(address)?.[1];
}

/** Why the system refused to listen on `address`, the value of `setting` if there is one. */
export function listenError(address: string, cause: NodeJS.ErrnoException, setting?: string): MeshError {
  const path = socketPathOf(address);
  const shown = setting === undefined ? address : `${setting}=${address}`;
  if (path !== undefined) return socketError(shown, path, cause);
  switch (cause.code) {
    case 'EADDRINUSE':
      return addressInUse({ address: shown, problem: describePortUser(parseListenAddress(address).port) }, { cause });
    case 'EACCES':
      return addressForbidden({ address: shown }, { cause });
    default:
      return cannotListen({ address: shown, problem: cause.code ?? cause.message }, { cause });
  }
}

/** Why there can be no Unix socket at `path`. Node reports a missing folder as EACCES. */
function socketError(address: string, path: string, cause: NodeJS.ErrnoException): MeshError {
  const folder = dirname(path);
  if (!isFolder(folder)) return socketFolderMissing({ address, folder }, { cause });
  switch (cause.code) {
    case 'EADDRINUSE':
      return addressInUse({ address, problem: problemOfUsed(path) }, { cause });
    case 'EACCES':
      return socketForbidden({ address, folder }, { cause });
    default:
      return cannotMakeSocket({ address, problem: cause.code ?? cause.message }, { cause });
  }
}

function problemOfUsed(path: string): string {
  return isFolder(path)
    ? 'it is a folder; choose a path in it'
    : 'the file exists; remove it if no other server listens there';
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
