import { basename } from 'node:path';
import { encodeChangeReason } from '../../mesh/operator-actions/change-reason.ts';

/**
 * Why a program makes changes, for the record of what operators do, as the metadata `request-reason` has it: what
 * `ORDERMESH_REASON` says, else `otherwise`. Default: that this program sends them.
 */
export function changeReason(
  { ORDERMESH_REASON }: NodeJS.ProcessEnv = process.env,
  otherwise = `sent by ${basename(process.argv[1] ?? 'a program')}`,
): string {
  return encodeChangeReason(ORDERMESH_REASON || otherwise);
}
