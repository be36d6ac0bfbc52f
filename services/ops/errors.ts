import {
  defineError,
  invalidRequest,
  type MeshError,
  Status,
  unknownProjection,
  unknownSaga,
  withCommandsHere,
} from '#mesh';

/** The order has no saga. */
export const noSagaOfOrder = unknownSaga.variant({
  text: ({ orderId }: { readonly orderId: string }) => `order "${orderId}" has no saga: check the order's id`,
});

export const unknownDeadLetter = defineError({
  reason: 'UNKNOWN_DEAD_LETTER',
  code: Status.NOT_FOUND,
  means: 'no dead letter has this id, or it was closed so long ago that it was purged',
  fix: 'see ListDeadLetters',
  text: ({ id }: { readonly id: string }) =>
    `dead letter "${id}" not found: it never existed, or was purged after it was redriven or discarded; see ListDeadLetters`,
});

export const processUnreachable = defineError({
  reason: 'PROCESS_UNREACHABLE',
  code: Status.UNAVAILABLE,
  means: 'processes that may have what was asked for did not answer `ops`',
  fix: 'see `make status`; start or end them, then call again',
  text: ({ processes, why }: { readonly processes: string; readonly why: string }) =>
    `${processes} did not answer (${why}): see ${withCommandsHere('"make status"')}, then call again`,
  metadata: ({ processes }) => ({ processes }),
});

/** Several projections have this name. */
export const ambiguousProjection = unknownProjection.variant({
  text: ({ name, known }: { readonly name: string; readonly known: readonly string[] }) =>
    `projection "${name}" is ambiguous: name its service too, as in ${known.join(', ')}`,
  metadata: ({ name }) => ({ name }),
});

export const unknownOwner = defineError({
  reason: 'UNKNOWN_OWNER',
  code: Status.NOT_FOUND,
  means: 'no service with this name reports the ids under which it charges and reserves',
  fix: 'use one that ListOwners returns',
  text: ({ owner }: { readonly owner: string }) => `owner "${owner}" not found: use one that ListOwners returns`,
});

export const unknownGroup = defineError({
  reason: 'UNKNOWN_GROUP',
  code: Status.NOT_FOUND,
  means: 'no consumer group of this process has this name',
  fix: 'use one that ListConsumers returns',
  text: ({ group, known }: { readonly group: string; readonly known: readonly string[] }) =>
    `consumer group "${group}" not found: ${known.length > 0 ? `use one of ${known.join(', ')}` : 'this process has none'}`,
  metadata: ({ group }) => ({ group }),
});

/** INVALID_ARGUMENT `INVALID_FIELD`: the group does not read this topic. */
export function unknownTopicOfGroup(topics: readonly string[]): MeshError {
  return invalidRequest([{ field: 'topic', description: `must be empty or one of ${topics.join(', ')}` }]);
}

/** INVALID_ARGUMENT `INVALID_FIELD`: the topics of the group do not have these partitions. */
export function unknownPartitions(partitions: readonly string[], count: number): MeshError {
  const allowed = count === 0 ? 'there are none yet' : `use 0 to ${count - 1}`;
  const description = `must not name partition ${partitions.join(', ')}: ${allowed}`;
  return invalidRequest([{ field: 'offsets.by_partition', description }]);
}

export const noAuditYet = defineError({
  reason: 'NO_AUDIT_YET',
  code: Status.NOT_FOUND,
  means: 'no audit of all checks of a service has finished',
  fix: 'wait for it, or run one with RunAudit',
  text: 'no audit of all checks of a service has finished: wait for it (AUDIT_INTERVAL_MS), or run one with RunAudit',
});

/** INVALID_ARGUMENT `INVALID_FIELD`: exactly one of `ids` and `filter` must be set. */
export function eitherIdsOrFilter(): MeshError {
  const description = 'must be set if filter is not, and only then; an empty filter selects all dead letters';
  return invalidRequest([{ field: 'ids', description }]);
}
