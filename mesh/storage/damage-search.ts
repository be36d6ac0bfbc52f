import type { MeshError } from '../errors/mesh-error.ts';

/**
 * Searches what is stored for damage, in steps that let others in between, and returns what it finds as the error that a
 * reader would get. `examined` counts the rows that were looked at.
 */
export type DamageSearch = (examined: (rows: number) => void) => AsyncIterable<MeshError>;
