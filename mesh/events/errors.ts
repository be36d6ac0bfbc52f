import { Status } from 'nice-grpc-common';
import { withCommandsHere } from '../errors/commands-here.ts';
import { defineError } from '../errors/define-error.ts';
import { eventTooLarge } from '../errors/errors.ts';
import { storageCorrupt } from '../storage/errors.ts';

export const unknownTopic = defineError({
  reason: 'UNKNOWN_TOPIC',
  code: Status.NOT_FOUND,
  means: 'no topic has this name',
  fix: 'use one that ListTopics returns',
  text: ({ topic, known }: { readonly topic: string; readonly known: readonly string[] }) =>
    `topic "${topic}" not found: ${known.length > 0 ? `use one of ${known.join(', ')}` : 'there are none yet'}`,
  metadata: ({ topic }) => ({ topic }),
});

export const topicNotCreated = unknownTopic.variant({
  text: ({ topic }: { readonly topic: string }) =>
    `topic "${topic}" not found: check its name; the services that use it create it when they start, and again if it is deleted`,
});

/** The brokers allow less than 1 MiB. */
export const eventTooLargeForKafka = eventTooLarge.variant({
  text: (event: { readonly topic: string; readonly key: string; readonly bytes: number; readonly maxBytes: number }) =>
    `event ${event.key} for topic ${event.topic} has ${event.bytes} bytes, but its brokers allow ${event.maxBytes} (max.message.bytes): send a reference instead`,
  metadata: ({ topic, key }) => ({ topic, key }),
});

export const eventRefused = defineError({
  reason: 'EVENT_REFUSED',
  code: Status.INVALID_ARGUMENT,
  means: 'Kafka rejects this event: its time, format or topic',
  fix: "change what the server's log names",
  text: ({ answer }: { readonly answer: string }) => `Kafka rejects this event: ${answer}; change it`,
  publicText: 'event is rejected by the event log: check its time, headers and topic',
  metadata: () => ({}),
});

export const eventsUnavailable = defineError({
  reason: 'EVENTS_UNAVAILABLE',
  code: Status.UNAVAILABLE,
  means: 'the event log cannot be used',
  fix: "see the server's log; it continues by itself",
  text: ({ problem }: { readonly problem: string }) => `event log cannot be used now: ${problem}; retry later`,
  publicText: 'event log cannot be used now: call again later',
  metadata: () => ({}),
});

export const kafkaUnavailable = eventsUnavailable.variant({
  text: ({ answer }: { readonly answer: string }) =>
    `Kafka cannot be used now: ${answer}; check that the brokers of EVENTS_URL run, and retry later`,
  publicText: 'event log cannot be used now: call again later',
  metadata: () => ({}),
});

/** A topic that this process uses, and has not seen yet. */
export const topicPending = eventsUnavailable.variant({
  text: ({ topic }: { readonly topic: string }) =>
    `topic ${topic} does not exist yet: wait, this process creates it as soon as the brokers accept it`,
  publicText: 'event log cannot be used now: call again later',
  metadata: () => ({}),
});

export const logClosed = eventsUnavailable.variant({ text: 'event log is closed: open it again' });

export const eventsMisconfigured = defineError({
  reason: 'EVENTS_MISCONFIGURED',
  code: Status.UNAVAILABLE,
  means: 'Kafka rejects this client or is incompatible with it',
  fix: 'fix its user, its rights or the settings of the brokers',
  text: ({ answer }: { readonly answer: string }) =>
    `Kafka rejects this client: ${answer}; fix its user, its rights or the settings of the brokers`,
  publicText: 'event log does not accept this program: call again after its operator has fixed that',
  metadata: () => ({}),
});

export const kafkaTlsFailed = eventsMisconfigured.variant({
  text: ({ answer, advice }: { readonly answer: string; readonly advice: string }) =>
    `Kafka cannot be reached with TLS: ${answer}; ${advice}`,
  publicText: 'event log does not accept this program: call again after its operator has fixed that',
  metadata: () => ({}),
});

export const partitionUnreadable = defineError({
  reason: 'PARTITION_UNREADABLE',
  code: Status.DATA_LOSS,
  means: 'the record at an offset of a partition is damaged or cannot be read',
  fix: 'restore it, or stop the group and commit a later offset',
  text: (place: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
    readonly problem: string;
  }) =>
    `record ${place.topic}/${place.partition}/${place.offset} cannot be read: ${place.problem}. The partition waits: restore it, or stop the group and commit a later offset for it`,
  publicText: ({ topic, partition, offset }) =>
    `record ${topic}/${partition}/${offset} cannot be read: continue after its offset, or when its operator has restored it`,
  metadata: ({ topic, partition, offset }) => ({ topic, partition, offset }),
});

/** The file of an embedded log is damaged outside of its records. */
export const logDamaged = storageCorrupt.variant({
  text: ({ file, problem }: { readonly file: string; readonly problem: string }) =>
    `event log ${file} is damaged: ${problem}; stop this process, move its data folder aside, put the whole folder of a backup in its place, and start it again`,
  publicText: 'event log is damaged: call again after its operator has restored it',
  metadata: () => ({}),
});

/** Without the row, the group begins again, and its inbox passes over what it has handled. */
export const committedOffsetDamaged = storageCorrupt.variant({
  text: ({
    file,
    group,
    partitionId,
  }: {
    readonly file: string;
    readonly group: string;
    readonly partitionId: bigint;
  }) =>
    `event log ${file} is damaged: the row of a committed offset of group ${group} is corrupt; stop this process and delete the row, ` +
    'so that the group reads this partition again and passes over what it has handled: DELETE FROM committed_offset ' +
    `WHERE consumer_group = ${quoted(group)} AND partition_id = ${partitionId}`,
  publicText: 'event log is damaged: call again after its operator has repaired it',
  metadata: () => ({}),
});

/** Nothing of a partition is delivered from `offset` on. */
export const recordDamaged = storageCorrupt.variant({
  text: (place: {
    readonly file: string;
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
    readonly problem: string;
  }) =>
    `event log ${place.file} is damaged: offset ${place.offset} of partition ${place.partition} of ${place.topic} ${place.problem}, so that partition stops there; ` +
    `stop this process and restore the whole data folder from a backup, or give up the event with: ${withCommandsHere(`make damaged ARGS='skip ${place.topic}/${place.partition}/${place.offset} --note=why'`)}`,
  publicText: ({ topic, partition, offset }) =>
    `record ${topic}/${partition}/${offset} is damaged, so its partition stops there: continue after its offset, or when its operator has restored it or skipped it with ${withCommandsHere('"make damaged"')}`,
  metadata: ({ topic, partition, offset }) => ({ topic, partition, offset }),
});

export const damagedBefore = defineError({
  reason: 'DAMAGED_BEFORE',
  code: Status.FAILED_PRECONDITION,
  means: 'the event before it is damaged too',
  fix: 'skip that one first',
  seenIn: 'make damaged',
  text: ({
    topic,
    partition,
    offset,
  }: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
  }) => `the record before offset ${offset} of partition ${partition} of ${topic} is damaged too: skip that one first`,
  metadata: () => ({}),
});

/** A text as SQL writes it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
