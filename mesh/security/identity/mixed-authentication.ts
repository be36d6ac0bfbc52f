import type { Logger } from '../../telemetry/logger.ts';
import type { Credentials } from '../authenticator.ts';
import { authenticatesCallers } from './identity-metadata.ts';

const settings = 'AUTH_JWKS, AUTH_ISSUER and AUTH_AUDIENCE';

/** Services are few: more names than this are an attack on the log. */
const maxServices = 100;

/** Notices a mesh of which only some processes authenticate calls, and logs each service once. */
export class MixedAuthentication {
  readonly #logger: Pick<Logger, 'warn' | 'info'>;
  readonly #services = new Set<string>();
  #hasLoggedToken = false;

  constructor(logger: Pick<Logger, 'warn' | 'info'>) {
    this.#logger = logger;
  }

  /** For a call of another process to one that authenticates calls. */
  checkCaller(credentials: Credentials): void {
    const { peerService, path = '' } = credentials;
    if (peerService === undefined || isInfrastructure(path) || authenticatesCallers(credentials)) return;
    // A program that has a token, and the certificate of a service.
    if (credentials.textMetadata('authorization') !== undefined) return;
    const text =
      'calls of a service do not say for whom they are made: its process does not authenticate calls ' +
      `(set ${settings} there too, or anyone may act through it), or is none of ordermesh`;
    this.#warn(peerService, path, text);
  }

  /** For a call to a process that does not authenticate calls. */
  checkUnasked(credentials: Credentials): void {
    const { peerService, path = '' } = credentials;
    if (peerService !== undefined && authenticatesCallers(credentials)) {
      const text =
        'a service calls that authenticates calls, and this process does not: ' +
        `set ${settings} here too, or anyone may do everything`;
      this.#warn(peerService, path, text);
    } else if (!this.#hasLoggedToken && credentials.textMetadata('authorization') !== undefined) {
      this.#hasLoggedToken = true;
      this.#logger.info({ method: path }, `calls have tokens, which this process does not verify: set ${settings}`);
    }
  }

  #warn(service: string, method: string, text: string): void {
    if (this.#services.has(service) || this.#services.size >= maxServices) return;
    this.#services.add(service);
    this.#logger.warn({ service, method }, text);
  }
}

/** Health and reflection are asked for no one. */
function isInfrastructure(path: string): boolean {
  return path.startsWith('/grpc.');
}
