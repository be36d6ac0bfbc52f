import type { MeshError } from '../errors/mesh-error.ts';
import { describePortUser } from '../processes/port-user.ts';
import { addressForbidden, addressInUse, badListenAddress, cannotListen } from './errors.ts';

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

/** Why the system refused to listen on `address`, the value of `setting` if there is one. */
export function listenError(address: string, cause: NodeJS.ErrnoException, setting?: string): MeshError {
  const shown = setting === undefined ? address : `${setting}=${address}`;
  switch (cause.code) {
    case 'EADDRINUSE':
      return addressInUse({ address: shown, problem: describePortUser(parseListenAddress(address).port) }, { cause });
    case 'EACCES':
      return addressForbidden({ address: shown }, { cause });
    default:
      return cannotListen({ address: shown, problem: cause.code ?? cause.message }, { cause });
  }
}
