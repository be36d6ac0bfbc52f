import { isLocal } from '../mesh/config/address.ts';
import { messageOf } from '../mesh/errors/error-text.ts';
import { createLogger } from '../mesh/telemetry/logger.ts';
import { openSecured, type Secured } from './secured/secured.ts';

// `make start` with `TLS=1` or `AUTH=1`: `services/main.ts` with a certificate of `make certs` and the
// tokens of `make token`.

const forThisMachine =
  'TLS=1 and AUTH=1 are for one machine, and others can reach this process: whoever reads tokens/issuer.key or ' +
  'certs/ca.key in its data folder can pose as anyone, and only names in HOSTS of "make certs" are in its ' +
  'certificate; use an issuer and certificates of your own (docs/security.md)';

const { env } = process;
const listeners = [env.GRPC_LISTEN || '127.0.0.1:50051', env.HTTP_LISTEN || '127.0.0.1:8080'].filter(
  (address) => address !== 'off',
);
const secured = await open();
Object.assign(env, secured.settingsOf('mesh'));
const reachable = listeners.filter((address) => !isLocal(address));
if (reachable.length > 0) createLogger('warn').warn({ listeners: reachable }, forThisMachine);
// It returns once the mesh serves. One that cannot start ends the process, and leaves alone what another has announced.
await import('../services/main.ts');
const announced = secured.announce(listeners);
process.once('exit', () => announced[Symbol.dispose]());

async function open(): Promise<Secured> {
  try {
    return await openSecured(env, env.DATA_DIR || 'data', ['mesh']);
  } catch (error) {
    process.stderr.write(`cannot start: ${messageOf(error)}\n`);
    process.exit(2);
  }
}
