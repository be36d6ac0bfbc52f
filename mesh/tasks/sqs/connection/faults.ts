import { messageOf } from '../../../errors/error-text.ts';
import { MeshError } from '../../../errors/mesh-error.ts';
import { tlsAdvice } from '../../../errors/tls-advice.ts';
import { sqsMisconfigured, tasksUnavailable } from '../../errors.ts';

/**
 * What an error of SQS means:
 * - `away`: it cannot be reached or does not work; calls fail until it does.
 * - `wait`: it cannot do this now; the same call may succeed later.
 * - `wiring`: credentials, rights or another setup are wrong: only a person can fix it.
 * - `no-queue`: the queue does not exist.
 * - `lost`: the message is no longer held by who received it.
 * - `message`: about what was sent; it never succeeds.
 */
export type SqsFaultKind = 'away' | 'wait' | 'wiring' | 'no-queue' | 'lost' | 'message';

export interface SqsFault {
  readonly kind: SqsFaultKind;
  /** What happened, and what to do. */
  readonly text: string;
}

const credentials =
  'check the credentials of the process (AWS_PROFILE, AWS_ACCESS_KEY_ID, the role of the container), and the clock of the machine';
const rights = 'let its policy allow what docs/operating.md lists for SQS';

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html and those of each action. Some
// servers prefix a name with its namespace: `AWS.SimpleQueueService.NonExistentQueue`.
const kinds: readonly (readonly [RegExp, SqsFaultKind, string])[] = [
  [/(QueueDoesNotExist|NonExistentQueue)$/, 'no-queue', ''],
  [/(ReceiptHandleIsInvalid|MessageNotInflight)$/, 'lost', ''],
  [/(InvalidMessageContents|BatchRequestTooLong|InvalidParameterValue|InvalidParameterValueException)$/, 'message', ''],
  [/QueueDeletedRecently$/, 'wait', 'SQS creates a queue again a minute after it was deleted'],
  [/(Throttl\w*|TooManyRequests\w*|OverLimit)$/, 'wait', ''],
  [/(AccessDenied\w*|UnauthorizedOperation|KmsAccessDenied|AuthorizationError\w*)$/, 'wiring', rights],
  [
    /^(CredentialsProviderError|InvalidClientTokenId|UnrecognizedClient\w*|\w*Signature\w*|ExpiredToken\w*|TokenRefreshRequired|\w*AuthenticationToken\w*|RequestExpired|RequestTimeTooSkewed|InvalidSecurity|IncompleteSignature|OptInRequired)$/,
    'wiring',
    credentials,
  ],
];

/** Judges an error of the client of SQS. */
export function judgeSqsFault(error: unknown): SqsFault {
  const text = messageOf(error);
  const advice = tlsAdvice(error, 'TASKS_CA_FILE');
  if (advice) return { kind: 'wiring', text: `${text}; ${advice}` };
  const name = error instanceof Error ? error.name : '';
  const [, kind, remedy] = kinds.find(([names]) => names.test(name)) ?? [];
  if (kind) return { kind, text: [`${name}: ${text}`, remedy].filter(Boolean).join('; ') };
  const status = statusOf(error);
  if (status === undefined) return { kind: 'away', text: `SQS cannot be reached: ${text}; ${wayTo(error)}` };
  return { kind: status >= 500 ? 'away' : 'wait', text: `${name} (${status}): ${text}` };
}

/** Returns what the callers of a queue get for a fault. */
export function sqsError(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const { kind, text: problem } = judgeSqsFault(error);
  return kind === 'wiring'
    ? sqsMisconfigured({ problem }, { cause: error })
    : tasksUnavailable({ problem }, { cause: error });
}

/** Returns the kind of an error that `SqsCalls.call` threw; `undefined` for any other. */
export function faultKindOf(error: unknown): SqsFaultKind | undefined {
  return error instanceof MeshError && error.cause !== undefined ? judgeSqsFault(error.cause).kind : undefined;
}

/** Says what to look at if no answer came. */
function wayTo(error: unknown): string {
  // So ends what is sent in clear text to a server with TLS.
  const isCut = error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
  return `check that it can from here${isCut ? ', and that an endpoint with TLS is https://' : ''}`;
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}
