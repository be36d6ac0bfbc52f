import type { Engine } from '../engine.ts';
import { connectionSuite } from './server-host/connections.ts';
import { requestSuite } from './server-host/requests.ts';
import { streamingSuite } from './server-host/streaming.ts';

/** The tests that the server host of every engine passes. */
export function serverHostSuite(engine: Engine): void {
  requestSuite(engine);
  streamingSuite(engine);
  connectionSuite(engine);
}
