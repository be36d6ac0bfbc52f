import { invalidRequest } from '../../errors/errors.ts';
import { changeReasonKey, decodeChangeReason, maxChangeReasonLength } from '../../operator-actions/change-reason.ts';
import { reasonMissing } from '../../security/authorization/errors.ts';
import type { HandlerContext } from '../handler-context.ts';

/** The fields of requests that say why. */
const reasonFields = ['reason', 'note'] as const;

/**
 * Returns why an operator makes a change: what the request says, else what its metadata says. Empty if neither does, for
 * what belongs to the operator: anyone may do that. Throws INVALID_ARGUMENT `REASON_MISSING`, and `INVALID_FIELD` if the
 * metadata is too long.
 */
export function reasonOf(call: HandlerContext, request: unknown): string {
  const fields = request as Readonly<Record<string, unknown>> | undefined;
  const field = reasonFields.find((name) => typeof fields?.[name] === 'string');
  const inRequest = field === undefined ? '' : `${fields?.[field]}`.trim();
  if (inRequest !== '') return inRequest;
  const reason = decodeChangeReason(call.credentials.textMetadata(changeReasonKey));
  if (reason === undefined) {
    if (call.ownsRequest(request)) return '';
    throw reasonMissing({ path: call.path, field });
  }
  if (reason.length > maxChangeReasonLength) {
    const description = `must have at most ${maxChangeReasonLength} characters`;
    throw invalidRequest([{ field: changeReasonKey, description }]);
  }
  return reason;
}
