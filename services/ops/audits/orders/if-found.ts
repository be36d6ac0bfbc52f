import { Status } from 'nice-grpc-common';
import { MeshError } from '#mesh';

/** What a call answers; `undefined` when that is NOT_FOUND. */
export async function ifFound<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof MeshError && error.code === Status.NOT_FOUND) return undefined;
    throw error;
  }
}
