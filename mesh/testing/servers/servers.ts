import { appendFileSync } from 'node:fs';
import { describe } from 'vitest';

/** A server or tool that tests use, if it is installed. */
export interface TestServer {
  /** For example `PostgreSQL`. */
  readonly name: string;
  /** For example `15.8`. Undefined if it is not installed. */
  readonly version: string | undefined;
}

/** The file in which test processes record what they used. Set by `servers-report.ts`. */
export const serversLogVariable = 'MESH_TEST_SERVERS_LOG';

/**
 * A suite that needs a real server. If the server is not installed, the suite is skipped and listed at the end of the run, or
 * fails with REQUIRE_SERVERS=1.
 */
export function describeWithServer(server: TestServer, title: string, suite: () => void): void {
  note(server, title);
  if (server.version === undefined && process.env.REQUIRE_SERVERS === '1') {
    throw new Error(
      `"${title}" needs ${server.name}, which is not installed; run "make deps" or unset REQUIRE_SERVERS`,
    );
  }
  describe.skipIf(server.version === undefined)(title, suite);
}

/**
 * A suite that needs at least `minVersion` of a server. If an earlier one is installed, the suite is skipped and listed at the
 * end of the run, with REQUIRE_SERVERS=1 too: systems that are supported have earlier ones. Use it in `describeWithServer`.
 */
export function describeWithVersion(server: TestServer, minVersion: string, title: string, suite: () => void): void {
  const isCovered = isAtLeast(server, minVersion);
  if (server.version !== undefined && !isCovered) note(server, title, minVersion);
  describe.skipIf(!isCovered)(title, suite);
}

/** Whether a server of this version or a later one is installed. */
export function isAtLeast({ version }: TestServer, minVersion: string): boolean {
  return version !== undefined && version.localeCompare(minVersion, 'en', { numeric: true }) >= 0;
}

function note(server: TestServer, title: string, minVersion?: string): void {
  const log = process.env[serversLogVariable];
  if (log !== undefined) appendFileSync(log, `${JSON.stringify({ ...server, title, minVersion })}\n`);
}
