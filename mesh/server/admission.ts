import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';

/** Decides whether a call is taken at all. */
export interface Admission {
  /** Throws UNAVAILABLE `SERVER_DRAINING` once the server takes no calls any more. */
  check(): void;
  /** Takes no calls from now on. */
  close(): void;
}

/** Makes the admission of a server, open. */
export function createAdmission(): Admission {
  let closed = false;
  return {
    check() {
      if (closed) throw serverDraining();
    },
    close() {
      closed = true;
    },
  };
}

function serverDraining(): MeshError {
  return new MeshError(
    Status.UNAVAILABLE,
    'SERVER_DRAINING',
    'the server is stopping and takes no new calls: call again, it goes to another server',
  );
}
