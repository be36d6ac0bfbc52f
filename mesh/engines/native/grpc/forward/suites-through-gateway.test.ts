import { describe } from 'vitest';
import { failureSuite } from '../../../suite/server-host/failures.ts';
import { requestSuite } from '../../../suite/server-host/requests.ts';
import { streamingSuite } from '../../../suite/server-host/streaming.ts';
import { transportSuite } from '../../../suite/transport.suite.ts';
import { engineBehindRawGateway } from '../../testing/raw-gateway.ts';

describe('through a gateway', () => {
  transportSuite(engineBehindRawGateway);
  requestSuite(engineBehindRawGateway);
  streamingSuite(engineBehindRawGateway);
  failureSuite(engineBehindRawGateway);
});
