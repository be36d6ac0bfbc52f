import { currentScope } from '../../telemetry/call-scope.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { engineOfRun } from '../../testing/engine-of-run.ts';
import { systemClock } from '../../time/clock.ts';
import { createServer, type ServerOptions } from '../create-server.ts';

/** Serves on a free port until the test ends; `lines` are those of its log. */
export async function serveForTest(options: Partial<ServerOptions> & Pick<ServerOptions, 'serves'>) {
  const mixin = () => ({ request_id: currentScope()?.requestId, trace_id: currentScope()?.traceparent.split('-')[1] });
  const { logger, lines } = captureLog({ level: 'debug', mixin });
  const server = createServer({ engine: engineOfRun, clock: systemClock, logger, ...options });
  const port = await server.listen('127.0.0.1:0');
  return { server, port, address: `127.0.0.1:${port}`, lines };
}
