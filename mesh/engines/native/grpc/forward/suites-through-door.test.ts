import { describe } from 'vitest';
import { failureSuite } from '../../../suite/server-host/failures.ts';
import { requestSuite } from '../../../suite/server-host/requests.ts';
import { streamingSuite } from '../../../suite/server-host/streaming.ts';
import { transportSuite } from '../../../suite/transport.suite.ts';
import { engineBehindRawDoor } from '../../testing/raw-door.ts';

describe('through a door', () => {
  transportSuite(engineBehindRawDoor);
  requestSuite(engineBehindRawDoor);
  streamingSuite(engineBehindRawDoor);
  failureSuite(engineBehindRawDoor);
});
