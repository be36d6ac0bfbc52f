import type { Metrics } from '../../metrics/metrics.ts';
import type { Expiry } from './expiry.ts';
import type { TlsFiles } from './tls-files.ts';

/** A file of TLS, as it is now. */
export interface FileState {
  /** The setting that names it. */
  readonly setting: string;
  /** What is wrong with it, and what to do: what it had before stays in use. `undefined`: nothing. */
  readonly problem: string | undefined;
}

/** What operators look at of the TLS files of an identity. */
export interface TlsState {
  /** Returns what of them expires, and when. */
  expiries(): readonly Expiry[];
  files(): readonly FileState[];
}

/** The files of all identities of a process. */
export interface TlsStates extends TlsState {
  /** Adds those of an identity, which may be opened later. */
  add(state: TlsState): void;
  /** Returns those that cannot be used. */
  refused(): readonly FileState[];
}

export function createTlsStates(): TlsStates {
  const states: TlsState[] = [];
  const files = () => states.flatMap((state) => state.files());
  return {
    add: (state) => states.push(state),
    expiries: () => states.flatMap((state) => state.expiries()),
    files,
    refused: () => files().filter(({ problem }) => problem !== undefined),
  };
}

/** Returns the states of files that are watched. */
export function statesOf({ named: { cert, key, ca, crl }, refused }: TlsFiles): readonly FileState[] {
  const present = [cert, key, ca, crl].filter((file) => file !== undefined);
  return present.map(({ variable: setting }) => {
    return { setting, problem: refused.find(({ variable }) => variable === setting)?.message };
  });
}

const refusedHelp = 'Whether the file of a setting cannot be used, and what was valid before stays in use.';

/** Shows as a metric which files cannot be used. */
export function measureTlsFiles({ files }: Pick<TlsState, 'files'>, metrics: Metrics): void {
  metrics.gauge('ordermesh_tls_files_refused', refusedHelp, ['setting']).collect(async () =>
    files().map(({ setting, problem }) => {
      return { labels: { setting }, value: problem === undefined ? 0 : 1 };
    }),
  );
}
