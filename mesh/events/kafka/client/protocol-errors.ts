/**
 * What an error of Kafka's protocol means.
 * - `passing`: the cluster is changing, or the outcome is unknown. Retry with fresh metadata.
 * - `missing-topic`: the topic does not exist now. It may be created again, and the answer may be about another topic.
 * - `record`: the brokers will never accept this record, or this topic name.
 * - `miswired`: this client has no rights, or brokers and client do not fit. Nothing works until somebody fixes that.
 * - `producer`: the brokers no longer know this producer. A new one can continue.
 * - `out-of-range`: the offset is not kept, or does not exist yet.
 */
export type Meaning = 'passing' | 'missing-topic' | 'record' | 'miswired' | 'producer' | 'out-of-range';

/** Every protocol code that this client can get, by its name in the library. */
const meanings: Readonly<Record<Meaning, readonly string[]>> = {
  passing: [
    'UNKNOWN',
    'CORRUPT_MESSAGE',
    'LEADER_NOT_AVAILABLE',
    'NOT_LEADER_FOR_PARTITION',
    'REQUEST_TIMED_OUT',
    'BROKER_NOT_AVAILABLE',
    'REPLICA_NOT_AVAILABLE',
    'STALE_CONTROLLER_EPOCH',
    'NETWORK_EXCEPTION',
    'GROUP_LOAD_IN_PROGRESS',
    'GROUP_COORDINATOR_NOT_AVAILABLE',
    'NOT_COORDINATOR_FOR_GROUP',
    'NOT_ENOUGH_REPLICAS',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'ILLEGAL_GENERATION',
    'UNKNOWN_MEMBER_ID',
    'REBALANCE_IN_PROGRESS',
    'TOPIC_ALREADY_EXISTS',
    'NOT_CONTROLLER',
    'OPERATION_NOT_ATTEMPTED',
    'KAFKA_STORAGE_ERROR',
    'LOG_DIR_NOT_FOUND',
    'REASSIGNMENT_IN_PROGRESS',
    'NON_EMPTY_GROUP',
    'GROUP_ID_NOT_FOUND',
    'FETCH_SESSION_ID_NOT_FOUND',
    'INVALID_FETCH_SESSION_EPOCH',
    'FENCED_LEADER_EPOCH',
    'UNKNOWN_LEADER_EPOCH',
    'STALE_BROKER_EPOCH',
    'OFFSET_NOT_AVAILABLE',
    'MEMBER_ID_REQUIRED',
    'PREFERRED_LEADER_NOT_AVAILABLE',
    'GROUP_MAX_SIZE_REACHED',
    'FENCED_INSTANCE_ID',
    'ELIGIBLE_LEADERS_NOT_AVAILABLE',
    'ELECTION_NOT_NEEDED',
    'NO_REASSIGNMENT_IN_PROGRESS',
    'GROUP_SUBSCRIBED_TO_TOPIC',
    'UNSTABLE_OFFSET_COMMIT',
    'CONCURRENT_TRANSACTIONS',
    'TRANSACTION_COORDINATOR_FENCED',
    'THROTTLING_QUOTA_EXCEEDED',
  ],
  'missing-topic': ['UNKNOWN_TOPIC_OR_PARTITION'],
  record: [
    'MESSAGE_TOO_LARGE',
    'INVALID_TOPIC_EXCEPTION',
    'RECORD_LIST_TOO_LARGE',
    'INVALID_TIMESTAMP',
    'INVALID_RECORD',
  ],
  miswired: [
    'INVALID_FETCH_SIZE',
    'OFFSET_METADATA_TOO_LARGE',
    'INVALID_REQUIRED_ACKS',
    'INCONSISTENT_GROUP_PROTOCOL',
    'INVALID_GROUP_ID',
    'INVALID_SESSION_TIMEOUT',
    'INVALID_COMMIT_OFFSET_SIZE',
    'TOPIC_AUTHORIZATION_FAILED',
    'GROUP_AUTHORIZATION_FAILED',
    'CLUSTER_AUTHORIZATION_FAILED',
    'UNSUPPORTED_SASL_MECHANISM',
    'ILLEGAL_SASL_STATE',
    'UNSUPPORTED_VERSION',
    'INVALID_PARTITIONS',
    'INVALID_REPLICATION_FACTOR',
    'INVALID_REPLICA_ASSIGNMENT',
    'INVALID_CONFIG',
    'INVALID_REQUEST',
    'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    'POLICY_VIOLATION',
    'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    'SECURITY_DISABLED',
    'SASL_AUTHENTICATION_FAILED',
    'DELEGATION_TOKEN_AUTH_DISABLED',
    'DELEGATION_TOKEN_NOT_FOUND',
    'DELEGATION_TOKEN_OWNER_MISMATCH',
    'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
    'DELEGATION_TOKEN_AUTHORIZATION_FAILED',
    'DELEGATION_TOKEN_EXPIRED',
    'INVALID_PRINCIPAL_TYPE',
    'LISTENER_NOT_FOUND',
    'TOPIC_DELETION_DISABLED',
    'UNSUPPORTED_COMPRESSION_TYPE',
  ],
  producer: [
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    'DUPLICATE_SEQUENCE_NUMBER',
    'INVALID_PRODUCER_EPOCH',
    'INVALID_TXN_STATE',
    'INVALID_PRODUCER_ID_MAPPING',
    'INVALID_TRANSACTION_TIMEOUT',
    'UNKNOWN_PRODUCER_ID',
    'PRODUCER_FENCED',
  ],
  'out-of-range': ['OFFSET_OUT_OF_RANGE'],
};

const meaningOf: ReadonlyMap<string, Meaning> = new Map(
  Object.entries(meanings).flatMap(([meaning, names]) => names.map((name) => [name, meaning as Meaning])),
);

/** Whether the table has this code. */
export function isClassified(name: string): boolean {
  return meaningOf.has(name);
}

/**
 * Returns the meaning of an error, even of one that the library stopped retrying. Other errors and unknown codes are
 * `passing`, because no work may end because of them.
 */
export function meansOf(error: unknown): Meaning {
  return meaningOf.get(protocolErrorOf(error) ?? '') ?? 'passing';
}

/** Returns the name of a broker's error (`MESSAGE_TOO_LARGE`), even of one that the library stopped retrying. */
export function protocolErrorOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  // The library has its own errors for the user.
  if (error.name === 'KafkaJSSASLAuthenticationError') return 'SASL_AUTHENTICATION_FAILED';
  if ('type' in error && typeof error.type === 'string') return error.type;
  return protocolErrorOf(error.cause);
}
