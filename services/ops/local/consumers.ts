import type {
  ConsumerGroup as ConsumerGroupMessage,
  ConsumerPosition as ConsumerPositionMessage,
  ReplayConsumerRequest,
  ReplayOffsets,
  ReplayProgress as ReplayProgressMessage,
} from '#gen/ops/v1/consumer.ts';
import { type Logger, type PartitionLag, type ReplayProgress, type Service, type StartPosition, uuidv7 } from '#mesh';
import { unknownGroup, unknownPartitions, unknownTopicOfGroup } from '../errors.ts';
import type { OpsPart } from '../ops-part.ts';

export interface ConsumerDeps {
  readonly services: readonly Service[];
  /** Aborts when the process drains. */
  readonly draining: AbortSignal;
  readonly logger: Logger;
}

/** A consumer group of a service. */
type Group = NonNullable<Service['consumers']>[number] & { readonly service: string };

/** Shows the consumer groups of this process. A replay ends when its call ends or the process drains. */
export function localConsumers({
  services,
  draining,
  logger,
}: ConsumerDeps): Pick<OpsPart, 'listConsumers' | 'replayConsumer'> {
  const groups = (): Group[] =>
    services
      .flatMap(({ name, consumers = [] }) => consumers.map((consumer) => ({ ...consumer, service: name })))
      .toSorted((one, other) => (one.group < other.group ? -1 : 1));

  return {
    listConsumers: () => Promise.all(groups().map(groupToProto)),

    async *replayConsumer(request, { signal }) {
      const found = groups().find(({ group }) => group === request.group);
      if (!found) throw unknownGroup({ group: request.group, known: groups().map(({ group }) => group) });
      const { group, topics, replay } = found;
      const { topic } = request;
      if (topic !== '' && !topics.includes(topic)) throw unknownTopicOfGroup(topics);
      if (request.from?.$case === 'offsets') await checkPartitions(request.from.value, topic, found);
      const range = { from: startOf(request.from), ...(topic !== '' && { topic }) };
      const fields = { group, replay: uuidv7() };
      logger.info(fields, 'replay started');
      let last: ReplayProgress | undefined;
      try {
        for await (const progress of replay(range, AbortSignal.any([signal, draining]))) {
          last = progress;
          yield progressToProto(progress);
        }
      } finally {
        logger.info({ ...fields, ...last?.outcomes, done: last?.done ?? false }, 'replay ended');
      }
    },
  };
}

/** Throws INVALID_ARGUMENT `INVALID_FIELD` if offsets name a partition that no topic of the replay has. */
async function checkPartitions({ byPartition }: ReplayOffsets, topic: string, { lag }: Group): Promise<void> {
  const positions = (await lag()).filter((position) => topic === '' || position.topic === topic);
  const count = Math.max(0, ...positions.map(({ partition }) => partition + 1));
  const unknown = Object.keys(byPartition).filter((key) => !positions.some(({ partition }) => `${partition}` === key));
  if (unknown.length > 0) throw unknownPartitions(unknown, count);
}

function startOf(from: ReplayConsumerRequest['from']): StartPosition {
  switch (from?.$case) {
    case undefined:
      return { at: 'beginning' };
    case 'time':
      return { at: 'time', timeMs: from.value.getTime() };
    case 'offsets': {
      const entries = Object.entries(from.value.byPartition).map(([key, offset]) => [Number(key), offset] as const);
      return { at: 'offsets', offsets: new Map(entries) };
    }
  }
}

async function groupToProto({ group, service, lag }: Group): Promise<ConsumerGroupMessage> {
  return { group, service, positions: (await lag()).map(positionToProto) };
}

function positionToProto({ topic, partition, next, end, events }: PartitionLag): ConsumerPositionMessage {
  return { topic, partition, nextOffset: next, endOffset: end, eventsBehind: events };
}

function progressToProto({ outcomes, positions, waitingFor, done }: ReplayProgress): ReplayProgressMessage {
  return {
    eventsApplied: BigInt(outcomes.applied),
    eventsKnown: BigInt(outcomes.known),
    eventsIgnored: BigInt(outcomes.ignored),
    eventsDead: BigInt(outcomes.dead),
    eventsTooOld: BigInt(outcomes['too-old']),
    positions: positions.map(({ topic, partition, start, next, end }) => ({
      topic,
      partition,
      startOffset: start,
      nextOffset: next,
      endOffset: end,
    })),
    waitingFor,
    done,
  };
}
