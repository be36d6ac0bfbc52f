import { isUnreached } from '../support/clients.ts';
import { UnreachedError } from '../support/failures.ts';
import type { Mesh } from '../support/mesh.ts';

/**
 * Follows an order that the mesh has accepted. If the mesh stays away, the error says that the order is safe, and how to see it
 * later.
 */
export async function followOrder<T>(
  { address }: Pick<Mesh, 'address'>,
  id: string,
  follow: () => Promise<T>,
): Promise<T> {
  try {
    return await follow();
  } catch (error) {
    if (!isUnreached(error)) throw error;
    throw new UnreachedError(
      `the mesh at ${address} cannot be reached, but order ${id} is safe: it continues when the mesh is back. ` +
        `Run "make start", then "make order ID=${id}" shows it`,
      { cause: error },
    );
  }
}
