import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';

/** A database that is not the one which belongs to a data folder. */
export interface Mismatch {
  /** `order`. */
  readonly name: string;
  /** Its file, or where its server is. */
  readonly location: string;
  /** The path of the manifest. */
  readonly manifest: string;
  /** What is wrong with it. */
  readonly fault: string;
}

/**
 * FAILED_PRECONDITION `DATA_MISMATCH`: a database is missing, empty, older than the others or of another mesh. Work that was
 * accepted would be lost in silence if the process started.
 */
export function dataMismatch({ name, location, manifest, fault }: Mismatch): MeshError {
  const text = `the database ${name} (${location}) ${fault}, by ${manifest}: restore all databases and the manifest from one backup; to start with what is there now, and lose what is missing, delete ${manifest}`;
  return mismatch(text, { database: name, location });
}

/** FAILED_PRECONDITION `DATA_MISMATCH`: nobody can say which databases belong together. */
export function unreadableManifest(path: string): MeshError {
  const text = `the manifest ${path} cannot be read: restore it with all databases from one backup; to start with the databases that are there now, delete it`;
  return mismatch(text, { location: path });
}

function mismatch(text: string, metadata: Record<string, string>): MeshError {
  return new MeshError(Status.FAILED_PRECONDITION, 'DATA_MISMATCH', text, { metadata });
}
