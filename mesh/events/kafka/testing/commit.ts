import { silent } from '../../testing/events.ts';
import { createKafka } from '../client/kafkajs.ts';

/** Sets the committed offset of a group without members in partition 0 of a topic. */
export async function commitOn(
  brokers: string,
  { group, topic, offset }: { readonly group: string; readonly topic: string; readonly offset: bigint },
): Promise<void> {
  const admin = createKafka(brokers.split(','), silent).admin();
  await admin.connect();
  await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: `${offset}` }] });
  await admin.disconnect();
}
