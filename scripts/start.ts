import { messageOf } from '../mesh/errors/error-text.ts';
import { openSecured } from './secured/secured.ts';

// `make start` with `TLS=1` or `AUTH=1`: `services/main.ts` with a certificate of `make certs` and the tokens of `make token`.

const { env } = process;
try {
  const secured = await openSecured(env, env.DATA_DIR || 'data', ['mesh']);
  Object.assign(env, secured.settingsOf('mesh'));
  secured.announce([env.GRPC_LISTEN || '127.0.0.1:50051', env.HTTP_LISTEN || '127.0.0.1:8080']);
} catch (error) {
  process.stderr.write(`cannot start: ${messageOf(error)}\n`);
  process.exit(2);
}
await import('../services/main.ts');
