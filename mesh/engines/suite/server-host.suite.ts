import type { Engine } from '../engine.ts';
import { connectionSuite } from './server-host/connections.ts';
import { endSuite } from './server-host/ends.ts';
import { failureSuite } from './server-host/failures.ts';
import { refusalSuite } from './server-host/refusals.ts';
import { refusedRequestSuite } from './server-host/refused-requests.ts';
import { requestSuite } from './server-host/requests.ts';
import { streamingSuite } from './server-host/streaming.ts';

/** The tests that the server host of every engine passes. */
export function serverHostSuite(engine: Engine): void {
  requestSuite(engine);
  refusalSuite(engine);
  refusedRequestSuite(engine);
  failureSuite(engine);
  streamingSuite(engine);
  connectionSuite(engine);
  endSuite(engine);
}
