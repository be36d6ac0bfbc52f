import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClients } from '../app/program-clients.ts';
import type { ServiceDefinition } from '../app/service/service.ts';
import type { ClientFactory } from '../client/client-factory.ts';
import { createTestIssuer } from '../security/testing/test-issuer.ts';
import type { Logger } from '../telemetry/logger.ts';
import { engineOfRun } from './engine-of-run.ts';
import { startMesh, type TestMesh } from './start-mesh.ts';
import { tempFolder } from './temp-folder.ts';

/** Whom a token names. */
export interface TestCaller {
  readonly subject: string;
  /** Default: none, as most users. */
  readonly roles?: readonly string[];
}

/** A mesh whose methods are for those whom their contracts allow. */
export interface GuardedMesh extends TestMesh {
  /**
   * Returns clients with a token of a caller; without one, callers of whom nothing is known. They say that a test makes
   * their changes. They close with the mesh.
   */
  callAs(caller?: TestCaller): Promise<Pick<ClientFactory, 'client'>>;
  /** Returns a token, for calls over HTTP: `authorization: Bearer <token>`. It is valid for 5 min. */
  tokenOf(caller: TestCaller): Promise<string>;
}

/** Starts services as `startMesh` does, with an issuer of tokens of its own. */
export async function startGuardedMesh(
  definitions: readonly ServiceDefinition[],
  environment: Record<string, string> = {},
  logger?: Logger,
): Promise<GuardedMesh> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const issuer = await createTestIssuer();
  const keySet = join(folder.path, 'jwks.json');
  await writeFile(keySet, issuer.keySet);
  const tokens = { AUTH_JWKS: keySet, AUTH_ISSUER: issuer.issuer, AUTH_AUDIENCE: issuer.audience };
  const mesh = await startMesh(definitions, { ...tokens, ...environment }, logger);
  const opened = stack.move();
  const tokenOf = ({ subject, roles = [] }: TestCaller) => issuer.sign(subject, { claims: { roles } });
  return {
    ...mesh,
    tokenOf,
    async callAs(caller) {
      const token = caller && (await tokenOf(caller));
      const clients = await createClients(mesh.address, {
        engine: engineOfRun,
        logLevel: 'fatal',
        token,
        reason: 'a test',
      });
      opened.defer(() => clients.close());
      return clients;
    },
    async stop() {
      await opened.disposeAsync();
      await mesh.stop();
    },
  };
}
