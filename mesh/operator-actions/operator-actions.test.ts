import { expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../storage/open.ts';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { createOperatorActions } from './create-operator-actions.ts';

const action = {
  subject: 'olga',
  roles: ['operator', 'user'],
  method: '/ops.v1.SagaService/RetrySaga',
  request: '{"id":"order-1"}',
  reason: 'the carrier answers again',
  requestId: 'request-1',
};

describeOnEachDatabase((newUrl) => {
  it('keeps what operators changed, in order, over a restart', async () => {
    const url = newUrl();
    const clock = createTestClock();
    const storage = await openStorage(url);
    const actions = createOperatorActions(storage, clock);
    expect(await actions.page('', 10)).toEqual([]);
    const first = await actions.begin(action);
    const second = await actions.begin({ ...action, reason: 'again' });
    await actions.end(first, 'OK');
    await storage.close();

    const again = await openStorage(url);
    onTestFinished(() => again.close());
    const reopened = createOperatorActions(again, clock);
    const timeMs = clock.now();
    expect(await reopened.page('', 10)).toEqual([
      { ...action, id: first, timeMs, outcome: 'OK' },
      { ...action, id: second, timeMs, reason: 'again', outcome: '' },
    ]);
    expect(await reopened.page(first, 10)).toMatchObject([{ id: second }]);
    expect(await reopened.page('', 1)).toMatchObject([{ id: first }]);
  });
});
