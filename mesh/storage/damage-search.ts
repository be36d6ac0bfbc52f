import type { MeshError } from '../errors/mesh-error.ts';

/**
 * Searches what is stored for damage, in steps that let others in between, and returns what it finds as the error that a
 * reader would get. `examined` counts the rows that were looked at.
 */
export type DamageSearch = (examined: (rows: number) => void) => AsyncIterable<MeshError>;

/** The same of a whole database, without the tables `except`, which somebody else reads. */
export type DatabaseSearch = (examined: (rows: number) => void, except?: readonly string[]) => AsyncIterable<MeshError>;
