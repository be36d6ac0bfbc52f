import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';

/** Reads `host:port`, with an IPv6 host in brackets. Rejects what is none with INVALID_ARGUMENT `BAD_LISTEN_ADDRESS`. */
export function parseListenAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    const text = `cannot listen on "${address}": give host:port, such as 127.0.0.1:50051 or [::1]:50051, port 0 for any`;
    throw new MeshError(Status.INVALID_ARGUMENT, 'BAD_LISTEN_ADDRESS', text);
  }
  return { host, port };
}

/** Says why the system refused to listen on `address`, and what to do. */
export function listenError(address: string, error: NodeJS.ErrnoException): MeshError {
  const failed = `cannot listen on ${address}`;
  switch (error.code) {
    case 'EADDRINUSE': {
      const text = `${failed}: another process has it; stop that one, or choose another port`;
      return new MeshError(Status.ALREADY_EXISTS, 'ADDRESS_IN_USE', text, { cause: error });
    }
    case 'EACCES': {
      const text = `${failed}: this user may not; choose a port above 1023, or allow it`;
      return new MeshError(Status.PERMISSION_DENIED, 'ADDRESS_FORBIDDEN', text, { cause: error });
    }
    default: {
      const text = `${failed} (${error.code ?? error.message}): choose an address of this machine`;
      return new MeshError(Status.INVALID_ARGUMENT, 'BAD_LISTEN_ADDRESS', text, { cause: error });
    }
  }
}
