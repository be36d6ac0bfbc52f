import { Status } from 'nice-grpc-common';
import { beforeEach, describe, expect, it } from 'vitest';
import type { MeshError } from '../../../errors/mesh-error.ts';
import { createTestClock, type TestClock } from '../../../testing/test-clock.ts';
import { silent as logger } from '../../testing/events.ts';
import { protocolError } from '../client/kafkajs.ts';
import { createPartitionFeed, type PartitionFeed } from './partition-feed.ts';

const [corruptMessage, topicAuthorizationFailed, storageError] = [2, 29, 56];
const nothing = { topic: 't', partition: 0, errorCode: 0, abortedTransactions: [], records: Buffer.alloc(0) };
const place = { topic: 't', partition: '0', offset: '5' };

describe('the feed of a partition', () => {
  let clock: TestClock;
  let failure: MeshError | undefined;
  let feed: PartitionFeed;

  beforeEach(() => {
    clock = createTestClock();
    failure = undefined;
    const failed = (error: MeshError | undefined) => {
      failure = error;
    };
    const ignore = () => undefined;
    const target = {
      topic: 't',
      partition: 0,
      next: 5n,
      hasRoom: () => true,
      deliver: ignore,
      startOver: ignore,
      failed,
    };
    feed = createPartitionFeed(target, clock, logger);
  });

  async function answer(): Promise<void> {
    feed.accept(nothing);
    await feed.handOn();
  }

  it('has recovered when an answer could be read completely, even if it is empty', async () => {
    feed.fail(protocolError(topicAuthorizationFailed));
    expect(failure).toMatchObject({ code: Status.UNAVAILABLE, reason: 'EVENTS_MISCONFIGURED', metadata: place });
    clock.advance(60_000);
    expect(feed.isHungry).toBe(true);
    await answer();
    expect(failure).toBeUndefined();
  });

  it('reports unavailable brokers after several times in a row, and pauses longer each time', async () => {
    const rests: number[] = [];
    for (let times = 0; times < 7; times++) {
      expect(failure).toBeUndefined();
      feed.miss(protocolError(storageError));
      expect(feed.isHungry).toBe(false);
      rests.push(...clock.pendingMs());
      clock.advance(5000);
    }
    expect(rests).toEqual([100, 200, 400, 800, 1600, 3200, 5000]);
    expect(failure).toMatchObject({ code: Status.UNAVAILABLE, reason: 'EVENTS_UNAVAILABLE', metadata: place });
    await answer();
    expect(failure).toBeUndefined();
    feed.miss(protocolError(storageError));
    expect(failure).toBeUndefined();
    expect(clock.pendingMs()).toEqual([100]);
  });

  it('counts the failures of several loops during a pause as one', () => {
    for (let times = 0; times < 20; times++) feed.miss(protocolError(storageError));
    expect(failure).toBeUndefined();
    expect(clock.pendingMs()).toEqual([100]);
  });

  it('reports damage that a broker finds', () => {
    for (let times = 0; times < 7; times++) {
      feed.miss(protocolError(corruptMessage));
      clock.advance(5000);
    }
    expect(failure).toMatchObject({ code: Status.DATA_LOSS, reason: 'PARTITION_UNREADABLE', metadata: place });
  });
});
