import type { Engine } from '../../../mesh/engines/engine.ts';
import { type EngineName, engineByName } from '../../../mesh/engines/engines.ts';
import { toStatus } from '../../../mesh/errors/to-status.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { addTestService } from './handlers.ts';
import { loadTestMethods } from './methods.ts';

/** A server under test. */
export interface TestTarget {
  readonly port: number;
  stop(): Promise<void>;
}

/** Serves the standard test service in this process, on a free port of 127.0.0.1. */
export async function startTestService(on: EngineName | Engine): Promise<TestTarget> {
  const engine = typeof on === 'string' ? await engineByName(on) : on;
  const logger = createLogger('silent');
  const host = engine.createServerHost({ toStatus: (error, call) => toStatus(error, call, logger) });
  addTestService(host, loadTestMethods());
  const port = await host.listen('127.0.0.1:0');
  return { port, stop: () => host.drain(0) };
}
