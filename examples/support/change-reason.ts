import { basename } from 'node:path';
import { encodeChangeReason } from '#mesh';

/**
 * Why a program makes changes, for the record of what operators do: what `ORDERMESH_REASON` says, or that this program
 * sends them. As the metadata `request-reason` has it.
 */
export function changeReason({ ORDERMESH_REASON }: NodeJS.ProcessEnv = process.env): string {
  return encodeChangeReason(ORDERMESH_REASON || `sent by ${basename(process.argv[1] ?? 'a program')}`);
}
