import type { ServiceNames } from './names.ts';

/** An entry for the new service in a file that lists services. */
export interface Edit {
  readonly path: string;
  /** Throws if the file has no place for the entry. */
  readonly edit: (text: string, names: ServiceNames) => string;
  /** Whether a service works without the entry, so a project may have removed the file. Default: false. */
  readonly optional?: boolean;
}
