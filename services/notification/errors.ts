import { Status } from 'nice-grpc-common';
import { MeshError } from '../../mesh/errors/mesh-error.ts';

export function notificationNotFound(id: string): MeshError {
  return new MeshError(Status.NOT_FOUND, 'NOTIFICATION_NOT_FOUND', `there is no notification ${id}`, {
    metadata: { notification_id: id },
  });
}

export function unknownTemplate(template: string, known: readonly string[]): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'UNKNOWN_TEMPLATE',
    `there is no mail template ${JSON.stringify(template)}: use one of ${known.join(', ')}`,
  );
}

export function unreadableJob(problem: string): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'UNDECODABLE',
    `the mail job cannot be read: ${problem}; send JSON with to and template`,
  );
}

export function unreadableEvent(problem: string, cause: unknown): MeshError {
  return new MeshError(Status.INVALID_ARGUMENT, 'UNDECODABLE', `the order's event cannot be read: ${problem}`, {
    cause,
  });
}

export function badRecipient(to: string): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'BAD_RECIPIENT',
    `${JSON.stringify(to)} is no address that mail can go to`,
  );
}
