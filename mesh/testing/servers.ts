import { appendFileSync } from 'node:fs';
import { describe } from 'vitest';

/** A server that tests start, as it was found on this machine. */
export interface TestServer {
  /** `PostgreSQL`. */
  readonly name: string;
  /** `15.8`; `undefined` when it is not installed. */
  readonly version: string | undefined;
}

/** Where the tests' processes note what they used; set by `servers-report.ts`. */
export const serversLogVariable = 'MESH_TEST_SERVERS_LOG';

/**
 * A suite that needs a real server. Where that is not installed the suite is skipped and named at the end of the run;
 * with REQUIRE_SERVERS=1 it fails instead.
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

function note(server: TestServer, title: string): void {
  const log = process.env[serversLogVariable];
  if (log !== undefined) appendFileSync(log, `${JSON.stringify({ ...server, title })}\n`);
}
