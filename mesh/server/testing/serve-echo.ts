import { pino } from 'pino';
import { currentScope } from '../../telemetry/call-scope.ts';
import { engineOfRun } from '../../testing/engine-of-run.ts';
import { systemClock } from '../../time/clock.ts';
import { createServer, type ServerOptions } from '../create-server.ts';

/** Serves on a free port until the test ends; `lines` are those of its log. */
export async function serveForTest(options: Partial<ServerOptions> & Pick<ServerOptions, 'serves'>) {
  const lines: Record<string, unknown>[] = [];
  const mixin = () => ({ request_id: currentScope()?.requestId, trace_id: currentScope()?.traceparent.split('-')[1] });
  const logger = pino({ level: 'debug', mixin }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const server = createServer({ engine: engineOfRun, clock: systemClock, logger, ...options });
  const port = await server.listen('127.0.0.1:0');
  return { server, port, address: `127.0.0.1:${port}`, lines };
}
