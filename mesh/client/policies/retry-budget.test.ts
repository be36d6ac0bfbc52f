import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { failure, startPeer } from '../testing/peer.ts';
import { createRetryBudget } from './retry.ts';

const unavailable = failure(Status.UNAVAILABLE, { reason: 'SERVER_DRAINING' });

describe('a retry budget', () => {
  it('ends the retries of a client when it is used up', async () => {
    let attempts = 0;
    await using peer = await startPeer({
      getUser(_, answer) {
        attempts += 1;
        answer(unavailable);
      },
    });

    for (let call = 0; call < 15; call++) await expect(peer.client.getUser({})).rejects.toThrow('refused');

    // Three attempts of the first call and two of the second take the budget from ten tokens to five.
    expect(attempts).toBe(3 + 2 + 13);
  });

  it('allows retries again after enough successes', () => {
    const budget = createRetryBudget();
    for (let failures = 0; failures < 6; failures++) budget.failed();
    expect(budget.allowsRetry()).toBe(false);

    for (let successes = 0; successes < 10; successes++) budget.succeeded();
    expect(budget.allowsRetry()).toBe(false);

    budget.succeeded();
    expect(budget.allowsRetry()).toBe(true);
  });
});
