import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { type RunningMesh, runningMeshFile } from '../../examples/support/access.ts';
import { messageOf } from '../../mesh/errors/error-text.ts';
import { makeFolder } from '../../mesh/storage/make-folder.ts';
import { certsFolderOf, openCertsFolder, programCertificate } from '../certs/certs-folder.ts';
import { localUser, openLocalIssuer } from '../tokens/local-issuer.ts';

/** What `TLS=1` and `AUTH=1` of `make start` and `make start-split` add to a mesh on this machine. */
export interface Secured {
  /** The settings of the processes of a service. */
  settingsOf(service: string): Readonly<Record<string, string>>;
  /** Leaves in the data folder how the mesh is reached that this process runs, until it is disposed of. */
  announce(addresses: readonly string[]): Disposable;
}

/** Processes whose callers are people and programs: they need no certificate of their own. */
const publicServices: ReadonlySet<string> = new Set(['gateway', 'edge', 'mesh']);
/** Of the token of programs, which is renewed halfway: of a mesh that was killed, it stays behind. */
const programTokenMs = 12 * 3_600_000;

/**
 * Reads `TLS` and `AUTH`. Makes the certificates of `names` that are missing or end soon, and the key of the local
 * issuer. Throws if one of the two is neither 1 nor 0.
 */
export async function openSecured(
  environment: NodeJS.ProcessEnv,
  dataDir: string,
  names: readonly string[],
): Promise<Secured> {
  const [hasTls, hasAuth] = [flag(environment, 'TLS'), flag(environment, 'AUTH')];
  const certs = openCertsFolder(certsFolderOf({ ...environment, DATA_DIR: dataDir }));
  if (hasTls) {
    certs.prepare();
    certs.sign(certs.due([...names, programCertificate]));
  }
  const issuer = hasAuth ? openLocalIssuer(dataDir) : undefined;
  const signToken = async () =>
    await issuer?.sign({ subject: localUser(), roles: ['operator', 'admin'], lifetimeMs: programTokenMs });
  const firstToken = await signToken();

  function tlsOf(service: string): Readonly<Record<string, string>> {
    const { cert, key, ca } = certs.filesOf(service);
    return {
      TLS_CERT: cert,
      TLS_KEY: key,
      TLS_CA: ca,
      TLS_CLIENTS: publicServices.has(service) ? 'optional' : 'required',
    };
  }

  return {
    settingsOf: (service) => ({ ...(hasTls && tlsOf(service)), ...issuer?.settings }),
    announce(addresses) {
      const file = runningMeshFile(dataDir);
      makeFolder(dataDir);
      rmSync(file, { force: true });
      if (!hasTls && !hasAuth) return { [Symbol.dispose]: () => undefined };
      const write = (token: string | undefined) => {
        const files = hasTls && certs.filesOf(programCertificate);
        const mesh: RunningMesh = { pid: process.pid, addresses, token, ...files };
        // It has a token.
        writeFileSync(file, JSON.stringify(mesh, undefined, 2), { mode: 0o600 });
      };
      write(firstToken);
      const renew = async () => {
        const token = await signToken();
        if (existsSync(file)) write(token);
      };
      // The mesh serves on: only programs of this machine need the token.
      const onFailure = (error: unknown) =>
        void process.stderr.write(
          `the token in ${file} was not renewed, so commands are refused soon: ${messageOf(error)}; restart the mesh\n`,
        );
      const renewal = setInterval(() => renew().catch(onFailure), programTokenMs / 2).unref();
      return {
        [Symbol.dispose]() {
          clearInterval(renewal);
          rmSync(file, { force: true });
        },
      };
    },
  };
}

function flag(environment: NodeJS.ProcessEnv, variable: string): boolean {
  const text = environment[variable] ?? '';
  if (!['', '0', '1'].includes(text)) throw new Error(`${variable} is "${text}", but must be 1 or 0`);
  return text === '1';
}
