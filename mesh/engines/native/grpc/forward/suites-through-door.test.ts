import { describe } from 'vitest';
import { failureSuite } from '../../../suite/server-host/failures.ts';
import { requestSuite } from '../../../suite/server-host/requests.ts';
import { streamingSuite } from '../../../suite/server-host/streaming.ts';
import { transportSuite } from '../../../suite/transport.suite.ts';
import { engineBehindDoor } from '../../testing/door.ts';

describe('through a door', () => {
  transportSuite(engineBehindDoor);
  requestSuite(engineBehindDoor);
  streamingSuite(engineBehindDoor);
  failureSuite(engineBehindDoor);
});
