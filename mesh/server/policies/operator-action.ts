import { cutText, messageOf } from '../../errors/error-text.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { OperatorActions } from '../../operator-actions/operator-actions.ts';
import { storableText } from '../../storage/sql.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { HandlerContext } from '../handler-context.ts';
import { reasonOf } from './change-reason.ts';

const maxRequestBytes = 4_096;

export interface ActionTools {
  /** Keeps the record. `undefined`: the service has no database, so only the log has the action. */
  readonly actions: OperatorActions | undefined;
  readonly logger: Logger;
}

/** Runs a handler of one response for an operator: the action is recorded before it begins, and its outcome afterwards. */
export async function recordedResponse(
  call: HandlerContext,
  request: unknown,
  tools: ActionTools,
  handle: () => unknown,
): Promise<unknown> {
  const id = await begin(call, request, tools);
  try {
    const response = await handle();
    await end(id, call.isRepeated ? 'REPEATED' : outcomeIn(response), tools);
    return response;
  } catch (error) {
    await end(id, outcomeOf(error), tools);
    throw error;
  }
}

/** The same for a handler of a stream of responses. */
export async function* recordedResponses(
  call: HandlerContext,
  request: unknown,
  tools: ActionTools,
  handle: () => unknown,
): AsyncIterable<unknown> {
  const id = await begin(call, request, tools);
  let outcome = 'CANCELLED';
  try {
    yield* handle() as AsyncIterable<unknown>;
    outcome = 'OK';
  } catch (error) {
    outcome = outcomeOf(error);
    throw error;
  } finally {
    await end(id, outcome, tools);
  }
}

/** Whether a request only asks what a change would do. */
export function isDryRun(request: unknown): boolean {
  return (request as { readonly dryRun?: unknown } | undefined)?.dryRun === true;
}

async function begin(call: HandlerContext, request: unknown, { actions, logger }: ActionTools): Promise<string> {
  const { subject = '', roles = [] } = call.caller ?? {};
  const reason = storableText(reasonOf(call, request));
  const { path: method, requestId } = call;
  const text = storableText(cutText(asJson(request), maxRequestBytes));
  if (actions === undefined) {
    // The log alone has it, also with LOG_LEVEL=warn.
    logger.warn({ method, subject, roles, reason, request: text }, 'operator action');
    return '';
  }
  logger.info({ method, subject, roles, reason }, 'operator action');
  return await actions.begin({ subject, roles, method, request: text, reason, requestId });
}

/** That the outcome is missing shows that it is not known: the effect has been had. */
async function end(id: string, outcome: string, { actions, logger }: ActionTools): Promise<void> {
  try {
    await actions?.end(id, outcome);
  } catch (error) {
    logger.warn({ err: error, action: id, outcome }, 'outcome of an operator action was not recorded');
  }
}

function asJson(request: unknown): string {
  if (request === undefined) return '';
  return JSON.stringify(request, (_, value: unknown) => {
    if (typeof value === 'bigint') return value.toString();
    return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
  });
}

/** `OK`, or the reason of the first failure that a response lists, as a change of several things does. */
function outcomeIn(response: unknown): string {
  const { failures } = (response ?? {}) as { readonly failures?: unknown };
  const [first] = Array.isArray(failures) ? (failures as readonly { readonly reason?: unknown }[]) : [];
  return typeof first?.reason === 'string' ? first.reason : 'OK';
}

function outcomeOf(error: unknown): string {
  return error instanceof MeshError ? error.reason : cutText(messageOf(error), 200);
}
