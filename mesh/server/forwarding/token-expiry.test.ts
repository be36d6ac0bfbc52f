import { expect, it, onTestFinished } from 'vitest';
import { createEndpoints } from '../../balancing/endpoints.ts';
import { createStaticDiscovery } from '../../discovery/static/static-discovery.ts';
import type { ForwardedCall } from '../../engines/forwarding.ts';
import { nativeEngine } from '../../engines/native/engine.ts';
import { plainAuthenticator } from '../../security/testing/plain-authenticator.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { noneReachable } from '../errors.ts';
import { openAdmission } from '../policies/admission/admission.ts';
import { DoorRates } from '../policies/rate-limit/door-rates.ts';
import { createForwardedCallers } from './forwarded-caller.ts';
import { RoutedCall } from './routed-call.ts';

const dayMs = 24 * 3_600_000;

it('a stream ends when its token expires', async () => {
  const clock = createTestClock();
  const discovery = createStaticDiscovery(new Map([['user', ['127.0.0.1:1']]]));
  const endpoints = createEndpoints({
    engine: nativeEngine,
    discovery,
    clock: createTestClock(),
    logger: captureLog().logger,
  });
  onTestFinished(() => endpoints.close());
  const metadata = new Map([
    ['test-subject', 'ada'],
    ['test-expires-ms', `${clock.now() + 30 * dayMs}`],
  ]);
  const failures: unknown[] = [];
  const call: ForwardedCall = {
    path: '/user.v1.UserService/ListUsers',
    peer: '127.0.0.1:1',
    requestId: 'request',
    deadlineMs: undefined,
    isOver: false,
    requestBytes: 0,
    replyBytes: 0,
    waitsForReader: false,
    textMetadata: (key) => metadata.get(key),
    fail: (error) => failures.push(error),
  };
  const routed = new RoutedCall(
    call,
    { kind: 'server-streaming', readsOnly: true, hasRequestId: false },
    { service: 'user', balancer: endpoints.of('user'), admission: openAdmission },
    {
      connectionsTo: (address) => ({ address, close: () => undefined, abort: () => undefined }),
      unreachable: (service, problem = '') => noneReachable({ service, problem }),
      onEnd: () => undefined,
      callers: createForwardedCallers({ authenticator: plainAuthenticator, provesService: true }),
      rates: new DoorRates({ clock }),
      clock,
    },
  );
  await routed.admit();
  clock.advance(30 * dayMs - 1);
  expect(failures).toEqual([]);
  clock.advance(1);
  expect(failures).toMatchObject([{ reason: 'TOKEN_EXPIRED' }]);
});
