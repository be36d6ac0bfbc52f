import type { MeshError } from '../errors/mesh-error.ts';

/**
 * Searches stored data for damage, in steps between which others run. Yields each finding as the error that a reader would get.
 * `examined` is called with the number of rows that were checked.
 */
export type DamageSearch = (examined: (rows: number) => void) => AsyncIterable<MeshError>;

/** As `DamageSearch`, for a whole database except for the tables that are checked elsewhere. */
export type DatabaseSearch = (examined: (rows: number) => void, except?: readonly string[]) => AsyncIterable<MeshError>;
