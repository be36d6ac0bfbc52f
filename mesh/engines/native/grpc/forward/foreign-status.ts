import { Status } from 'nice-grpc-common';
import { decodeStatusDetails, statusDetailsKey } from '../../../../errors/status-details.ts';
import { unknownMethod } from '../../../errors.ts';
import { fieldValue } from '../../http2/codec/field-rules.ts';
import { headFault } from '../client/response-status.ts';

/** Whether the fields are the whole response of a server that does not have the method. Other servers give no reason. */
export function isUnknownMethod(fields: readonly string[]): boolean {
  if (headFault(fields) !== undefined || fieldValue(fields, 'grpc-status') !== `${Status.UNIMPLEMENTED}`) return false;
  const reason = reasonOf(fields);
  return reason === '' || reason === unknownMethod.reason;
}

/** The reason that the fields give for an error; empty without one. */
export function reasonOf(fields: readonly string[]): string {
  return decodeStatusDetails(Buffer.from(fieldValue(fields, statusDetailsKey) ?? '', 'base64')).reason;
}
