import { isLocal } from '../mesh/config/address.ts';
import { messageOf } from '../mesh/errors/error-text.ts';
import { createLogger } from '../mesh/telemetry/logger.ts';
import { openSecured } from './secured/secured.ts';

// `make start` with `TLS=1` or `AUTH=1`: `services/main.ts` with a certificate of `make certs` and the tokens of `make token`.

const forThisMachine =
  'TLS=1 and AUTH=1 are for one machine, and others can reach this process: whoever reads tokens/issuer.key or certs/ca.key in its data folder can pose as anyone, and only names in HOSTS of "make certs" are in its certificate; use an issuer and certificates of your own (docs/security.md)';

const { env } = process;
try {
  const [grpc, http] = [env.GRPC_LISTEN || '127.0.0.1:50051', env.HTTP_LISTEN || '127.0.0.1:8080'];
  const secured = await openSecured(env, env.DATA_DIR || 'data', ['mesh']);
  Object.assign(env, secured.settingsOf('mesh'));
  secured.announce([grpc, http]);
  const open = [grpc, http].filter((address) => address !== 'off' && !isLocal(address));
  if (open.length > 0) createLogger('warn').warn({ listeners: open }, forThisMachine);
} catch (error) {
  process.stderr.write(`cannot start: ${messageOf(error)}\n`);
  process.exit(2);
}
await import('../services/main.ts');
